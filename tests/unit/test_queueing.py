"""Who is on duty, and who may log in."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.events import OperatorChanged, OperatorLeft
from ivr.errors import IvrError
from ivr.queueing.operators import hash_pin, make_operator
from ivr.queueing.roster import REACHABLE, Roster

OPERATORS_CONF = (Path(__file__).parents[2] / "dialplan" / "operators.conf").read_text()


def member(
    phone: str, *, queue: str = "emergency", paused: bool = False, device: str = "free"
) -> OperatorChanged:
    return OperatorChanged(queue, phone, paused, device, 0)


def test_only_who_can_be_reached_and_is_not_paused_is_on_duty() -> None:
    roster = Roster()
    for change in (
        member("op1"),
        member("op2", device="in-use"),
        member("op3", device="ringing"),
        member("op4", device="unavailable"),
        member("op5", paused=True),
        member("op6", queue="supervisors"),
        member("op7", device="unknown"),
    ):
        roster.apply(change)
    assert roster.on_duty() == 3
    assert roster.free() == 1
    assert roster.on_duty("supervisors") == 1


def test_the_newest_word_on_a_phone_counts_until_it_logs_out() -> None:
    roster = Roster()
    roster.apply(member("op1"))
    roster.apply(member("op1", paused=True))
    assert roster.on_duty() == 0
    roster.apply(member("op1"))
    roster.apply(OperatorLeft("emergency", "op1"))
    roster.apply(OperatorLeft("emergency", "op1"))
    assert roster.on_duty() == 0


def test_after_a_reconnect_asterisk_wins() -> None:
    roster = Roster()
    roster.apply(member("gone"))
    assert not roster.known
    roster.replace([member("op1")])
    assert roster.known
    assert [phone for _, phone in roster.members] == ["op1"]


@given(
    st.lists(
        st.one_of(
            st.builds(
                OperatorChanged,
                st.sampled_from(["emergency", "information"]),
                st.sampled_from(["op1", "op2", "op3"]),
                paused=st.booleans(),
                device=st.sampled_from(["free", "in-use", "ringing", "unavailable", "unknown"]),
                penalty=st.just(0),
            ),
            st.builds(
                OperatorLeft, st.sampled_from(["emergency", "information"]), st.sampled_from(["op1", "op2"])
            ),
            st.just(None),
        )
    )
)
def test_who_is_on_duty_is_counted_as_the_members_are(
    events: list[OperatorChanged | OperatorLeft | None],
) -> None:
    roster = Roster()
    for event in events:
        if event is None:
            roster.replace(list(roster.members.values()))
        else:
            roster.apply(event)
        for queue in ("emergency", "information"):
            there = [one for one in roster.members.values() if one.queue == queue and not one.paused]
            assert roster.on_duty(queue) == sum(one.device in REACHABLE for one in there)


def test_a_pin_is_hashed_as_the_dialplan_hashes_it() -> None:
    assert "${SHA1(${SALT}${FILTER(0-9,${PIN})})}" in OPERATORS_CONF
    assert hash_pin("2468", "salt") == "salt:" + hashlib.sha1(b"salt2468").hexdigest()


def test_the_same_pin_looks_different_for_everybody() -> None:
    assert hash_pin("2468") != hash_pin("2468")


def test_the_dialplan_finds_every_key_that_is_copied() -> None:
    account = make_operator("op1", "Desk 1", "2468", 3, ("emergency", "supervisors"))
    assert account.database_keys()["queues"] == "emergency&supervisors"
    for key in account.database_keys():
        assert f"DB(operator/${{OP}}/{key})" in OPERATORS_CONF
    assert "2468" not in str(account)


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"phone": "Op1"}, "2 to 32 small letters"),
        ({"phone": "trunk"}, "no word of Asterisk's configuration"),
        ({"phone": "../x"}, "2 to 32 small letters"),
        ({"pin": "12"}, "4 to 12 digits"),
        ({"pin": "abcd"}, "4 to 12 digits"),
        ({"name": " "}, "1 to 100 characters"),
        ({"penalty": 11}, "0 .rung first. to 10"),
        ({"queues": ("a b",)}, "use the names in routing.yaml"),
    ],
)
def test_what_cannot_be_an_account_is_refused(wrong: dict[str, object], remedy: str) -> None:
    account: dict[str, object] = {"phone": "op1", "name": "Desk 1", "pin": "2468"}
    with pytest.raises(IvrError, match=remedy):
        make_operator(**(account | wrong))  # type: ignore[arg-type]
