"""What happens while the engine is away is in the record afterwards, as Asterisk wrote it, each once."""

import asyncio
import json

from house import House, until
from recorded import as_asterisk_has_it, in_order
from stack.phones.baresip import Answering
from stack.phones.scenario import TrunkCall
from stack.phones.sipp import TrunkLoad

from ivr.asterisk.ami_messages import END_OF_FRAME, AmiMessage
from ivr.render.files import secret

FIRST, SECOND, THIRD, FOURTH = (f"+62811000000{number}" for number in range(1, 5))
SHORT_TALK = Answering(after=0.1, hang_up_after=0.3)


def ending(house: House, caller: str) -> tuple[str, str, str]:
    row = house.call_of(caller)
    return row["result"], row["reason"], row["detail"]


def corrections(house: House) -> list[dict[str, str]]:
    found = house.rows("SELECT data FROM ledger WHERE kind = 'operator-corrected' ORDER BY seq")
    return [json.loads(row["data"]) for row in found]


def sources(house: House, caller: str) -> set[str]:
    return {told.source for told in house.story(house.call_of(caller)["call_id"])}


def recordings_judged(house: House) -> bool:
    return not house.rows("SELECT call_id FROM calls WHERE open")


async def all_over(house: House) -> None:
    async def over() -> bool:
        return not await house.asterisk.channels()

    await until(over, "no channel is left", 30)


async def test_calls_of_the_time_without_an_engine_have_their_whole_story(house: House) -> None:
    """The engine is dead. A caller is answered by an operator, one leaves at once, one waits and leaves; the
    shift changes. Afterwards the record has each with every step, its real end, and the caller's number; and
    it says what changed in the shift. A second restart adds nothing."""
    phones = await house.phones("op1", "op2")
    phones["op1"].answering = SHORT_TALK
    await house.on_duty("op1")
    await until(lambda: house.health()["operators_on_duty"] == 1, "op1 is seen")
    await asyncio.sleep(1.5)  # the bookmark is written once a second
    await house.kill_engine()
    answered = await house.call(caller=FIRST, keys=[(0.2, "0")])
    assert (await answered.result()).ended_by == "them"
    await house.off_duty("op1")
    await house.on_duty("op2")
    leaves = await house.call(caller=SECOND, hang_up_after=0.5)
    await leaves.result()
    waits = await house.call(caller=THIRD, keys=[(0.2, "0")], hang_up_after=6.0)
    await waits.result()
    await all_over(house)
    assert not house.calls()

    await house.start_engine()
    await house.ended(3)
    assert ending(house, FIRST) == ("answered", "operator", "person")
    assert ending(house, SECOND)[0] == "short"
    assert ending(house, THIRD) == ("abandoned", "ringing", "caller")
    row = house.call_of(FIRST)
    assert (row["lifeline"], row["operator"]) == ("no-answer", "op1")
    assert row["answer_seconds"] > 0
    story = house.kinds(row["call_id"])
    assert in_order(story, "trunk", "trunk-answered", "lifeline", "queue", "ringing", "operator-answered")
    assert in_order(story, "operator-answered", "stage-end", "talk-end", "ended")
    for caller in (FIRST, SECOND, THIRD):
        assert sources(house, caller) - {"engine"} == {"asterisk-log"}
    as_asterisk_has_it(house)
    was_on = {"phone": "op1", "queue": "emergency", "was": "on-duty", "is": "off-duty"}
    assert corrections(house) == [was_on, {**was_on, "phone": "op2", "was": "off-duty", "is": "on-duty"}]
    await until(lambda: recordings_judged(house), "the recordings are looked at")
    written = house.rows("SELECT * FROM ledger")
    await asyncio.sleep(1.5)
    await house.kill_engine()
    await house.start_engine()
    await until(lambda: "taken in," in house.health()["parts"]["event-log"]["text"], "the log is read")
    assert house.rows("SELECT * FROM ledger") == written


async def test_a_call_goes_on_while_the_engine_is_killed_again_and_again(house: House) -> None:
    """The engine is killed while phones ring, while they talk, and before the call ends, and each time
    started again. Nothing is missing, nothing comes twice, and what was decided is known to the end."""
    phones = await house.phones("op1")
    await house.on_duty("op1")
    call = await house.call(caller=FIRST, keys=[(0.2, "1")])
    await phones["op1"].incoming(20)
    await until(lambda: house.call_of(FIRST).get("rule") == "fire", "the decision is in its row")
    await house.kill_engine()
    await house.start_engine()
    await house.kill_engine()
    phones["op1"].answering = Answering()
    await until(lambda: house.connected("op1"), "they talk", 30)
    await house.start_engine()
    await until(lambda: house.call_of(FIRST)["state"] == "talking", "it is found talking")
    assert house.call_of(FIRST)["rule"] == "fire"
    await house.kill_engine()
    await phones["op1"].active[0].hang_up()
    await call.result()
    await all_over(house)
    await house.start_engine()
    await house.ended(1)
    assert ending(house, FIRST) == ("answered", "operator", "person")
    as_asterisk_has_it(house)
    assert "corrected-after-reconnect" not in house.kinds(house.call_of(FIRST)["call_id"])


