"""Who calls is put down once, by whatever tells it first."""

from datetime import UTC, datetime

import pytest

from ivr.asterisk.intake_facts import encode_intake
from ivr.calls.events import CallStarted, StepTaken
from ivr.calls.registry import Registry
from ivr.ledger.keeper import Keeper
from ivr.routing.model import CallerClass
from ivr.vocabulary import IntakeField, Step
from tests.ambon import who_calls_ambon
from tests.record import Record

CALL = "siaga-1772337600.1"
NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
FACTS = encode_intake({IntakeField.DIALLED: "112", IntakeField.CALLER_NUMBER: "08112345678"})
ADVICE = "2|menu|main|id|0|3|id/menu-main.0a1b|112|number|0123456789ab|end"
FIRST_MENU = StepTaken(CALL, NOW, Step.FIRST_MENU, (*ADVICE.split("|"), FACTS))
LIFELINE = StepTaken(CALL, NOW, Step.LIFELINE, ("no-answer", FACTS))


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def keeper(record: Record) -> Keeper:
    keeper = Keeper(Registry(), record, who_calls_ambon)  # type: ignore[arg-type]
    keeper.see(CallStarted(CALL, NOW, "PJSIP/trunk-1", "112"))
    return keeper


@pytest.mark.parametrize("step", [FIRST_MENU, LIFELINE])
def test_a_step_tells_who_calls_before_what_it_did(keeper: Keeper, record: Record, step: StepTaken) -> None:
    keeper.see(step)
    kinds = [entry.kind for entry in record.entries]
    assert kinds == ["trunk", "intake", "menu" if step is FIRST_MENU else "lifeline"]
    assert "too_late" not in record.entries[1].data
    assert [caller.number for caller in record.callers] == ["+628112345678"]
    assert all("8112345678" not in str(entry.data) for entry in record.entries)


def test_it_is_put_down_once(keeper: Keeper, record: Record) -> None:
    keeper.identify(CALL, NOW, FACTS)
    keeper.see(FIRST_MENU)
    keeper.see(LIFELINE)
    assert [entry.kind for entry in record.entries].count("intake") == 1
    assert len(record.callers) == 1


@pytest.mark.parametrize(
    "fields",
    [
        ("timeout",),
        ("timeout", "  "),
        ("timeout", FACTS, "more"),
        (),
    ],
)
def test_what_was_erased_or_is_damaged_tells_nothing(keeper: Keeper, fields: tuple[str, ...]) -> None:
    """So a question with whole facts can still tell it."""
    keeper.see(StepTaken(CALL, NOW, Step.LIFELINE, fields))
    keeper.see(StepTaken(CALL, NOW, Step.FIRST_MENU, (*ADVICE.split("|")[:-2], FACTS)))
    keeper.see(StepTaken(CALL, NOW, Step.FIRST_MENU, (*ADVICE.split("|"), " " * len(FACTS))))
    call = keeper.registry.get(CALL)
    assert call is not None
    assert call.caller is None


def test_of_a_call_whose_beginning_was_missed_the_event_comes_first(record: Record) -> None:
    """It says how many of its events are not known."""
    keeper = Keeper(Registry(), record, who_calls_ambon)  # type: ignore[arg-type]
    keeper.see(FIRST_MENU)
    call = keeper.registry.get(CALL)
    assert call is not None
    assert (call.events, call.caller) == (None, CallerClass.NUMBER)
    assert [entry.kind for entry in record.entries] == ["menu", "intake"]
