"""The command that gives an advice, and what Asterisk says to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.agi_commands import LONGEST_COMMAND, check_reply, quote, set_advice
from ivr.errors import AgiError, AgiHangup
from tests.fake_asterisk.agi_peer import split_words


@pytest.mark.parametrize(
    "said",
    [b"200 result=1\n", b"100 result=0 Trying...\n200 result=1\n", b"200 result=1\nHANGUP\n"],
)
def test_an_advice_that_was_taken_is_no_error(said: bytes) -> None:
    check_reply(said)


@pytest.mark.parametrize(
    "said",
    [
        b"HANGUP\n200 result=1\n",
        b"511 Command Not Permitted on a dead channel or intercept routine\n",
        b"",
        b"200 resu",
    ],
)
def test_a_caller_who_is_gone_is_told_from_a_failure(said: bytes) -> None:
    with pytest.raises(AgiHangup):
        check_reply(said)


@pytest.mark.parametrize(
    "said",
    [
        b"200 result=0\n",
        b"200 result=-1\n",
        b"200 result=1x\n",
        b"510 Invalid or unknown command\n",
        b"520-Invalid command syntax.  Proper usage follows:\n Usage: ...\n520 End of proper usage.\n",
        b"hello\n",
        b"<html>\n",
        b"20\n",
        b"x" * 10_000 + b"\n",
        b"Jos\xe9\n",
    ],
)
def test_what_is_no_yes_is_an_error(said: bytes) -> None:
    with pytest.raises(AgiError) as caught:
        check_reply(said)
    assert not isinstance(caught.value, AgiHangup)


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=900))
def test_every_advice_arrives_as_it_was(text: str) -> None:
    command = set_advice(text).decode()
    assert command.endswith("\n")
    assert split_words(command[:-1]) == ["SET", "VARIABLE", "IVR_ADVICE", text]


def test_an_advice_that_would_lose_its_end_is_not_sent() -> None:
    with pytest.raises(AgiError, match=str(LONGEST_COMMAND)):
        set_advice("x" * LONGEST_COMMAND)


def test_a_line_break_never_passes_as_an_argument() -> None:
    for text in ("a\nHANGUP", "a\rb", "a\0b"):
        with pytest.raises(AgiError, match="line break"):
            quote(text)
