"""How the rules of a running engine change: noticed, made ready, Asterisk first, then the switch."""

import asyncio
import errno
import os
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.errors import AmiError, AmiRefused, IvrError
from ivr.prompts import Catalogue
from ivr.render.reload_note import to_reload
from ivr.routing.decide import decide
from ivr.routing.loader import load_bytes
from ivr.routing.model import Facts
from ivr.routing.rules import Rules
from ivr.rulebook import changes, open_rulebook, taking
from ivr.rulebook.by_hand import ByHand, Mark, read_by_hand, write_by_hand
from ivr.rulebook.changes import Changes
from ivr.rulebook.in_use import MOST_KEPT, InUse, read_in_use, write_in_use
from ivr.rulebook.taking import Failed, Job, Refused, Same, Taken, take
from ivr.rulebook.versions import Action, Versions
from ivr.rulebook.watch import Watch
from ivr.rulebook.worker import Worker
from ivr.settings import Settings

GOOD = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
MORE_PRIORITY = GOOD.replace("priority: 9", "priority: 10")
NEW_LINE = GOOD.replace("perkim-1 20s", "perkim-7 20s")
BROKEN = GOOD.replace("lead: damkar", "lead: damkr")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


async def no_speech(*_: object, **__: object) -> Catalogue:
    return Catalogue("id", {}, {})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A house whose configuration was written for the file as it is."""
    monkeypatch.setattr(taking, "render_prompts", no_speech)
    settings = Settings(state=tmp_path / "state", routing=tmp_path / "routing.yaml")
    settings.routing.write_text(GOOD)
    settings.generated.mkdir(parents=True)
    open_rulebook(settings)
    assert isinstance(take(Job(settings)), Taken)
    taking.went_live(settings, 1)
    return settings


def generated(settings: Settings, name: str) -> str:
    return (settings.generated / f"{name}.conf").read_text()


class TestWatch:
    def test_a_file_is_news_when_it_has_rested(self, tmp_path: Path) -> None:
        path, clock = tmp_path / "a", [0.0]
        watch = Watch(path, rest=0.2, clock=lambda: clock[0])
        path.write_text("1")
        assert not watch.changed()
        clock[0] += 0.1
        path.write_text("12")  # an editor writes in several steps
        assert not watch.changed()
        clock[0] += 0.15
        assert not watch.changed()
        clock[0] += 0.1
        assert watch.changed()
        assert not watch.changed()

    def test_a_file_that_goes_and_comes_back_the_same_is_no_news(self, tmp_path: Path) -> None:
        path, clock = tmp_path / "a", [0.0]
        path.write_text("1")
        watch = Watch(path, rest=0.2, clock=lambda: clock[0])
        clock[0] += 1
        watch.changed()
        clock[0] += 1
        assert watch.changed()
        path.rename(tmp_path / "b")
        assert not watch.changed()
        (tmp_path / "b").rename(path)
        clock[0] += 1
        assert not watch.changed()
        clock[0] += 1
        assert not watch.changed()

    def test_what_is_followed_anew_is_news_once(self, tmp_path: Path) -> None:
        """It may have changed since it was read."""
        watch = Watch(tmp_path / "a", rest=0)
        assert watch.changed()
        watch.follow([tmp_path / "a", tmp_path / "b"])
        assert watch.changed()
        watch.follow([tmp_path / "a", tmp_path / "b"])
        assert not watch.changed()


class TestMakingReady:
    def test_what_only_decisions_need_changes_the_lifeline_only(self, settings: Settings) -> None:
        settings.routing.write_text(MORE_PRIORITY)
        answer = take(Job(settings, 1))
        assert isinstance(answer, Taken)
        assert (answer.number, answer.modules, answer.kept) == (2, ("pbx_config.so",), (1,))

    def test_lines_of_the_version_before_stay_until_it_is_dropped(self, settings: Settings) -> None:
        settings.routing.write_text(NEW_LINE)
        answer = take(Job(settings, 1))
        assert isinstance(answer, Taken)
        assert answer.modules == ("res_pjsip.so", "pbx_config.so")
        for file in ("lines", "pjsip-phones"):
            assert "perkim-1" in generated(settings, file)
            assert "perkim-7" in generated(settings, file)
        taking.went_live(settings, 2)
        again = take(Job(settings, 2, number=2, drop=(1,)))
        assert isinstance(again, Taken)
        assert (again.modules, again.kept) == (("res_pjsip.so", "pbx_config.so"), ())
        for file in ("lines", "pjsip-phones"):
            assert "perkim-1" not in generated(settings, file)

    def test_what_both_have_is_as_the_new_rules_say(self, settings: Settings) -> None:
        settings.routing.write_text(GOOD.replace("perkim-1 20s", "perkim-1 20s phone=perkim-9"))
        take(Job(settings, 1))
        assert "LINE_DIAL=PJSIP/perkim-9" in generated(settings, "lines")

    def test_a_queue_and_a_language_stay_too(self, settings: Settings) -> None:
        without = GOOD.replace("  supervisors: {ring: together, ring_for: 20s}\n", "").replace(
            "45s supervisors, ", ""
        )
        settings.routing.write_text(without.replace("20s supervisors, ", ""))
        answer = take(Job(settings, 1))
        assert isinstance(answer, Taken), answer
        assert "[supervisors]" in generated(settings, "queues")
        taking.went_live(settings, 2)
        take(Job(settings, 2, number=2, drop=(1,)))
        assert "[supervisors]" not in generated(settings, "queues")

    def test_what_a_killed_engine_left_is_kept_by_its_successor(self, settings: Settings) -> None:
        """It had version 1 in force; meanwhile somebody applied version 2 and the engine started with it."""
        settings.routing.write_text(NEW_LINE)
        book = open_rulebook(settings)
        assert book.number == 2
        answer = take(Job(settings, 2))
        assert isinstance(answer, Taken)
        assert answer.kept == (1,)
        assert "perkim-1" in generated(settings, "lines")

    def test_reloads_that_nobody_did_are_known_to_the_next_process(self, settings: Settings) -> None:
        settings.routing.write_text(NEW_LINE)
        take(Job(settings, 1))
        assert to_reload(settings) == ("res_pjsip.so", "pbx_config.so")
        again = take(Job(settings, 1))
        assert isinstance(again, Taken)
        assert again.modules == ("res_pjsip.so", "pbx_config.so")
        taking.went_live(settings, 2)
        assert to_reload(settings) == ()

    def test_a_broken_file_is_refused_once_in_the_history_and_changes_nothing(
        self, settings: Settings
    ) -> None:
        before = {path: path.read_bytes() for path in settings.generated.iterdir()}
        settings.routing.write_text(BROKEN)
        for _ in range(2):
            answer = take(Job(settings, 1))
            assert isinstance(answer, Refused)
            assert "did you mean damkar" in answer.problems[0]
        assert before == {path: path.read_bytes() for path in settings.generated.iterdir()}
        events = Versions(settings.routing_state).history()
        assert [event.action for event in events] == [Action.EDITED, Action.REFUSED]

    def test_a_line_that_became_an_operators_phone_is_refused(self, settings: Settings) -> None:
        phones = settings.generated / "pjsip-phones.conf"
        phones.write_text(phones.read_text() + "[op1](operator)\n")
        settings.routing.write_text(GOOD.replace("perkim-1 20s", "perkim-1 20s phone=op1"))
        answer = take(Job(settings, 1))
        assert isinstance(answer, Refused)
        assert "both an operator's phone" in answer.problems[0]

    def test_the_same_content_is_not_made_ready_again(self, settings: Settings) -> None:
        digest = load_bytes(GOOD.encode(), "x").digest
        assert isinstance(take(Job(settings, 1, have=digest)), Same)

    @pytest.mark.parametrize("after", range(6))
    def test_a_full_disk_is_no_refusal_and_with_space_it_goes_on(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, after: int
    ) -> None:
        settings.routing.write_text(NEW_LINE)
        left = iter(range(after))

        def full(_: int) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            answer = take(Job(settings, 1))
        assert isinstance(answer, Failed)
        assert "No space left" in answer.reason
        assert "perkim-1" in generated(settings, "lines")
        again = take(Job(settings, 1))
        assert isinstance(again, Taken)
        assert (again.number, set(again.modules)) == (2, {"res_pjsip.so", "pbx_config.so"})

    def test_rules_travel_between_processes(self) -> None:
        rules = load_bytes(GOOD.encode(), "x")
        copy = pickle.loads(pickle.dumps(rules))
        assert copy == rules
        facts = Facts(category="fire", operators=0)
        assert decide(copy, facts, NOW) == decide(rules, facts, NOW)

    def test_earlier_versions_are_bounded(self) -> None:
        in_use = InUse(1)
        for number in range(2, 60):
            in_use = InUse(number, in_use.next(number).kept)
        assert in_use.kept == tuple(range(59 - MOST_KEPT, 59))


class Engine:
    """What :class:`Changes` works on: calls, decisions, and an Asterisk that may be away."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        self.rules: Rules | None = None
        self.marks = ByHand()
        self.calls: list[datetime] = []
        self.reloaded: list[str] = []
        self.away: AmiError | None = None
        self.happened: list[str] = []
        monkeypatch.setattr(changes, "reload_session", self._session)
        self.changes = Changes(
            settings,
            open_rulebook(settings),
            self._expect,
            self._switch,
            self._mark,
            lambda before: any(call <= before for call in self.calls),
            lambda: datetime.now(UTC),
        )

    def _expect(self, rules: Rules, _: Catalogue) -> None:
        self.happened.append("expect")

    def _switch(self, rules: Rules, _: Catalogue) -> None:
        self.rules = rules
        self.happened.append("switch")

    def _mark(self, marks: ByHand) -> None:
        self.marks = marks

    @asynccontextmanager
    async def _session(self, *_: object) -> AsyncIterator["Engine"]:
        if self.away is not None:
            raise self.away
        yield self

    async def reload(self, module: str) -> None:
        self.happened.append(module)

    def line(self, name: str) -> bool:
        return self.rules is not None and name in self.rules.lines


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here(_: Worker, job: Job) -> taking.Answer:
        """In a thread: what it does is the same, and starts at once."""
        return await asyncio.to_thread(take, job)

    monkeypatch.setattr(Worker, "take", here)
    monkeypatch.setattr(changes, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(changes, "LOOK_SECONDS", 0.01)


@pytest.fixture
async def engine(settings: Settings, quick: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    engine = Engine(settings, monkeypatch)
    tasks = [asyncio.create_task(engine.changes.run()), asyncio.create_task(engine.changes.run_marks())]
    yield engine
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_changed_file_goes_live_after_asterisk_has_its_part(engine: Engine) -> None:
    engine.calls.append(datetime.now(UTC))
    await until(lambda: engine.rules)
    engine.happened.clear()
    engine.settings.routing.write_text(NEW_LINE)
    await until(lambda: engine.line("perkim-7"))
    assert engine.happened == ["expect", "res_pjsip.so", "pbx_config.so", "switch"]
    await until(lambda: read_in_use(engine.settings) == InUse(2, (1,)))


async def test_what_old_calls_name_goes_when_the_last_of_them_has_ended(engine: Engine) -> None:
    await until(lambda: engine.rules)
    engine.calls.append(datetime.now(UTC))
    engine.settings.routing.write_text(NEW_LINE)
    await until(lambda: engine.line("perkim-7"))
    engine.calls.append(datetime.now(UTC) + timedelta(hours=1))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert "perkim-1" in generated(engine.settings, "lines")
    del engine.calls[0]
    await until(lambda: "perkim-1" not in generated(engine.settings, "lines"))
    await until(lambda: read_in_use(engine.settings) == InUse(2, ()))


async def test_a_broken_file_stays_refused_until_it_is_good_again(engine: Engine) -> None:
    await until(lambda: engine.rules)
    digest = engine.changes.status.digest
    engine.settings.routing.write_text(BROKEN)
    await until(lambda: engine.changes.status.refused)
    assert engine.changes.status.digest == digest
    assert engine.changes.status.refused_digest == load_digest(BROKEN)
    engine.settings.routing.unlink()
    await until(lambda: "cannot be read" in engine.changes.status.refused[0])
    engine.settings.routing.write_text(GOOD)
    await until(lambda: not engine.changes.status.refused)
    assert (engine.changes.status.number, engine.changes.status.digest) == (1, digest)
    engine.settings.routing.write_text(MORE_PRIORITY)
    await until(lambda: engine.changes.status.number == 2)


def load_digest(text: str) -> str:
    return taking.Bundle(text.encode(), {}).digest


async def test_while_asterisk_is_away_the_old_rules_stay_and_the_new_ones_wait(engine: Engine) -> None:
    await until(lambda: engine.rules)
    engine.away = AmiError("No AMI at 127.0.0.1:5038")
    engine.settings.routing.write_text(NEW_LINE)
    await until(lambda: "No AMI" in engine.changes.status.waiting)
    assert not engine.line("perkim-7")
    engine.settings.routing.write_text(NEW_LINE.replace("perkim-7", "perkim-8"))
    await until(lambda: "perkim-8" in generated(engine.settings, "lines"))
    engine.away = AmiRefused("Asterisk refused Reload: shutting down")
    await until(lambda: "shutting down" in engine.changes.status.waiting)
    engine.away = None
    await until(lambda: engine.line("perkim-8"))
    assert engine.changes.status.waiting == ""
    assert engine.changes.status.number == 3


async def test_a_change_of_priorities_waits_for_asterisk_too(engine: Engine) -> None:
    """Its lifeline is of the same rules as the engine."""
    await until(lambda: engine.rules)
    engine.away = AmiError("No AMI")
    engine.settings.routing.write_text(MORE_PRIORITY)
    await until(lambda: "No AMI" in engine.changes.status.waiting)
    assert engine.changes.status.number == 1
    engine.away = None
    await until(lambda: engine.changes.status.number == 2)


async def test_a_lost_process_is_told_and_tried_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: engine.rules)
    tries = []
    here = Worker.take

    async def lost(worker: Worker, job: Job) -> taking.Answer:
        tries.append(job)
        if len(tries) < 3:
            raise IvrError("the process that makes rules ready ended (status -9)")
        return await here(worker, job)

    monkeypatch.setattr(Worker, "take", lost)
    engine.settings.routing.write_text(MORE_PRIORITY)
    await until(lambda: "status -9" in engine.changes.status.waiting)
    await until(lambda: engine.changes.status.number == 2)
    assert engine.changes.status.waiting == ""


async def test_marks_of_people_reach_the_engine_and_damaged_ones_change_nothing(engine: Engine) -> None:
    mark = Mark("admin", NOW, "no fuel")
    write_by_hand(engine.settings, ByHand({"damkar": mark}), NOW)
    await until(lambda: engine.marks.out_of_service(NOW) == {"damkar"})
    path = engine.settings.routing_state / "by-hand.json"
    path.write_text("{")
    await until(lambda: "damaged" in engine.changes.status.by_hand)
    assert engine.marks.out_of_service(NOW) == {"damkar"}
    path.unlink()
    await until(lambda: engine.marks == ByHand())
    assert read_by_hand(engine.settings) == ByHand()
    assert engine.changes.status.by_hand == ""


async def test_an_engine_that_starts_with_a_broken_file_has_asterisk_in_step_with_the_version_before(
    settings: Settings, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration on disk is older than the version in force: somebody applied while nobody served."""
    settings.routing.write_text(NEW_LINE)
    open_rulebook(settings)
    settings.routing.write_text(BROKEN)
    engine = Engine(settings, monkeypatch)
    assert engine.changes.status.refused
    engine.away = AmiError("No AMI")
    running = asyncio.create_task(engine.changes.run())
    try:
        await until(lambda: "No AMI" in engine.changes.status.waiting)
        assert not engine.changes.status.in_asterisk
        engine.away = None
        await until(lambda: engine.line("perkim-7"))
        assert engine.changes.status.in_asterisk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert engine.happened[-3:] == ["res_pjsip.so", "pbx_config.so", "switch"]
    assert engine.changes.status.refused


async def test_who_heard_an_older_menu_while_an_engine_started_keeps_its_table(
    settings: Settings, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until Asterisk has read its part, it offers the menus of the version before: also to a call that began
    when the new rules were made ready already."""
    settings.routing.write_text(GOOD)
    open_rulebook(settings)
    write_in_use(settings, InUse(1, ()))
    settings.routing.write_text(NEW_LINE)
    engine = Engine(settings, monkeypatch)
    engine.away = AmiError("No AMI")
    running = asyncio.create_task(engine.changes.run())
    try:
        await until(lambda: "No AMI" in engine.changes.status.waiting)
        engine.calls.append(datetime.now(UTC))
        engine.away = None
        await until(lambda: engine.line("perkim-7"))
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert "perkim-1" in generated(settings, "lines")
        engine.calls.clear()
        await until(lambda: "perkim-1" not in generated(settings, "lines"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_process_that_makes_rules_ready_does_so_and_comes_back_after_its_death(
    settings: Settings,
) -> None:
    worker = Worker()
    settings.routing.write_text(BROKEN)
    try:
        assert isinstance(await worker.take(Job(settings, 1)), Refused)
        await worker.start()
        assert worker._process is not None
        worker._process.kill()
        with pytest.raises(IvrError, match=r"ended \(status -9\)"):
            await worker.take(Job(settings, 1))
        assert isinstance(await worker.take(Job(settings, 1)), Refused)
    finally:
        await worker.close()
