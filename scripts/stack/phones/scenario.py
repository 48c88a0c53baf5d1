"""SIPp scenarios from short descriptions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Raw = str | bytes
"""A header's value as it goes onto the wire; text is sent as UTF-8."""

SIGNS_FILE = "signs.csv"
"""An injection file of what SIPp would change in a scenario: ``[``, which begins its keywords, and the blank
that begins a header's further line, which it drops."""
SIGNS = "[; "
CALLERS_FILE = "callers.csv"
PCMA = "8 PCMA/8000"


class Ending(StrEnum):
    """What a caller does after ``hang_up_after``."""

    BYE = "bye"
    CANCEL = "cancel"
    """Gives up before the answer: CANCEL so long after the first provisional response."""
    VANISH = "vanish"
    """Is gone without a word, as a phone that lost its network."""


@dataclass(frozen=True, slots=True)
class TrunkCall:
    """One call from the carrier. It sends no audio at all; keys go by SIP INFO."""

    dialled: str = "112"
    """User part of the Request-URI; empty: the URI has none."""
    caller: str = "+628110000001"
    codec: str = PCMA
    """The only one that is offered: payload type and encoding."""
    from_header: Raw | None = None
    """The whole From value in place of one made of ``caller``, without the tag."""
    headers: Mapping[str, Raw] = field(default_factory=dict)
    keys: Sequence[tuple[float, str]] = ()
    """(seconds after the answer or the key before, key)."""
    hang_up_after: float | None = None
    """Seconds after the last key (or the answer) until the caller ends it; None: the other side shall."""
    ending: Ending = Ending.BYE
    patience: float = 60.0
    """Seconds after the last key until a caller who does not hang up does so after all."""


def caller_scenario(call: TrunkCall, *, many: bool = False) -> bytes:
    """The scenario of this call; with ``many`` the caller's number comes from :data:`CALLERS_FILE`."""
    caller = f'[field0 file="{CALLERS_FILE}"]'.encode() if many else _raw(call.caller)
    user = _raw(call.dialled) + b"@" if call.dialled else b""
    to_uri = b"sip:" + user + b"[remote_ip]:[remote_port]"
    if call.from_header is not None:
        from_value = _raw(call.from_header)
    else:
        from_value = b"<sip:" + (caller + b"@" if caller else b"") + b"[local_ip]>"
    dialog = _Dialog(to_uri, from_value, call.headers, _sdp(call.codec))
    if call.ending is Ending.CANCEL:
        return _scenario([dialog.invite(), *dialog.give_up(call.hang_up_after or 0)])
    parts = [dialog.invite(), *(_receive(status, optional=True) for status in (100, 180, 183))]
    # rrs: keep the Contact of this response for [next_url].
    parts += [b'<recv response="200" rrs="true"/>', dialog.ack()]
    for number, (seconds, key) in enumerate(call.keys, start=2):
        parts += [_pause(seconds), dialog.info(number, key), _receive(200)]
    if call.ending is Ending.VANISH:
        return _scenario([*parts, _pause(call.hang_up_after or 0)])
    return _scenario([*parts, *_ending(call.hang_up_after, call.patience, dialog.bye(len(call.keys) + 2))])


@dataclass(frozen=True, slots=True)
class TrunkAnswer:
    """What the carrier's side does with a call from the PBX."""

    ring_for: float = 0.5
    status: int = 200
    """Final response after ringing: 200 answers; 486 busy, 603 declined, … ; 0 rings until cancelled."""
    keys: Sequence[tuple[float, str]] = ()
    hang_up_after: float | None = None
    patience: float = 60.0
    contact: str = "sip:carrier@[local_ip]:[local_port]"
    """Its own address; with a status of 302 the one to which it wants to send the caller."""


