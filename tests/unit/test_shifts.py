"""Who came on duty, left, paused: told once, live or after a time in which nobody looked."""

from ivr.calls.events import OperatorChanged, OperatorLeft
from ivr.calls.findings import Kind
from ivr.queueing.shifts import Duty, Shift, Shifts


def member(phone: str, *, paused: bool = False, device: str = "free") -> OperatorChanged:
    return OperatorChanged("emergency", phone, paused, device, 0)


def shift(kind: Kind, phone: str = "op1", **data: object) -> tuple[Shift, ...]:
    return (Shift(kind, {"phone": phone, "queue": "emergency", **data}),)


def test_what_operators_do_is_told_and_what_their_phones_do_is_not() -> None:
    shifts = Shifts()
    assert shifts.asked([]) == ()
    assert shifts.apply(member("op1")) == shift(Kind.OPERATOR_LOGGED_IN)
    assert shifts.apply(member("op1", device="ringing")) == ()
    assert shifts.apply(member("op1", paused=True)) == shift(Kind.OPERATOR_PAUSED)
    assert shifts.apply(member("op1", paused=True, device="in-use")) == ()
    assert shifts.apply(member("op1")) == shift(Kind.OPERATOR_RESUMED)
    assert shifts.apply(OperatorLeft("emergency", "op1")) == shift(Kind.OPERATOR_LOGGED_OUT)
    assert shifts.apply(OperatorLeft("emergency", "op1")) == ()
    assert shifts.apply(member("op2", paused=True)) == shift(Kind.OPERATOR_LOGGED_IN, "op2", paused=True)


def test_nothing_was_believed_before_asterisk_told_it_first() -> None:
    shifts = Shifts()
    assert shifts.asked([member("op1")]) == ()
    assert shifts.believed == {("emergency", "op1"): Duty.ON}


def test_each_difference_after_a_time_without_the_link_is_told() -> None:
    shifts = Shifts()
    shifts.asked([member("op1"), member("op2"), member("op3")])
    found = shifts.asked([member("op2", paused=True), member("op3", device="unavailable"), member("op4")])
    assert found == (
        *shift(Kind.OPERATOR_CORRECTED, "op1", was="on-duty", **{"is": "off-duty"}),
        *shift(Kind.OPERATOR_CORRECTED, "op2", was="on-duty", **{"is": "paused"}),
        *shift(Kind.OPERATOR_CORRECTED, "op4", was="off-duty", **{"is": "on-duty"}),
    )
