"""The test phones themselves, against a small Asterisk of their own.

A test of the engine is worth what its phones are worth: so they must register, ring, talk, press keys and
tell the truth about what was heard before anything is concluded from them.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from stack.asterisk import Asterisk
from stack.installed import read_env
from stack.phones.baresip import Answering, Baresip, Phone
from stack.phones.baresip_process import Account, PhoneError
from stack.phones.scenario import Ending, TrunkAnswer, TrunkCall
from stack.phones.sipp import SippError, TrunkAnswerer, TrunkCaller, TrunkLoad, place
from stack.ports import PortBlock, free_port
from stack.tones import heard

pytestmark = pytest.mark.real_asterisk

CALLER_HZ, OPERATOR_HZ, NOBODY_HZ = 1100, 700, 900
LONGEST = 79
"""Characters of an extension or caller number that Asterisk keeps (AST_MAX_EXTENSION less one)."""

MODULES = """
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip
res_pjsip_authenticator_digest res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
res_pjsip_session res_pjsip_pubsub res_pjsip_registrar res_pjsip_sdp_rtp res_pjsip_dtmf_info
res_pjsip_caller_id res_pjsip_header_funcs res_rtp_asterisk res_timing_timerfd chan_pjsip bridge_simple
codec_alaw codec_ulaw format_wav app_dial app_read app_mixmonitor app_verbose func_callerid func_channel
func_strings func_global pbx_config
"""

EXTENSIONS = """
[from-trunk]
exten => _!,1,Set(DIALLED=${EXTEN})
 same => n,GotoIf($["${EXTEN}" = "404"]?gone)
 same => n,GotoIf($["${EXTEN}" = "ring"]?ring)
 same => n,Answer(,i)
 same => n,Set(GLOBAL(FROM)=${PJSIP_HEADER(read,From)})
 same => n,Set(GLOBAL(CALLER)=${CALLERID(num)})
 same => n,Set(GLOBAL(DIALLED)=${DIALLED})
 same => n,MixMonitor(%(recordings)s/call.wav)
 same => n,Read(KEY,,1,,1,20)
 same => n,Set(GLOBAL(KEY)=${KEY})
 same => n,Dial(PJSIP/op1,20)
 same => n,Set(GLOBAL(STATUS)=${DIALSTATUS})
 same => n,Hangup()
 same => n(gone),Hangup(1)
 same => n(ring),Dial(PJSIP/op1,20)
[from-operators]
exten => *11,1,Answer()
 same => n,Read(PIN,,4,,1,10)
 same => n,Set(GLOBAL(PIN)=${CHANNEL(endpoint)} ${PIN})
 same => n,Hangup()
exten => _2XX,1,Dial(PJSIP/trunk/sip:${EXTEN}@127.0.0.2:%(carrier)d,20)
 same => n,Set(GLOBAL(STATUS)=${DIALSTATUS})
