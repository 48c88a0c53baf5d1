"""What Asterisk's SIP capture tells: only refusals that it sent itself, to calls that were no channel."""

import asyncio
import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack.ports import free_port

from ivr.asterisk.sip_capture import USER_AGENT, SipCapture, refused_invite
from ivr.calls.refused import InviteRefused
from ivr.render.install import repository

REFUSAL = (
    b"SIP/2.0 488 Not Acceptable Here\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=z9hG4bKnc1\r\n"
    b"Call-ID: nc\r\nFrom: <sip:+62811@192.0.2.1>;tag=nc\r\nTo: <sip:112@x>;tag=7269\r\nCSeq: 1 INVITE\r\n"
    b"Server: Siaga112\r\nContent-Length:  0\r\n\r\n"
)
"""As Asterisk 22.10.1 sends it."""


def chunk(kind: int, value: bytes) -> bytes:
    return struct.pack(">HHH", 0, kind, 6 + len(value)) + value


def capture(message: bytes, about: bytes = b"nc", to: str = "192.0.2.1") -> bytes:
    """In the order of Asterisk's res_hep."""
    version, address = ip_address(to).version, ip_address(to).packed
    chunks = [
        chunk(1, b"\x02" if version == 4 else b"\x0a"), chunk(2, b"\x11"), chunk(7, b"\x13\xc4"),
        chunk(8, b"\x13\xc4"), chunk(9, struct.pack(">I", 1_795_317_932)),
        chunk(10, struct.pack(">I", 250_000)),
        chunk(11, b"\x01"), chunk(12, bytes(4)), chunk(3 if version == 4 else 5, address),
        chunk(4 if version == 4 else 6, address), chunk(17, about), chunk(15, message),
    ]  # fmt: skip
    body = b"".join(chunks)
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def test_a_refusal_is_understood() -> None:
    found = refused_invite(capture(REFUSAL))
    assert found is not None
    assert (found.code, found.sip_call_id, str(found.to)) == (488, b"nc", "192.0.2.1")
    assert found.at.isoformat() == "2026-11-22T03:25:32.250000+00:00"
    six = refused_invite(capture(REFUSAL, to="2001:db8::5"))
    assert six is not None
    assert str(six.to) == "2001:db8::5"


@pytest.mark.parametrize(
    ("message", "about"),
    [
        pytest.param(REFUSAL, b"PJSIP/trunk-00000001", id="there is a channel"),
        pytest.param(
            REFUSAL.replace(b"Server:", b"Reason: Q.850;cause=16\r\nServer:"), b"nc", id="there was one"
        ),
        pytest.param(REFUSAL.replace(b"Siaga112", b"Yealink"), b"nc", id="a phone's refusal"),
        pytest.param(REFUSAL.replace(b"Server: Siaga112\r\n", b""), b"nc", id="anybody's refusal"),
        pytest.param(REFUSAL.replace(b"1 INVITE", b"1 REGISTER"), b"nc", id="no call"),
        pytest.param(REFUSAL.replace(b"488 Not", b"200 Not"), b"nc", id="no refusal"),
        pytest.param(REFUSAL.replace(b"488 Not", b"302 Not"), b"nc", id="no refusal either"),
        pytest.param(b"INVITE sip:112@x SIP/2.0\r\n\r\n", b"nc", id="a request"),
    ],
)
def test_all_else_is_none(message: bytes, about: bytes) -> None:
    assert refused_invite(capture(message, about)) is None


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: b"HEP3" + rest)))
def test_no_bytes_raise(datagram: bytes) -> None:
    refused_invite(datagram)


@given(st.integers(0, 500), st.integers(0, 255))
def test_no_damage_raises(place: int, byte: int) -> None:
    whole = bytearray(capture(REFUSAL))
    whole[place % len(whole)] = byte
    refused_invite(bytes(whole))
    refused_invite(bytes(whole[: place % len(whole)]))


async def test_only_refusals_pass_the_filter_in_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """With IPv4; what looks otherwise passes and is looked at by us."""
    seen: list[InviteRefused] = []
    came: list[bytes] = []
    port = free_port()
    capturing = SipCapture(port, seen.append)
    received = capturing.datagram_received
    monkeypatch.setattr(
        capturing, "datagram_received", lambda data, addr: (came.append(data), received(data, addr))
    )
    assert not capturing.listens
    await capturing.start()
    assert capturing.listens
    refusals = [capture(REFUSAL.replace(b"488", code)) for code in (b"401", b"503", b"603")]
    passing = [*refusals, capture(REFUSAL, to="2001:db8::5"), b"x" * 200]
    dropped = [
        capture(REFUSAL.replace(b"488", b"100")),
        capture(REFUSAL.replace(b"488", b"200")),
        capture(b"INVITE sip:112@x SIP/2.0\r\nCall-ID: nc\r\n\r\n", b"PJSIP/trunk-00000001"),
        b"short",
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asterisk:
        for datagram in (*dropped, *passing):
            asterisk.sendto(datagram, ("127.0.0.1", port))
    async with asyncio.timeout(10):
        while len(came) < len(passing):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    capturing.close()
    assert came == passing
    assert [refused.code for refused in seen] == [401, 503, 603, 488]


async def test_a_taken_port_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        capturing = SipCapture(other.getsockname()[1], lambda _: None)
        with pytest.raises(OSError, match="in use"):
            await capturing.start()
    assert not capturing.listens


def test_our_name_is_that_of_the_configuration() -> None:
    conf = repository() / "asterisk-conf"
    assert f"user_agent={USER_AGENT.decode()}\n" in (conf / "pjsip.conf").read_text()
    assert "suppress_q850_reason_headers=no\n" in (conf / "pjsip.conf").read_text()
    assert "uuid_type=channel\n" in (conf / "hep.conf").read_text()
    assert "load=res_pjsip_rfc3326.so\n" in (conf / "modules.conf").read_text()