async def test_three_hundred_calls_without_an_engine_are_all_in_the_record(house: House) -> None:
    """Three hundred calls while the engine is dead. Then each is in the record, once, with its caller's
    number; and still once when the engine is killed and has lost its bookmark."""
    await house.kill_engine()
    callers = [f"+628112{number:06}" for number in range(300)]
    call = TrunkCall(hang_up_after=2.0)
    async with TrunkLoad(call, callers, house.trunk, per_second=15) as load:
        results = await load.start() and await load.result()
    assert len(results) == 300
    await all_over(house)
    await house.start_engine()
    await house.ended(300, 60)
    assert sorted(house.caller_of(row["call_id"])["number"] for row in house.calls()) == callers
    as_asterisk_has_it(house)
    await until(lambda: recordings_judged(house), "the recordings are looked at", 30)
    written = house.rows("SELECT * FROM ledger ORDER BY seq")
    calls = house.rows("SELECT call_id, snapshot FROM calls ORDER BY call_id")
    await house.kill_engine()
    (house.state / "ledger" / "asterisk-log.json").unlink(missing_ok=True)
    await house.start_engine()
    await until(lambda: "taken in," in house.health()["parts"]["event-log"]["text"], "the log is read")
    await asyncio.sleep(1)
    assert house.rows("SELECT * FROM ledger ORDER BY seq") == written
    assert house.rows("SELECT call_id, snapshot FROM calls ORDER BY call_id") == calls


async def test_a_power_cut_loses_no_call(house: House) -> None:
    """Engine and Asterisk are killed at once, while one talks, one waits and one, of whom the engine knows
    nothing yet, has just been answered; the last line of Asterisk's log is torn, and so is the journal. After
    the cold start all of them are in the record as interrupted, with their numbers, calls go on, and the
    record proves whole."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering()
    await house.on_duty("op1")
    await house.call(caller=FIRST, keys=[(0.2, "1")])
    await until(lambda: house.call_of(FIRST).get("state") == "talking", "the first talks")
    await house.call(caller=SECOND, keys=[(0.2, "0")])
    await until(lambda: house.call_of(SECOND).get("state") == "queue", "the second waits")
    await house.kill_engine()
    await house.call(caller=THIRD)
    await until(lambda: house.steps(THIRD), "the third waits by the lifeline")
    await house.asterisk.kill()
    log = house.state / "asterisk/log/cel-custom/master.csv"
    text = log.read_bytes()
    log.write_bytes(text[: text.rstrip(b"\n").rindex(b"\n") + 40])
    with (house.state / "ledger" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"table": "ledger", "values": {"entry_id": "0123')
    await house.asterisk.start()
    await house.launch_engine()
    await until(lambda: len(house.calls()) == 3, "all are in the record", 20)
    await house.ended(3)
    for caller, detail in ((FIRST, "person-had-answered"), (SECOND, "no-person-seen")):
        assert ending(house, caller) == ("interrupted", "asterisk-stopped", detail)
    assert ending(house, THIRD) == ("interrupted", "asterisk-stopped", "no-person-seen")
    for caller in (FIRST, SECOND, THIRD):
        assert house.kinds(house.call_of(caller)["call_id"]).count("ended") == 1
    again = await house.call(caller=FOURTH, hang_up_after=6.0)
    await again.result()
    await house.ended(4)
    assert ending(house, FOURTH)[0] == "abandoned"
    await house.ivr("ledger", "verify")


async def test_asterisk_writes_an_event_into_its_file_before_it_sends_it(house: House) -> None:
    """Forty callers come and go at 20 a second, and who listens on the link looks into the file the moment an
    event comes: it is there. So a file that is read after an event came has that event, too."""
    file = house.settings.root / "asterisk" / "log" / "cel-custom" / "master.csv"
    password = secret(house.settings.secrets, "ami-engine")
    reader, writer = await asyncio.open_connection("127.0.0.1", house.settings.ami_port)
    writer.write(f"Action: Login\r\nUsername: engine\r\nSecret: {password}\r\nEvents: on\r\n\r\n".encode())
    seen: list[bool] = []

    async def look() -> None:
        while frame := await reader.readuntil(END_OF_FRAME):
            event = AmiMessage.parse(frame.removesuffix(END_OF_FRAME))
            if event.get("Event") == "CEL":
                # As the file has it: the user event's name, else the type; and the channel.
                signs = [f'"{event.get("UserDefType") or event["EventName"]}"', f'"{event["UniqueID"]}"']
                lines = file.read_text().splitlines()
                seen.append(any(all(sign in line for sign in signs) for line in lines))

    looking = asyncio.create_task(look())
    callers = [f"+62812{number:07}" for number in range(40)]
    async with TrunkLoad(TrunkCall(hang_up_after=0.2), callers, house.trunk, per_second=20) as load:
        await load.start()
        await load.result()
    await all_over(house)
    looking.cancel()
    writer.close()
    assert len(seen) > 100
    assert all(seen)
