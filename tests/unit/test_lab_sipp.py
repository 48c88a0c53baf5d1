"""What is made of SIPp's log, and what is given to SIPp."""

import xml.etree.ElementTree as ElementTree

import pytest
from stack.phones.scenario import Ending, TrunkAnswer, TrunkCall, answer_scenario, caller_scenario
from stack.phones.sipp import CallResult, read_messages

LINE = b"-" * 47


def entry(at: str, kind: str, message: bytes) -> bytes:
    return LINE + f" 2026-11-21T21:05:{at}Z\nUDP message {kind} bytes:\n\n".encode() + message + b"\n"


INVITE = (
    b"INVITE sip:112@127.0.0.2 SIP/2.0\r\n"
    b'From: "\xe9" <sip:a@b>;tag=1\r\n'
    b"Call-ID: one\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n"
)
TRYING = b"SIP/2.0 100 Trying\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n\r\n"
INFO_OK = b"SIP/2.0 200 OK\r\nCall-ID: one\r\nCSeq: 2 INFO\r\n\r\n"
BYE = b"BYE sip:trunk@127.0.0.2 SIP/2.0\r\nCall-ID: one\r\nCSeq: 7 BYE\r\n\r\n"
REFUSED = b"SIP/2.0 404 Not Found\r\nCall-ID: two\r\nCSeq: 1 INVITE\r\n\r\n"

LOG = (
    entry("01.000001", "sent [120]", INVITE)
    + entry("01.100000", "received [80]", TRYING)
    + entry("01.500000", "received [90]", OK)
    + entry("02.000000", "received [90]", INFO_OK)
    + entry("09.250000", "received [60]", BYE)
)


def call(log: bytes) -> CallResult:
    return CallResult("one", tuple(read_messages(log)))


def test_the_log_tells_when_a_call_was_answered_and_who_ended_it() -> None:
    result = call(LOG)
    assert result.statuses == (100, 200)
    assert result.answered_at is not None
    assert result.answered_at.isoformat() == "2026-11-21T21:05:01.500000+00:00"
    assert result.ended_by == "them"
    assert result.ended_at is not None
    assert result.ended_at.second == 9
    assert [message.first_line for message in result.received("BYE")] == ["BYE sip:trunk@127.0.0.2 SIP/2.0"]


def test_answers_to_other_requests_are_no_answer_to_the_call() -> None:
    assert (
        call(entry("01.0", "sent [1]", INVITE) + entry("02.0", "received [1]", INFO_OK)).answered_at is None
    )


def test_a_refusal_ends_a_call_that_nobody_hung_up() -> None:
    result = call(entry("01.0", "received [1]", REFUSED))
    assert result.statuses == (404,)
    assert result.answered_at is None
    assert result.ended_by is None
    assert result.ended_at is not None


def test_bytes_that_are_no_text_survive() -> None:
    message = read_messages(LOG)[0]
    assert message.sent
    assert message.header("from").encode(errors="surrogateescape") == b'"\xe9" <sip:a@b>;tag=1'
    assert message.body.strip() == "v=0"


def test_a_log_that_ends_in_mid_message_is_read_so_far() -> None:
    assert call(LOG[:-30]).answered_at is not None
    assert read_messages(LOG[:60]) == read_messages(b"") == []


@pytest.mark.parametrize(
    "call",
    [
        TrunkCall(),
        TrunkCall(dialled="", caller="", keys=[(0, "1"), (2.5, "*")], hang_up_after=1),
        TrunkCall(from_header='"<&>[x]" <sip:a@b>', headers={"P-Asserted-Identity": "<tel:+62811>"}),
        TrunkCall(ending=Ending.CANCEL, hang_up_after=1),
        TrunkCall(ending=Ending.VANISH, hang_up_after=1),
    ],
)
def test_every_scenario_is_a_document(call: TrunkCall) -> None:
    assert ElementTree.fromstring(caller_scenario(call)).tag == "scenario"
    assert ElementTree.fromstring(caller_scenario(call, many=True)).tag == "scenario"


@pytest.mark.parametrize(
    "answer", [TrunkAnswer(), TrunkAnswer(status=486), TrunkAnswer(status=0), TrunkAnswer(keys=[(1, "1")])]
)
def test_every_answer_is_a_document(answer: TrunkAnswer) -> None:
    assert ElementTree.fromstring(answer_scenario(answer)).tag == "scenario"


def test_a_bracket_of_a_caller_is_no_keyword_of_sipp() -> None:
    scenario = caller_scenario(TrunkCall(caller="[call_id]"))
    assert b"sip:[call_id]" not in scenario
    assert b'sip:[field0 file="signs.csv"]call_id]' in scenario


def test_what_cannot_stand_in_a_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="scenario"):
        caller_scenario(TrunkCall(from_header="]]>"))


def test_no_user_part_means_none() -> None:
    assert b"INVITE sip:[remote_ip]:[remote_port] SIP/2.0" in caller_scenario(TrunkCall(dialled=""))
