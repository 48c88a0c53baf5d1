"""What a real Asterisk said, in our words."""

from datetime import UTC, datetime

import pytest

from ivr.asterisk.ami_messages import AmiMessage
from ivr.asterisk.translate import translate
from ivr.calls.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    LegAnswered,
    LegEnded,
    LegStarted,
    OperatorChanged,
    OperatorLeft,
    StepTaken,
)
from ivr.errors import AmiError
from ivr.vocabulary import Step
from tests.fake_asterisk.recorded import frames, messages


def told(name: str) -> list[object]:
    return [event for event in map(translate, messages(name)) if event is not None]


def seconds(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


def test_a_caller_who_talked_with_an_operator_and_hung_up() -> None:
    call, leg, phone = "1795294816.0", "1795294817.1", "op1"
    assert told("caller_leaves_operator") == [
        CallStarted(
            call,
            seconds("1795294816.837905"),
            "PJSIP/trunk-00000000",
            "112",
        ),
        CallAnswered(call, seconds("1795294816.838159"), "+620000000001"),
        StepTaken(call, seconds("1795294817.339474"), Step.STAGE, ("1", "q", "emergency", "30")),
        LegStarted(call, seconds("1795294817.340267"), leg, phone),
        OperatorChanged("emergency", phone, paused=False, device="ringing", penalty=0),
        LegAnswered(call, seconds("1795294817.646397"), leg, phone),
        OperatorChanged("emergency", phone, paused=False, device="in-use", penalty=0),
        StepTaken(call, seconds("1795294817.646900"), Step.OPERATOR_ANSWERED, ("emergency", "PJSIP/op1")),
        CallEnded(call, seconds("1795294818.344206"), 16, by_caller=True, caller_number="+620000000001"),
        LegEnded(call, seconds("1795294818.344274"), leg, phone, 16),
        OperatorChanged("emergency", phone, paused=False, device="free", penalty=0),
    ]


def test_an_operator_who_hung_up_is_not_the_caller() -> None:
    events = told("operator_hangs_up")
    ended = [event for event in events if isinstance(event, CallEnded)]
    assert [(event.cause, event.by_caller) for event in ended] == [(16, False)]
    steps = [(event.step, event.fields) for event in events if isinstance(event, StepTaken)]
    assert steps[-2:] == [(Step.STAGE_END, ("1", "CONTINUE")), (Step.TALK_END, ("hangup",))]


def test_local_channels_are_no_legs_and_a_step_on_a_leg_belongs_to_its_call() -> None:
    events = told("line_accepts")
    legs = {event.phone for event in events if isinstance(event, LegStarted | LegAnswered | LegEnded)}
    assert legs == {"damkar"}
    assert {event.call_id for event in events} == {"1795294818.2"}  # type: ignore[attr-defined]
    accepted = [
        event for event in events if isinstance(event, StepTaken) and event.step is Step.LINE_ACCEPTED
    ]
    assert [event.fields for event in accepted] == [("damkar",)]


def test_an_originated_leg_belongs_to_the_call_once_it_has_joined_it() -> None:
    # Asterisk gives the channels of a bridge the oldest LinkedID: the caller's. Before that the leg is alone.
    [ended] = told("originated_leg_joins")
    assert isinstance(ended, LegEnded)
    assert (ended.call_id, ended.phone) == ("1795295584.29", "damkar")


def test_operators_pause_come_and_go() -> None:
    assert told("members") == [
        OperatorChanged("emergency", "op2", paused=True, device="free", penalty=5),
        OperatorChanged("emergency", "op3", paused=False, device="unavailable", penalty=0),
        OperatorLeft("emergency", "op3"),
        OperatorChanged("emergency", "op2", paused=False, device="free", penalty=5),
    ]


@pytest.fixture
def started() -> AmiMessage:
    return messages("caller_leaves_operator")[0]


def test_an_operators_own_call_is_no_emergency_call(started: AmiMessage) -> None:
    started["Channel"], started["Context"] = "PJSIP/op1-00000001", "from-operators"
    assert translate(started) is None
    started["EventName"] = "ANSWER"
    assert translate(started) is None
    started["EventName"], started["Extra"] = "HANGUP", '{"hangupcause":16}'
    assert translate(started) is None


def test_a_phone_may_have_dashes_in_its_name(started: AmiMessage) -> None:
    started["Channel"], started["UniqueID"] = "PJSIP/satpol-pp-0000000a", "1795294817.9"
    event = translate(started)
    assert isinstance(event, LegStarted)
    assert event.phone == "satpol-pp"


def test_a_leg_out_through_the_trunk_is_a_leg(started: AmiMessage) -> None:
    started["UniqueID"] = "1795294817.9"
    assert isinstance(translate(started), LegStarted)


@pytest.mark.parametrize("name", ["CHAN_END", "BRIDGE_ENTER", "LINKEDID_END"])
def test_what_says_nothing_new_is_left_out(started: AmiMessage, name: str) -> None:
    started["EventName"] = name
    assert translate(started) is None


def test_events_without_microseconds_name_the_remedy(started: AmiMessage) -> None:
    del started["Timestamp"]
    with pytest.raises(AmiError, match="timestampevents=yes"):
        translate(started)


def test_a_caller_cannot_write_a_header_into_an_event() -> None:
    """%0D%0A in the number dialled stands as a line break in the event of the call's beginning."""
    frame = frames("caller_leaves_operator")[0]
    forged = frame.replace(b"Exten: 112\r\n", b"Exten: 112\r\nUniqueID: 1795294800.9\r\n")
    assert forged != frame
    with pytest.raises(AmiError, match="twice"):
        translate(AmiMessage.parse(forged))


def test_a_step_that_the_vocabulary_does_not_know_is_loud(started: AmiMessage) -> None:
    started["EventName"], started["UserDefType"], started["Extra"] = "USER_DEFINED", "coffee", '{"extra":""}'
    with pytest.raises(AmiError, match="coffee"):
        translate(started)


def test_steps_that_asterisk_shows_without_their_type_name_the_remedy(started: AmiMessage) -> None:
    started["EventName"] = "talk-end"
    with pytest.raises(AmiError, match="show_user_defined=yes"):
        translate(started)


def test_a_step_without_text_has_no_fields(started: AmiMessage) -> None:
    started["EventName"], started["UserDefType"], started["Extra"] = (
        "USER_DEFINED",
        "talk-end",
        '{"extra":""}',
    )
    event = translate(started)
    assert isinstance(event, StepTaken)
    assert event.fields == ()