"""

PHONE = """
[{name}]
type=endpoint
context=from-operators
transport=phones
allow=!all,alaw
direct_media=no
auth={name}
aors={name}
identify_by=auth_username
[{name}]
type=auth
username={name}
password={name}-geheim
[{name}]
type=aor
max_contacts=1
remove_existing=yes
"""


@dataclass
class Lab:
    asterisk: Asterisk
    ports: PortBlock
    trunk: str
    phones: str
    carrier_port: int
    recording: Path

    async def told(self, name: str) -> str:
        """A value that the dialplan left, once it is there."""
        async with asyncio.timeout(10):
            while True:
                for line in (await self.asterisk.rx("dialplan show globals")).splitlines():
                    key, found, value = line.strip().partition("=")
                    if found and key == name:
                        return value
                await asyncio.sleep(0.05)

    async def no_channel_left(self) -> None:
        async def none() -> bool:
            return not await self.asterisk.channels()

        await until(none)

    def operator(self, name: str = "op1") -> Account:
        return Account(name, self.phones, f"{name}-geheim", OPERATOR_HZ)


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait until the condition holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is asked is in another process
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    with PortBlock() as ports, tempfile.TemporaryDirectory(prefix="lab-") as directory:
        root = Path(directory)
        for name in ("etc", "run", "log", "spool", "db", "var", "keys"):
            (root / name).mkdir()
        trunk, phones, carrier = ports.port(), ports.port(), free_port("127.0.0.2")
        _configure(root, ports, trunk, phones, carrier)
        asterisk = Asterisk(root / "etc", root / "log" / "console")
        try:
            await asterisk.start()
            yield Lab(
                asterisk,
                ports,
                f"127.0.0.2:{trunk}",
                f"127.0.0.1:{phones}",
                carrier,
                root / "spool" / "call.wav",
            )
        finally:
            await asterisk.stop()


def _configure(root: Path, ports: PortBlock, trunk: int, phones: int, carrier: int) -> None:
    installed = read_env("asterisk")
    places = {
        "astetcdir": root / "etc",
        "astmoddir": installed["ASTERISK_MODULES"],
        "astdatadir": installed["ASTERISK_DATA"],
        "astvarlibdir": root / "var",
        "astdbdir": root / "db",
        "astkeydir": root / "keys",
        "astspooldir": root / "spool",
        "astrundir": root / "run",
        "astlogdir": root / "log",
    }
    transport = "[{}]\ntype=transport\nprotocol=udp\nbind={}:{}\n"
    files = {
        "asterisk": "[directories]\n" + "".join(f"{name} => {path}\n" for name, path in places.items()),
        "modules": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES.split()),
        "rtp": f"[general]\nrtpstart={ports.rtp_start}\nrtpend={ports.rtp_end}\n",
        "extensions": EXTENSIONS % {"recordings": root / "spool", "carrier": carrier},
        "pjsip": "[global]\ntype=global\nendpoint_identifier_order=ip,auth_username\n"
        + transport.format("trunk", "127.0.0.2", trunk)
        + transport.format("phones", "127.0.0.1", phones)
        + "[trunk]\ntype=endpoint\ncontext=from-trunk\ntransport=trunk\nallow=!all,alaw\ndirect_media=no\n"
        + "dtmf_mode=auto_info\n[trunk]\ntype=identify\nendpoint=trunk\nmatch=127.0.0.2\n"
        + PHONE.format(name="op1")
        + PHONE.format(name="op2"),
    }
    for name, text in files.items():
        (root / "etc" / f"{name}.conf").write_text(text)


async def test_two_phones_talk_and_the_recording_has_both_tones(lab: Lab) -> None:
    """A caller on the trunk presses a key by RFC 4733, an operator's phone answers by itself; each hears the
    other's tone and not a third, and Asterisk's recording has both."""
    caller_account = Account("+62811", lab.trunk, tone_hz=CALLER_HZ)
    async with (
        Phone(lab.operator(), lab.ports) as operator,
        Phone(caller_account, lab.ports, address="127.0.0.2") as caller,
    ):
        await operator.registered()
        operator.answering = Answering(after=0.1)
        call = await caller.dial("112")
        await call.established()
        await call.press("5")
        answered = await (await operator.incoming()).established()
        assert await lab.told("KEY") == "5"

        async def all_heard() -> bool:
            return (
                heard(answered.recording, CALLER_HZ)
                and heard(call.recording, OPERATOR_HZ)
                and heard(lab.recording, CALLER_HZ)
                and heard(lab.recording, OPERATOR_HZ)
            )

        await until(all_heard)
        for recording in (answered.recording, call.recording, lab.recording):
            assert not heard(recording, NOBODY_HZ)
        assert not heard(answered.recording, OPERATOR_HZ)
        assert not heard(call.recording, CALLER_HZ)
        await call.hang_up()
        await answered.closed()
        await lab.no_channel_left()


async def test_an_operator_enters_a_pin(lab: Lab) -> None:
    """A phone of the PBX dials a feature code and presses four keys."""
    async with Phone(lab.operator(), lab.ports) as operator:
        await operator.registered()
        call = await operator.dial("*11")
        await call.established()
        await call.press("1234")
        await call.closed()
        assert await lab.told("PIN") == "op1 1234"


async def test_two_phones_are_steered_apart(lab: Lab) -> None:
    """One declines, then the other answers; and the first is still usable."""
    async with Baresip([lab.operator("op1"), lab.operator("op2")], lab.ports) as operators:
        pin_call = await operators["op2"].dial("*11")
        await pin_call.established()
        async with TrunkCaller(TrunkCall(keys=[(0, "1")]), lab.trunk) as caller:
            await caller.start()
            rings = await operators["op1"].incoming()
            assert rings.phone.user == "op1"
            await rings.hang_up()
            assert await lab.told("STATUS") == "BUSY"
            assert pin_call.closed_at is None
            result = await caller.result()
        assert result.ended_by == "them"
        await pin_call.press("4321")
        await pin_call.closed()
        assert await lab.told("PIN") == "op2 4321"


async def test_a_wrong_password_is_told(lab: Lab) -> None:
    async with Phone(Account("op1", lab.phones, "wrong"), lab.ports) as operator:
        with pytest.raises(PhoneError, match="not registered"):
            await operator.registered(1)


async def test_a_silent_trunk_caller_presses_a_key_by_info(lab: Lab) -> None:
    """SIPp sends no audio at all; its key is heard in the first instant, and it hangs up when told."""
    async with Phone(lab.operator(), lab.ports) as operator:
        await operator.registered()
        async with TrunkCaller(TrunkCall(keys=[(0, "7")]), lab.trunk) as caller:
            await caller.start()
            await caller.answered()
            rings = await operator.incoming()
            assert await lab.told("KEY") == "7"
            result = await caller.hang_up()
            await rings.closed()
        assert (result.statuses[-1], result.ended_by) == (200, "us")
        await lab.no_channel_left()


@pytest.mark.parametrize(
    ("from_header", "shown"),
    [
        ('"Ibu \\"Ana\\" é" <sip:+62811@127.0.0.2>', "+62811"),
        (b'"caf\xe9 [7]" <sip:op1@127.0.0.2>', "op1"),
        ("<sip:127.0.0.2>", ""),
        ("<sip:" + "9" * 200 + "@127.0.0.2>", "9" * LONGEST),
    ],
    ids=["utf-8 and quotes", "latin-1 and brackets", "no user", "200 digits"],
)
async def test_any_from_header_goes_onto_the_wire_as_it_is(
    lab: Lab, from_header: str | bytes, shown: str
) -> None:
    result = await place(TrunkCall(from_header=from_header, hang_up_after=0.2), lab.trunk)
    sent = result.messages[0].header("From").encode(errors="surrogateescape")
    wanted = from_header.encode() if isinstance(from_header, str) else from_header
    assert sent.startswith(wanted + b";tag=")
    assert result.answered_at
    caller = await lab.told("CALLER") if shown else ""
    assert caller == shown


@pytest.mark.parametrize("dialled", ["", "1", "sos", "h", "x" * 200])
async def test_any_user_part_can_be_dialled(lab: Lab, dialled: str) -> None:
    result = await place(TrunkCall(dialled=dialled, hang_up_after=0.2), lab.trunk)
    assert result.answered_at
    assert await lab.told("DIALLED") == (dialled or "s")[:LONGEST]


async def test_a_refused_call_says_so(lab: Lab) -> None:
    async with TrunkCaller(TrunkCall(dialled="404"), lab.trunk) as caller:
        await caller.start()
        with pytest.raises(SippError, match="404"):
            await caller.answered()
    result = await place(TrunkCall(dialled="404"), lab.trunk)
    assert result.statuses[-1] == 404
    assert result.answered_at is None


async def test_a_caller_gives_up_before_the_answer(lab: Lab) -> None:
    """By its description, so long after the first response."""
    async with Phone(lab.operator(), lab.ports) as operator:
        await operator.registered()
        result = await place(TrunkCall(dialled="ring", ending=Ending.CANCEL, hang_up_after=2), lab.trunk)
        assert result.statuses[-1] == 487
        await lab.no_channel_left()


async def test_a_caller_is_told_to_give_up_while_the_phone_rings(lab: Lab) -> None:
    async with (
        Phone(lab.operator(), lab.ports) as operator,
        TrunkCaller(TrunkCall(dialled="ring"), lab.trunk) as caller,
    ):
        await operator.registered()
        await caller.start()
        rings = await operator.incoming()
        result = await caller.hang_up()
        await rings.closed()
        assert result.answered_at is None
        await lab.no_channel_left()


async def test_a_caller_vanishes_without_a_word(lab: Lab) -> None:
    async with Phone(lab.operator(), lab.ports) as operator:
        operator.answering = Answering()
        await operator.registered()
        call = TrunkCall(keys=[(0, "1")], ending=Ending.VANISH, hang_up_after=0.1)
        result = await place(call, lab.trunk)
        answered = await (await operator.incoming()).established()
        assert result.ended_by is None
        assert await lab.asterisk.channels()
        assert answered.closed_at is None


async def test_thirty_calls_from_one_process(lab: Lab) -> None:
    callers = [f"0811{number:04d}" for number in range(30)]
    async with TrunkLoad(TrunkCall(hang_up_after=0.5), callers, lab.trunk, per_second=60) as load:
        await load.start()
        results = await load.result()
    assert all(result.answered_at and result.ended_by == "us" for result in results)
    assert [result.messages[0].header("From").split("@")[0] for result in results] == [
        f"<sip:{caller}" for caller in callers
    ]
    await lab.no_channel_left()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (TrunkAnswer(ring_for=0.1, hang_up_after=0.3), "ANSWER"),
        (TrunkAnswer(ring_for=0.1, status=486), "BUSY"),
    ],
    ids=["answers", "busy"],
)
async def test_the_carrier_side_is_called(lab: Lab, answer: TrunkAnswer, status: str) -> None:
    async with (
        Phone(lab.operator(), lab.ports) as operator,
        TrunkAnswerer(answer, port=lab.carrier_port) as carrier,
    ):
        await carrier.start()
        await operator.registered()
        call = await operator.dial("200")
        await call.closed()
        if status != "ANSWER":
            assert await lab.told("STATUS") == status
        (result,) = carrier.results()
        assert result.statuses[-1] == (200 if status == "ANSWER" else answer.status)
        assert (result.ended_by == "us") == (status == "ANSWER")


async def test_the_carrier_side_only_rings(lab: Lab) -> None:
    async with (
        Phone(lab.operator(), lab.ports) as operator,
        TrunkAnswerer(TrunkAnswer(status=0), port=lab.carrier_port) as carrier,
    ):
        await carrier.start()
        await operator.registered()
        call = await operator.dial("200")

        async def rings() -> bool:
            return bool(carrier.results()) and 180 in carrier.results()[0].statuses

        await until(rings)
        await call.hang_up()
        await lab.no_channel_left()
        assert carrier.results()[0].statuses[-1] == 487
