"""Refused calls are counted once, the carrier's apart from others', and told to the record sparingly."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from ivr.calls.refused import REMEMBERED, InviteRefused, RefusedInvites

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CARRIER = (ip_network("192.0.2.0/29"), ip_network("2001:db8::/64"))


def refusal(call: str, seconds: float = 0, code: int = 488, to: str = "192.0.2.1") -> InviteRefused:
    return InviteRefused(START + timedelta(seconds=seconds), code, call.encode(), ip_address(to))


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_call_counts_once_however_often_it_is_refused() -> None:
    refused = RefusedInvites(CARRIER)
    assert [refused.see(refusal("a", n)) for n in range(3)] == [True, False, False]
    assert refused.see(refusal("b", 3, to="2001:db8::5"))
    assert refused.total == 2
    assert refused.last == after(3)


def test_strangers_are_news_but_no_calls_to_112() -> None:
    refused = RefusedInvites(CARRIER)
    stranger = refusal("a", code=401, to="198.51.100.7")
    assert refused.see(stranger)
    assert not refused.is_carrier(stranger)
    assert refused.total == 0
    assert refused.last is None
    assert refused.tell(after(1)) is None


def test_an_invite_inside_a_call_that_is_gone_is_no_new_call() -> None:
    refused = RefusedInvites(CARRIER)
    assert not refused.see(refusal("a", code=481))
    assert refused.see(refusal("a", code=488))


def test_the_first_is_told_at_once_and_a_flood_once_a_minute() -> None:
    refused = RefusedInvites(CARRIER)
    assert refused.tell(START) is None
    told = []
    for second in range(180):
        for number in range(50):
            refused.see(refusal(f"{second}-{number}", second, code=488 if number else 503))
        if entry := refused.tell(after(second)):
            told.append((second, entry.data()["count"]))
    assert told == [(0, 50), (60, 60 * 50), (120, 60 * 50)]
    rest = refused.tell(after(180), last_time=True)
    assert rest is not None
    assert rest.data() == {
        "codes": {"488": 59 * 49, "503": 59},
        "count": 59 * 50,
        "since": after(121).isoformat(),
        "source": "asterisk-hep",
    }
    assert rest.at == after(179)
    assert refused.tell(after(999), last_time=True) is None


def test_a_clock_that_was_put_back_holds_nothing_back() -> None:
    refused = RefusedInvites(CARRIER)
    refused.see(refusal("a"))
    assert refused.tell(after(3600)) is not None
    refused.see(refusal("b", 1))
    assert refused.tell(after(1)) is not None


def test_memory_is_bounded() -> None:
    refused = RefusedInvites(CARRIER)
    for number in range(REMEMBERED + 1):
        refused.see(refusal(str(number)))
    assert refused.see(refusal("0")), "the oldest is forgotten"
    assert not refused.see(refusal(str(REMEMBERED)))
