"""Frames of the manager interface, and the faults of a wire."""

import pytest

from ivr.asterisk.ami_messages import AmiAction, AmiMessage
from ivr.errors import AmiError


def test_a_repeated_header_is_told_the_same_way_whether_it_comes_once_or_twice() -> None:
    twice = AmiMessage.parse(b"Event: Status\r\nVariable: A=1\r\nVariable: B=2\r\nSeconds: 3")
    once = AmiMessage.parse(b"Event: Status\r\nVariable: A=1\r\nSeconds: 3")
    assert twice.every("Variable") == ("A=1", "B=2")
    assert once.every("Variable") == ("A=1",)
    assert once.every("Nothing") == twice.every("Nothing") == ()
    assert twice["Variable"] == once["Variable"] == "A=1"
    assert twice["Seconds"] == "3"


def test_a_misspelt_header_is_an_error() -> None:
    with pytest.raises(KeyError):
        AmiMessage.parse(b"Event: CEL\r\nUniqueID: 1.0")["Uniqueid"]


def test_bytes_that_are_not_utf_8_spoil_only_their_own_line() -> None:
    message = AmiMessage.parse(b"Event: CEL\r\nCallerIDname: Jos\xe9\r\nAppData: \xc3\x84")
    assert message == {"Event": "CEL", "CallerIDname": "José", "AppData": "Ä"}


def test_values_may_hold_colons_and_be_empty_and_odd_lines_are_left_out() -> None:
    message = AmiMessage.parse(b'Event: CEL\r\nExtra: {"a": 1}\r\nPeer: \r\nnonsense\r\n')
    assert message == {"Event": "CEL", "Extra": '{"a": 1}', "Peer": ""}


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b", "\ud800"])
async def test_no_value_can_bring_a_second_action_along(value: str) -> None:
    for headers in ({"Value": value}, {value: "x"}, {"Variable": ("good", value)}):
        with pytest.raises(AmiError, match="Setvar"):
            AmiAction("Setvar", headers)