def answer_scenario(answer: TrunkAnswer) -> bytes:
    """The scenario of the carrier's side for calls from the PBX."""
    names = ("Via", "From", "To", "CSeq")
    saved = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" check_it="false" assign_to="{name}"/>'
        for name in names
    )
    parts = [
        f'<recv request="INVITE" rrs="true"><action>{saved}</action></recv>'.encode(),
        _send(_answer(answer, "180 Ringing") + _NO_BODY),
    ]
    if answer.status == 0:
        parts += [
            b'<recv request="CANCEL"/>',
            _ACCEPT,
            _send(_answer(answer, "487 Cancelled") + _NO_BODY, retrans=True),
        ]
        return _scenario([*parts, b'<recv request="ACK"/>'])
    parts.append(_pause(answer.ring_for))
    if answer.status != 200:
        refusal = _answer(answer, f"{answer.status} No") + _NO_BODY
        return _scenario([*parts, _send(refusal, retrans=True), b'<recv request="ACK"/>'])
    parts += [_send(_answer(answer, "200 OK") + _SDP, retrans=True), b'<recv request="ACK"/>']
    for number, (seconds, key) in enumerate(answer.keys, start=1):
        info = _answerer_request(b"INFO", number) + _dtmf(key)
        parts += [_pause(seconds), _send(info, retrans=True), _receive(200)]
    bye = _answerer_request(b"BYE", len(answer.keys) + 1) + _NO_BODY
    return _scenario([*parts, *_ending(answer.hang_up_after, answer.patience, bye)])


_SDP_START = b"""Content-Type: application/sdp
Content-Length: [len]

v=0
o=trunk 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
"""


def _sdp(codec: str) -> bytes:
    number = codec.partition(" ")[0]
    return _SDP_START + f"m=audio [media_port] RTP/AVP {number}\na=rtpmap:{codec}\n".encode()


_SDP = _sdp(PCMA)

_NO_BODY = b"Content-Length: 0\n"
_OWN_BRANCH = b"[branch]"
_INVITE_BRANCH = b"z9hG4bK-[pid]-[call_number]-invite"
"""Shared by the INVITE, its CANCEL and the ACK of its refusal, which are one transaction (RFC 3261, 9.1)."""


def _via(branch: bytes) -> bytes:
    return b"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=" + branch + b"\nMax-Forwards: 70\n"


class _Dialog:
    """The caller's requests: same From, Call-ID and (once it is known) To tag."""

    def __init__(self, to_uri: bytes, from_value: bytes, headers: Mapping[str, Raw], sdp: bytes) -> None:
        self._sdp = sdp
        self._to_uri = to_uri
        self._from = b"From: " + from_value + b";tag=[pid]c[call_number]\n"
        self._headers = b"".join(
            name.encode() + b": " + _raw(value) + b"\n" for name, value in headers.items()
        )

    def _request(
        self,
        method: bytes,
        number: int,
        *,
        uri: bytes = b"",
        tag: bytes = b"[peer_tag_param]",
        branch: bytes = _OWN_BRANCH,
    ) -> bytes:
        return b"".join(
            (
                *(method, b" ", uri or self._to_uri, b" SIP/2.0\n", _via(branch), self._from),
                *(b"To: <", self._to_uri, b">", tag, b"\nCall-ID: [call_id]\n"),
                *(b"CSeq: ", str(number).encode(), b" ", method, b"\n"),
            )
        )

    def invite(self) -> bytes:
        contact = (
            b"Contact: <sip:trunk@[local_ip]:[local_port]>\nAllow: INVITE, ACK, BYE, CANCEL, INFO, OPTIONS\n"
        )
        request = self._request(b"INVITE", 1, tag=b"", branch=_INVITE_BRANCH)
        return _send(request + contact + self._headers + self._sdp, retrans=True)

    def give_up(self, seconds: float) -> list[bytes]:
        """Wait, then CANCEL; and BYE if the answer was faster."""
        cancel = self._request(b"CANCEL", 1, tag=b"", branch=_INVITE_BRANCH) + _NO_BODY
        refused = self._request(b"ACK", 1, branch=_INVITE_BRANCH) + _NO_BODY
        # Not a pause, in which SIPp takes a response for a fault. It looks at the first timeout only. Between
        # a timeout and what follows it may read the answer: "global" lets it be the answer even then.
        late = f'timeout="{_milliseconds(seconds)}" ontimeout="give-up"'
        return [
            _receive(100),
            f'<recv response="180" optional="true" {late}/>'.encode(),
            f'<recv response="183" optional="true" {late}/>'.encode(),
            f'<recv response="200" optional="global" rrs="true" next="answered" {late}/>'.encode(),
            f'<recv response="487" {late}/>'.encode(),
            b'<label id="give-up"/>',
            _send(cancel, retrans=True),
            *(_receive(status, optional=True) for status in (180, 183, 481, 200)),
            b'<recv response="487" timeout="3000" ontimeout="answered"/>',
            _send(refused),
            b'<nop next="done"/>',
            b'<label id="answered"/>',
            self.ack(),
            _send(self.bye(2), retrans=True),
            _receive(200),
            b'<label id="done"/>',
        ]

    def ack(self) -> bytes:
        return _send(self._request(b"ACK", 1, uri=b"[next_url]") + _NO_BODY)

    def info(self, number: int, key: str) -> bytes:
        return _send(self._request(b"INFO", number, uri=b"[next_url]") + _dtmf(key), retrans=True)

    def bye(self, number: int) -> bytes:
        return self._request(b"BYE", number, uri=b"[next_url]") + _NO_BODY


