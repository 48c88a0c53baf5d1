"""Faults of what the record needs: the link to Asterisk, the database, the disk. Calls do not notice, and
afterwards the record has what happened and invents nothing."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial

import pytest
from house import House, until
from recorded import as_asterisk_has_it, in_order
from stack.phones.baresip import Answering
from stack.proxy import Proxy
from stack.storage import database_file, database_locked, database_slow, no_space_for

FIRST, SECOND, THIRD, FOURTH = (f"+62811000000{number}" for number in range(1, 5))


@asynccontextmanager
async def linked_by_proxy(house: House) -> AsyncIterator[Proxy]:
    """The house's engine, started again with a proxy in front of Asterisk's manager."""
    proxy = Proxy(house.free_port(), house.settings.ami_port)
    await proxy.open()
    await house.stop_engine()
    house.environment["IVR_AMI_PORT"] = str(proxy.port)
    await house.start_engine()
    yield proxy
    proxy.cut()


@pytest.mark.parametrize("how", ["cut", "half-open"])
async def test_the_link_to_asterisk_is_lost_in_mid_call(house: House, how: str) -> None:
    """While the link is away one talk goes on, one waiting caller leaves, one new caller is answered, and one
    new caller leaves at once. The new ones still get menus and decisions. When the link is back, the engine
    has the story of each from Asterisk's own log, with its real end, and what comes live continues it."""
    phones = await house.phones("op1", "op2")
    phones["op1"].answering = phones["op2"].answering = Answering()
    async with linked_by_proxy(house) as proxy:
        await house.on_duty("op1")
        talks = await house.call(caller=FIRST, keys=[(0.2, "0")])
        await until(lambda: house.call_of(FIRST).get("state") == "talking", "the first talks")
        waits = await house.call(caller=SECOND, keys=[(0.2, "0")])
        await until(lambda: house.call_of(SECOND).get("state") == "queue", "the second waits")
        if how == "cut":
            proxy.cut()
        else:
            proxy.freeze()
        await until(lambda: house.health().get("status") != "ok", "the engine notices")
        await waits.hang_up()
        await house.on_duty("op2")
        new = await house.call(caller=THIRD, keys=[(0.2, "1")])
        leaves = await house.call(caller=FOURTH, hang_up_after=1.0)
        await leaves.result()
        await until(lambda: len(phones["op2"].active) == 1, "the third talks")
        await until(lambda: house.call_of(THIRD).get("rule") == "fire", "the decision is in its row")
        if how == "cut":
            await proxy.open()
        else:
            proxy.thaw()
        await house.engine_ready()
        await until(lambda: house.call_of(THIRD)["state"] == "talking", "the third is found talking")
        assert house.call_of(FIRST)["state"] == "talking"
        for caller, reason in ((SECOND, "in-queue"), (FOURTH, "in-menu")):
            await until(lambda caller=caller: house.call_of(caller)["ended_at"], "its end is in its row")
            row = house.call_of(caller)
            assert (row["reason"], row["detail"]) == (reason, "caller")
            assert row["result"] in {"short", "abandoned"}  # by how long it took to notice the cut
        await talks.hang_up()
        await new.hang_up()
        await house.ended(4)
    for caller, operator in ((FIRST, "op1"), (THIRD, "op2")):
        row = house.call_of(caller)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "caller")
        assert row["operator"] == operator
    as_asterisk_has_it(house)
    assert not house.rows("SELECT * FROM ledger WHERE kind LIKE '%-after-reconnect'")
    told = house.story(house.call_of(THIRD)["call_id"])
    kinds = [one.kind for one in sorted(told, key=lambda one: one.at)]  # the menu's event came last
    assert in_order(kinds, "menu", "decision", "operator-answered", "ended"), told
    assert {one.source for one in told} == {"asterisk", "asterisk-log", "engine"}


def locked(house: House) -> AbstractContextManager[None]:
    return database_locked(house.settings)


def slow(house: House) -> AbstractContextManager[None]:
    return database_slow(house.settings)


def disk_full(house: House) -> AbstractContextManager[None]:
    return no_space_for(house.engine_pid)


@contextmanager
def locked_and_disk_full(house: House) -> Iterator[None]:
    with locked(house), disk_full(house):
        yield


FAULTS: tuple[Callable[[House], AbstractContextManager[None]], ...] = (
    locked,
    slow,
    disk_full,
    locked_and_disk_full,
)


async def test_calls_are_answered_and_recorded_whatever_the_database_does(house: House) -> None:
    """The database is locked, slow, or the disk is full for a while, one after the other, and in each case a
    citizen calls, chooses, and talks with an operator just as before. Afterwards the record of each of these
    calls has every entry that a call in good times has."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering(after=0.1, hang_up_after=0.2)
    await house.on_duty("op1")
    usual = await house.call(caller=FIRST, keys=[(0.2, "1")])
    assert (await usual.result()).ended_by == "them"
    (row,) = await house.ended(1)
    await until(lambda: "recording-saved" in house.kinds(row["call_id"]), "its recording is looked at")
    wanted = Counter(house.kinds(row["call_id"]))
    assert wanted["ended"] == 1
    for number, fault in enumerate(FAULTS):
        caller = f"+6281100001{number:02}"
        with fault(house):
            call = await house.call(caller=caller, keys=[(0.2, "1")])
            assert (await call.result()).ended_by == "them", fault.__name__
            if fault is not slow:
                await until(lambda: house.health().get("status") != "ok", "the engine says so")
                assert not house.call_of(caller).get("ended_at"), fault.__name__
        await until(lambda caller=caller: house.call_of(caller).get("ended_at"), fault.__name__, 30)
        row = house.call_of(caller)
        assert (row["result"], row["operator"], row["rule"]) == ("answered", "op1", "fire"), fault.__name__
        story = partial(house.kinds, row["call_id"])
        await until(lambda story=story: "recording-saved" in story(), "its recording is looked at", 30)
        assert Counter(story()) == wanted, fault.__name__
        await house.engine_ready()


async def test_the_engine_starts_without_its_database(house: House) -> None:
    """The engine is started while its database is not there (here a directory stands in its place). Calls are
    answered by its advice all the same; they wait in the journal, and when the database is back, the engine
    makes its tables and the record is complete."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering(after=0.1, hang_up_after=0.2)
    await house.stop_engine()
    await house.on_duty("op1")  # an entry of it before would be missed later, and called a cut of the record
    path = database_file(house.settings)
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()
    path.mkdir()
    await house.launch_engine()
    await until(lambda: house.health().get("status") not in (None, "ok"), "the engine runs and complains", 20)
    call = await house.call(caller=FIRST, keys=[(0.2, "1")])
    assert (await call.result()).ended_by == "them"
    assert [step for step, _ in house.steps(FIRST)][:2] == ["first-menu", "stage"]
    path.rmdir()
    await house.engine_ready(40)
    row = await house.only_call()
    assert (row["result"], row["operator"], row["rule"]) == ("answered", "op1", "fire")
    story = house.kinds(row["call_id"])
    assert in_order(story, "menu", "decision", "operator-answered", "ended"), story


async def test_a_recording_that_cannot_be_written_stops_no_call(house: House) -> None:
    """A file stands where the directory of recordings should be."""
    house.settings.recordings.rmdir()
    house.settings.recordings.write_text("")
    phones = await house.phones("op1")
    phones["op1"].answering = Answering(after=0.1, hang_up_after=0.2)
    await house.on_duty("op1")
    call = await house.call(keys=[(0.2, "1")])
    assert (await call.result()).ended_by == "them"
    row = await house.only_call()
    assert (row["result"], row["operator"]) == ("answered", "op1")
