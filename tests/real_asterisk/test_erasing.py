"""A real call is told to its caller, erased, and leaves its number nowhere; the ledger stays whole."""

import csv
import json
from pathlib import Path

from house import House, until

from ivr.asterisk.intake_facts import decode_intake
from ivr.vocabulary import Step

NUMBER = "+628110004242"
DIGITS = b"8110004242"
OTHER = "+628110007777"


def told_of(house: House, call_id: str) -> set[str]:
    """The raw facts of a call in Asterisk's own file, where nobody can read them at a glance."""
    with (house.state / "asterisk/log/cel-custom/master.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] == Step.FIRST_MENU and row[4] == call_id]
    (facts,) = [json.loads(row[2])["extra"].rpartition("|")[2] for row in rows]
    return {value for value in decode_intake(facts).values() if value}


def places_with(house: House, text: bytes) -> set[str]:
    """The files of this installation in which ``text`` stands."""
    files = (path for path in house.state.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(house.state)) for path in files if text in path.read_bytes()}


async def test_who_called_can_be_told_all_and_be_forgotten(house: House, tmp_path: Path) -> None:
    """A citizen calls twice and talks with an operator, another one once. The number stands nowhere in plain
    but in Asterisk's own log of events. The citizen asks what is kept, then has it erased, while the second
    call still lasts: what is left of the first goes at once, of the second after its end."""
    await house.staff(2)
    citizen = await house.call(caller=NUMBER)
    assert (await citizen.result()).ended_by == "them"
    stranger = await house.call(caller=OTHER)
    assert (await stranger.result()).ended_by == "them"
    await house.ended(2)
    first = house.call_of(NUMBER)["call_id"]
    assert house.kinds(first).count("caller") == 1
    log = "asterisk/log/cel-custom/master.csv"
    assert places_with(house, DIGITS) == {log}
    assert NUMBER in told_of(house, first)
    await until(lambda: "recording-saved" in house.kinds(first), "its recording was looked at")
    assert len(house.recording(first).read_bytes()) > 44

    exported = json.loads(await house.ivr("privacy", "export", "0811-0004242", "--recordings", str(tmp_path)))
    (call,) = exported["panggilan / calls"]
    assert (call["id"], call["nomor / number"]) == (first, NUMBER)
    assert call["tidak berubah sejak dicatat / unchanged since it was recorded"] is True
    assert (tmp_path / f"{first}.wav").stat().st_size == house.recording(first).stat().st_size

    await house.off_duty("op1", "op2")
    waiting = await house.call("113", caller=NUMBER)
    await until(lambda: len(house.calls()) == 3 and house.call_of(NUMBER)["call_id"] != first, "it is kept")
    second = house.call_of(NUMBER)["call_id"]
    said = await house.ivr("privacy", "erase", NUMBER, "--reason", "asked by letter", "--yes")
    assert "1 masih berlangsung" in said
    assert not list(house.settings.recordings.rglob(f"{first}.wav"))
    assert house.caller_of(first) == {}
    assert house.caller_of(second)["number"] == NUMBER
    assert house.call_of(NUMBER)["state"] != "ended"

    await waiting.hang_up()
    await house.ended(3)
    await until(lambda: "erased" in house.kinds(second), "it is erased after its end", 30)
    assert house.kinds(first).count("erased") == house.kinds(second).count("erased") == 1
    assert places_with(house, DIGITS) == set()
    assert told_of(house, first) == set()
    assert not list(house.settings.recordings.rglob(f"{second}.wav"))
    assert house.call_of(OTHER)["result"] == "answered"
    assert places_with(house, OTHER[3:].encode()) == {log}
    await house.ivr("ledger", "verify")

    again = await house.call("113", caller=NUMBER)
    await until(lambda: house.call_of(NUMBER).get("state") in {"queue", "lines"}, "a new call is kept anew")
    await again.hang_up()
    await house.ended(4)