def _answer(answer: TrunkAnswer, status: str) -> bytes:
    """A response to the INVITE whose headers were kept."""
    return (
        f"SIP/2.0 {status}\nVia:[$Via]\nFrom:[$From]\nTo:[$To];tag=[pid]a[call_number]\n"
        f"Call-ID: [call_id]\nCSeq:[$CSeq]\nContact: <{answer.contact}>\n"
    ).encode()


def _answerer_request(method: bytes, number: int) -> bytes:
    """A request of the side that was called: its From and To are the INVITE's, exchanged."""
    return (
        method
        + b" [next_url] SIP/2.0\n"
        + _via(_OWN_BRANCH)
        + b"From:[$To];tag=[pid]a[call_number]\nTo:[$From]\n"
        b"Call-ID: [call_id]\nCSeq: " + str(number).encode() + b" " + method + b"\n"
    )


def _dtmf(key: str) -> bytes:
    body = f"Signal={key}\nDuration=160\n".encode()
    return b"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n" + body


def _ending(hang_up_after: float | None, patience: float, bye: bytes) -> list[bytes]:
    """Accept the other side's BYE; when none comes in time, send ours."""
    wait = _milliseconds(patience if hang_up_after is None else hang_up_after)
    return [
        f'<recv request="BYE" next="end" timeout="{wait}" ontimeout="hang-up"/>'.encode(),
        b'<label id="hang-up"/>',
        _send(bye, retrans=True),
        _receive(200),
        b'<nop next="done"/>',
        b'<label id="end"/>',
        _ACCEPT,
        b'<label id="done"/>',
    ]


def _raw(value: Raw) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    if b"]]>" in data:
        raise ValueError("a header with ]]> cannot stand in a scenario")
    data = data.replace(b"[", f'[field0 file="{SIGNS_FILE}"]'.encode())
    return re.sub(rb"(?<=\n)[ \t]", f'[field1 file="{SIGNS_FILE}"]'.encode(), data)


def _send(message: bytes, *, retrans: bool = False) -> bytes:
    start = b'<send retrans="500">' if retrans else b"<send>"
    return start + b"<![CDATA[\n\n" + message + b"\n]]></send>"


_ACCEPT = _send(
    b"SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n" + _NO_BODY
)
"""200 to the last request."""


def _receive(status: int, *, optional: bool = False) -> bytes:
    kind = ' optional="true"' if optional else ""
    return f'<recv response="{status}"{kind}/>'.encode()


def _pause(seconds: float) -> bytes:
    return f'<pause milliseconds="{_milliseconds(seconds)}"/>'.encode() if seconds > 0 else b""


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _scenario(parts: Sequence[bytes]) -> bytes:
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="siaga112">\n'
    return head + b"\n".join(part for part in parts if part) + b"\n</scenario>\n"
