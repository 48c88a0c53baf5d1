"""From what was seen of a fault to what was lost, and what people and programs read of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console
from turmoil.__main__ import arguments
from turmoil.facts import BEFORE, CallSeen, Recorded, Seen, StackSeen, Standing, Weight
from turmoil.faults import FAULTS
from turmoil.play import Outcome
from turmoil.table import COLUMNS, cell, lines, show, write_json
from turmoil.verdict import LEAKS, RECORD, Expected, Loss, judge

REPOSITORY = Path(__file__).resolve().parents[2]
STORY = ("trunk", "trunk-answered", "intake", "menu", "decision", "queue", "operator-answered", "ended")
IN_THE_RECORD = Recorded("siaga-1.1", "+628110000001", "answered", "operator", "person", None, STORY)
TALKED = CallSeen(
    standing=Standing.QUEUE,
    number="+628110000001",
    call_ids=("siaga-1.1",),
    answered=True,
    cut=False,
    person="op2",
    heard_person=True,
    person_heard=True,
    recorded=(IN_THE_RECORD,),
)
HOUSE = StackSeen(
    calls_of_asterisk=frozenset({"siaga-1.1"}),
    recorded=MappingProxyType({"siaga-1.1": IN_THE_RECORD}),
    engine_before=Weight(30, 12),
    engine_after=Weight(31, 12),
    asterisk_before=80,
    asterisk_after=80,
)
STOPS = Expected(asterisk_stops=True)


def shorts(call: CallSeen, expected: Expected = Expected(), stack: StackSeen = HOUSE) -> list[str]:  # noqa: B008
    return [f"{loss.column}: {loss.short}" for loss in judge(Seen([call], stack), expected)]


def written(call: CallSeen, **changes: object) -> CallSeen:
    """The call with another row in the record."""
    return replace(call, recorded=(replace(IN_THE_RECORD, **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize("standing", Standing)
def test_a_caller_who_talked_and_is_in_the_record_is_no_loss(standing: Standing) -> None:
    assert shorts(replace(TALKED, standing=standing)) == []


LOST: Mapping[str, tuple[CallSeen, str]] = {
    "not answered": (replace(TALKED, answered=False, person=None), "queue: no answer"),
    "no person": (replace(TALKED, person=None, heard_person=False, person_heard=False), "queue: no human"),
    "cut before a person": (replace(TALKED, person=None, cut=True), "queue: no human"),
    "cut in the talk": (replace(TALKED, standing=Standing.TALKING, cut=True), "talking: cut"),
    "the caller hears nothing": (replace(TALKED, heard_person=False), "queue: silence"),
    "the person hears nothing": (replace(TALKED, person_heard=False), "queue: silence"),
    "another's phone": (
        replace(TALKED, standing=Standing.MENU, wanted=("dinkes-1",)),
        "menu: wrong person",
    ),
    "not in the record": (replace(TALKED, recorded=()), "queue: no record"),
    "no number": (written(TALKED, number=""), "queue: number"),
    "another number": (written(TALKED, number="+628110000002"), "queue: number"),
    "no end": (written(TALKED, result=None), "queue: no end"),
    "abandoned": (written(TALKED, result="abandoned"), "queue: abandoned"),
    "interrupted": (written(TALKED, result="interrupted"), "queue: interrupted"),
    "hung up, but as interrupted": (
        written(replace(TALKED, standing=Standing.HANGING_UP), result="interrupted"),
        "hanging up: interrupted",
    ),
    "without the engine though it is well": (
        written(replace(TALKED, standing=Standing.AFTER), lifeline="timeout"),
        "after: no advice",
    ),
}


@pytest.mark.parametrize("case", LOST)
def test_each_way_of_losing_a_call_is_a_loss(case: str) -> None:
    call, short = LOST[case]
    assert shorts(call) == [short]


@pytest.mark.parametrize("standing", BEFORE)
def test_when_asterisk_stops_calls_that_were_up_must_be_in_the_record_as_interrupted(
    standing: Standing,
) -> None:
    gone = replace(TALKED, standing=standing, person=None, cut=True, heard_person=False, person_heard=False)
    assert shorts(written(gone, result="interrupted"), STOPS) == []
    assert shorts(written(gone, result="interrupted", number=""), STOPS) == [f"{standing}: number"]
    assert shorts(written(gone, result="lost"), STOPS) == [f"{standing}: lost"]
    assert shorts(replace(gone, recorded=()), STOPS) == [f"{standing}: no record"]


def test_when_asterisk_stops_later_calls_are_forgiven_nothing() -> None:
    late = replace(TALKED, standing=Standing.DURING)
    assert shorts(written(late, result="interrupted"), STOPS) == ["during: interrupted"]
    assert shorts(replace(late, person=None), STOPS) == ["during: no human"]


def test_where_no_phone_can_be_rung_any_person_will_do() -> None:
    chose = replace(TALKED, standing=Standing.MENU, wanted=("dinkes-1",))
    assert shorts(chose, Expected(any_person=True)) == []
    assert shorts(replace(chose, person=None), Expected(any_person=True)) == ["menu: no human"]


def test_a_talk_whose_phone_died_must_go_on_with_somebody() -> None:
    talk = replace(TALKED, standing=Standing.TALKING, cut=True)
    assert shorts(talk, Expected(talk_moves=True)) == []
    assert shorts(replace(talk, person=None), Expected(talk_moves=True)) == ["talking: no human"]


STACKS: Mapping[str, tuple[StackSeen, str]] = {
    "a call that only Asterisk knows": (
        replace(HOUSE, calls_of_asterisk=frozenset({"siaga-1.1", "siaga-1.9"})),
        f"{RECORD}: missing",
    ),
    "a step that only Asterisk knows": (
        replace(HOUSE, steps_not_recorded={"siaga-1.1": ["talk-end"]}),
        f"{RECORD}: steps",
    ),
    "two endings": (
        replace(HOUSE, recorded={"siaga-1.1": replace(IN_THE_RECORD, kinds=(*STORY, "ended"))}),
        f"{RECORD}: endings",
    ),
    "two beginnings": (
        replace(HOUSE, recorded={"siaga-1.1": replace(IN_THE_RECORD, kinds=("trunk", *STORY))}),
        f"{RECORD}: twice",
    ),
    "what does not fit": (
        replace(HOUSE, recorded={"siaga-1.1": replace(IN_THE_RECORD, kinds=("unexpected", *STORY))}),
        f"{RECORD}: unexpected",
    ),
    "a broken chain": (replace(HOUSE, verify_error="entry 7 was changed"), f"{RECORD}: verify"),
    "lost rows": (replace(HOUSE, lost_rows=3), f"{RECORD}: rows"),
    "an engine that stays unwell": (replace(HOUSE, not_well="ledger: locked"), f"{RECORD}: engine"),
    "a channel that stays": (replace(HOUSE, channels_left=["PJSIP/op1-1"]), f"{LEAKS}: channels"),
    "files of the engine": (replace(HOUSE, engine_after=Weight(60, 12)), f"{LEAKS}: handles"),
    "tasks of the engine": (replace(HOUSE, engine_after=Weight(31, 40)), f"{LEAKS}: tasks"),
    "files of Asterisk": (replace(HOUSE, asterisk_after=120), f"{LEAKS}: handles"),
}


@pytest.mark.parametrize("case", STACKS)
def test_each_way_in_which_the_rest_is_wrong_is_a_loss(case: str) -> None:
    stack, short = STACKS[case]
    assert shorts(TALKED, stack=stack) == [short]


LOSS = Loss(Standing.MENU, "no human", "reached no person", "siaga-1.1")


def outcomes(tmp_path: Path) -> list[Outcome]:
    first, second, third = list(FAULTS.values())[:3]
    return [
        Outcome(first, (), 30.0, tmp_path / first.name),
        Outcome(second, (LOSS,), 30.0, tmp_path / second.name),
        Outcome(third, (), 150.0, tmp_path / third.name, "not within 150 s"),
    ]


def test_the_table_has_a_mark_what_went_wrong_or_nothing(tmp_path: Path) -> None:
    well, lost, unfinished = outcomes(tmp_path)
    assert [cell(well, column) for column in COLUMNS] == ["✓"] * len(COLUMNS)
    assert [cell(lost, column) for column in ("menu", "queue")] == ["no human", "✓"]
    assert {cell(unfinished, column) for column in COLUMNS} == {""}
    console = Console(width=200, record=True, quiet=True)
    show(outcomes(tmp_path), console)


def test_each_loss_is_a_line_with_its_call_and_its_logs(tmp_path: Path) -> None:
    _, lost, unfinished = outcomes(tmp_path)
    loss, late, total = lines(outcomes(tmp_path))
    assert all(part in loss for part in (lost.fault.name, "siaga-1.1", "reached no person", str(lost.logs)))
    assert all(part in late for part in (unfinished.fault.name, "not within 150 s", str(unfinished.logs)))
    assert "1 kehilangan" in total
    assert lines(outcomes(tmp_path)[:1])[0].endswith("no call was lost.")


def test_programs_read_the_same(tmp_path: Path) -> None:
    write_json(outcomes(tmp_path), tmp_path / "out.json")
    well, lost, unfinished = json.loads((tmp_path / "out.json").read_text())
    assert (well["well"], lost["well"], unfinished["well"]) == (True, False, False)
    assert lost["losses"] == [
        {"column": "menu", "call": "siaga-1.1", "short": "no human", "text": "reached no person"}
    ]
    assert unfinished["unfinished"] == "not within 150 s"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--quick", "--only", "engine-killed"], "not allowed with"),
        (["--jobs", "99"], "--jobs: from 1 to 8"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at is not a directory"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(given)
    assert ended.value.code == 2
    text = capsys.readouterr().err
    assert said in text
    assert text.count("\n") == 1


def test_six_faults_are_quick() -> None:
    assert sum(fault.quick for fault in FAULTS.values()) == 6


def test_the_page_has_every_fault() -> None:
    page = (REPOSITORY / "docs" / "chaos.md").read_text()
    for fault in FAULTS.values():
        assert f"| `{fault.name}` | {fault.what} |" in page
