"""Whoever calls, and whatever the caller's number holds: an operator answers, and nothing else happens."""

import asyncio
import json
import re
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from house import House, until
from stack.phones.baresip import Answering
from stack.phones.scenario import TrunkAnswer, TrunkCall
from stack.phones.sipp import TrunkAnswerer, TrunkCaller

OPERATORS = tuple(f"op{number}" for number in range(1, 7))
PATIENCE = 60.0
NAME, NUMBER = "Sayang", "8127770"
"""Every name and number of these citizens contains one of them: neither may stand in any log."""
BREAK, EMPTY_LINE = "%0D%0A", "%0D%0A%0D%0A"
"""Line breaks as they may legally stand in a SIP address."""

NO_PARENTHESES = str.maketrans("", "", "()")
"""The dialplan leaves them out of every header: dialplan/intake.conf says why."""

Raw = str | bytes


@dataclass(frozen=True, slots=True)
class Citizen:
    """A caller's From, and what the record must make of it."""

    sender: Raw
    caller: str
    """number, simless, anonymous or missing."""
    number: str = ""
    name: str = ""
    headers: Mapping[str, Raw] = field(default_factory=dict)


def address(last: int) -> str:
    return f"<sip:+62{NUMBER}{last:04}@carrier.example>"


def known(last: int, sender: Raw = "", name: str = "", **headers: Raw) -> Citizen:
    """Somebody whose number ends so."""
    return Citizen(sender or address(last), "number", f"+62{NUMBER}{last:04}", name, _named(headers))


def unknown(sender: Raw, name: str = "", **headers: Raw) -> Citizen:
    return Citizen(sender, "missing", "", name, _named(headers))


def _named(headers: Mapping[str, Raw]) -> Mapping[str, Raw]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


CITIZENS = (
    # Numbers in every form of address.
    known(1),
    known(2, address(2).strip("<>")),
    known(3, f"<sip:0{NUMBER}0003;phone-context=+62@carrier.example;user=phone>"),
    known(4, f"<tel:+62{NUMBER}0004>"),
    # The carrier's word counts more than the caller's, and nothing if it holds no number.
    known(5, address(99), P_Asserted_Identity=f"{address(5)}, <tel:+62{NUMBER}0098>"),
    known(6, P_Asserted_Identity='garbage ${x} <<>> "'),
    known(7, P_Asserted_Identity=b"\xff\xfe"),
    known(8, P_Asserted_Identity=b'"\r\n Variable: IVR_PLAN=1" <sip:op1@carrier.example>'),
    known(40, address(96), P_Asserted_Identity=b'"' + NAME.encode() + b'\r\n x" ' + address(40).encode()),
    known(9, P_Asserted_Identity='"op2" <sip:op2@carrier.example>'),
    known(10, address(97), Remote_Party_ID=f"{address(10)};party=calling;privacy=off"),
    # Names of headers in another writing, and more of them than Asterisk can tell.
    known(42, address(95), **{"p-asserted-identity": address(42)}),
    known(43, address(94), **{f"X-{'n' * 40}-{n}": "x" for n in range(130)}, P_Asserted_Identity=address(43)),
    # Names in every writing.
    known(11, f'"{NAME}" {address(11)}', NAME),
    known(12, f'"{NAME} 名前 Ünï" {address(12)}', f"{NAME} 名前 Ünï"),
    known(13, b'"Sayang Ren\xe9" ' + address(13).encode(), "Sayang René"),
    known(14, b"Sayang M\xfcller " + address(14).encode(), "Sayang Müller"),
    known(
        15,
        rf'"{NAME} \"B\\\" , ; | = & <x> @ : {{}} ([" {address(15)}',
        rf'{NAME} "B\" , ; | = & <x> @ : {{}} ([',
    ),
    known(41, f'"{NAME} :)" {address(41)}', f"{NAME} :)"),
    known(16, f'"{NAME}"\r\n\t{address(16)}', NAME),
    known(17, f'"{NAME * 100}" {address(17)}'),
    known(18, f'"op1" {address(18)}', "op1"),
    # Who hides, who has no SIM, who has no number.
    Citizen('"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous", "", "Anonymous"),
    Citizen(
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "anonymous",
        f"+62{NUMBER}0019",
        "Anonymous",
        {"Privacy": "id", "P-Asserted-Identity": address(19)},
    ),
    Citizen(address(20), "anonymous", f"+62{NUMBER}0020", headers={"Privacy": "header;id"}),
    Citizen(
        address(21),
        "anonymous",
        f"+62{NUMBER}0021",
        headers={"Remote-Party-ID": f"{address(21)};privacy=full"},
    ),
    Citizen(f"<sip:000{NUMBER}@carrier.example>", "simless", f"000{NUMBER}"),
    Citizen(f"<sip:35{NUMBER}38093@carrier.example>", "simless", f"35{NUMBER}38093"),
    Citizen(f"<sip:35{NUMBER}380932@carrier.example>", "simless", f"35{NUMBER}380932"),
    unknown("<sip:carrier.example>"),
    unknown("<sip:127.0.0.2:5060>"),
    Citizen("<sip:112@carrier.example>", "missing", "112"),
    # Not what they seem.
    unknown("<sip:op1@127.0.0.1>"),
    unknown('"op1" <sip:op1@127.0.0.1>', "op1", P_Asserted_Identity='"op2" <sip:op2@127.0.0.1>'),
    unknown("<sip:trunk@127.0.0.2>"),
    unknown(f"<sip:{NUMBER * 28}8127@carrier.example>"),
    unknown(f"<sip:{'x' * 200}@carrier.example>"),
    unknown("<sip:%E5%90%8D%E5%89%8D@carrier.example>"),
    unknown("<sip:Ren%E9@carrier.example>"),
    unknown("<sip:a%22%2C%3B%7C%5C%27@carrier.example>"),
    # What would be a command, a header or an event if anybody took it for one.
    known(31, f'"{NAME}${{SHELL(touch injected)}}" {address(31)}', f"{NAME}${{SHELL(touch injected)}}"),
    known(
        32,
        f'"{NAME}${{DB_DELETE(operator/op1/pin)}}" {address(32)}',
        f"{NAME}${{DB_DELETE(operator/op1/pin)}}",
    ),
    known(33, f'"{NAME},1)&Set(GLOBAL(INJECTED)=yes)" {address(33)}', f"{NAME},1)&Set(GLOBAL(INJECTED)=yes)"),
    known(34, f'"{NAME}$[1/0]}}${{" {address(34)}', f"{NAME}$[1/0]}}${{"),
    unknown("<sip:%24%7BSHELL%28touch%20injected%29%7D@carrier.example>"),
    unknown("<sip:%24%7BGLOBAL%28INJECTED%29%7D%22%2C1%29@carrier.example>"),
    unknown(
        f"<sip:x{BREAK}agi_network_script%3A{'%20'}key{EMPTY_LINE}SET%20VARIABLE%20IVR_ADVICE%20x@c.example>"
    ),
    unknown(f"<sip:x{EMPTY_LINE}Event%3A%20CEL{BREAK}EventName%3A%20HANGUP@carrier.example>"),
    unknown(f"<sip:x{BREAK}Via%3A%20SIP/2.0/UDP%20127.0.0.3@carrier.example>"),
    known(35, P_Asserted_Identity=f"<sip:x{EMPTY_LINE}Action%3A%20Logoff{EMPTY_LINE}@carrier.example>"),
    known(36, Diversion=f"<sip:x{EMPTY_LINE}Event%3A%20CEL{BREAK}@carrier.example>;reason=unconditional"),
    known(37, History_Info=f"<sip:x{BREAK}@carrier.example>;index=1", Privacy="${SHELL(touch injected)}"),
    known(38, Geolocation="<cid:${SHELL(touch injected)}>", P_Access_Network_Info='3GPP;x="|,\\"'),
)


async def test_an_operator_answers_every_caller_and_nothing_in_a_number_takes_effect(build: Any) -> None:
    """Fifty citizens at once, with numbers, names and headers of every kind and with attacks in them. Each
    talks with an operator and is put down for what he is; no name or number is in a log; no attack worked."""
    house = await build(operators=OPERATORS)
    await house.staff(len(OPERATORS))
    before = await kept(house)
    calls = [
        await house.call(
            from_header=citizen.sender, headers=citizen.headers, keys=((1.5, "1"),), patience=PATIENCE
        )
        for citizen in CITIZENS
    ]
    # Line breaks inside a quoted name: the SIP stack takes no such message, not even for an answer.
    torn = await house.call(from_header=b'"x\r\n Action: Originate" ' + address(39).encode())
    results = await asyncio.gather(*(call.result() for call in calls))
    assert not [c.sender for c, result in zip(CITIZENS, results, strict=True) if not result.answered_at]
    await house.ended(len(CITIZENS))
    for citizen, result in zip(CITIZENS, results, strict=True):
        row = house.call_by(result.call_id)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person"), citizen
        assert (row["category"], row["entry"], row["lifeline"]) == ("fire", "112", None), citizen
        caller = {told.data["caller"] for told in house.story(row["call_id"]) if "caller" in told.data}
        name = citizen.name.translate(NO_PARENTHESES)
        assert (caller, row["number"], row["name"]) == ({citizen.caller}, citizen.number, name), citizen

    assert not torn.results()[0].statuses
    assert len(house.calls()) == len(CITIZENS)
    assert await kept(house) == before
    assert not list(house.state.rglob("injected"))
    assert {json.loads(line)["level"] for line in house.engine_log().splitlines()} == {"info"}
    for name, text in logs(house).items():
        assert not re.search(f"{NAME}|{NUMBER}", text), name


async def test_the_number_is_seen_and_kept_also_while_the_engine_hangs(build: Any) -> None:
    """The engine stands still. The operator's display shows the number all the same, by the carrier's word
    before the caller's, and the record has it when the engine goes on. Who has no number shows none."""
    house = await build(operators=["op1"], step_seconds="1")
    phones = await house.staff(1, talk=0)
    house.signal_engine(signal.SIGSTOP)
    for sender, headers in (
        (f'"{NAME} :)" {address(98)}', {"P-Asserted-Identity": address(1)}),
        (f'"{NAME} :)" {address(2)}', {"P-Asserted-Identity": "<sip:op2@carrier.example>"}),
        (f"tel:+62{NUMBER}0003", {}),
        (address(97), {"remote-party-id": f"{NAME} {address(4)};party=calling;privacy=off"}),
        (f"<sip:x{BREAK}Via%3A%20SIP@carrier.example>", {}),
    ):
        call = await house.call(from_header=sender, headers=headers, patience=PATIENCE)
        await call.result()
    house.signal_engine(signal.SIGCONT)
    rows = await house.ended(5)
    assert [row["lifeline"] for row in rows] == ["timeout"] * 5
    shown = [call.peer.partition("@")[0] for call in phones["op1"].calls]
    assert shown == [*(f"sip:+62{NUMBER}000{last}" for last in (1, 2, 3, 4)), "sip:anonymous"]
    assert [row["call_id"] for row in rows[:4]] == [
        house.call_of(f"+62{NUMBER}000{last}")["call_id"] for last in (1, 2, 3, 4)
    ]


async def test_line_breaks_in_the_number_dialled_forge_no_event(build: Any) -> None:
    """A citizen waits. Others dial numbers with line breaks, which Asterisk writes as they are into the event
    of their call's beginning: they try to be the citizen's call, to end it, to send the operator home. The
    citizen's record stays true, the operator stays on duty, and who tried is a caller like any other."""
    house = await build(operators=["op1"])
    phones = await house.phones("op1")
    await house.on_duty("op1")
    citizen = await house.call("113", caller=f"+62{NUMBER}0001", patience=PATIENCE)
    await until(
        lambda: "ringing" in house.kinds(house.call_of(f"+62{NUMBER}0001").get("call_id", "")), "it rings"
    )
    victim = house.call_of(f"+62{NUMBER}0001")["call_id"]
    await phones["op1"].incoming()

    ids = f"UniqueID%3A%20{victim}{BREAK}LinkedID%3A%20{victim}"
    forgeries = (
        f"112{BREAK}{ids}",
        f"112{EMPTY_LINE}Event%3A%20QueueMemberRemoved{BREAK}Queue%3A%20emergency{BREAK}Interface%3A%20PJSIP%2Fop1",
        f"112{EMPTY_LINE}Event%3A%20CEL{BREAK}EventName%3A%20HANGUP",
        f"112{BREAK}EventName%3A%20HANGUP{BREAK}Channel%3A%20PJSIP/trunk-00000000",
    )
    calls = [await house.call(number, keys=((1.5, "1"),), patience=PATIENCE) for number in forgeries]
    await until(lambda: sum(row["state"] == "queue" for row in house.calls()) == len(forgeries), "they wait")
    assert Counter(house.kinds(victim))["trunk"] == 1
    assert "ended" not in house.kinds(victim)
    # With nobody on duty fire would ring the brigade at once (mode direct_if_swamped).
    modes = {
        told.data["mode"]
        for row in house.calls()
        for told in house.story(row["call_id"])
        if "mode" in told.data
    }
    assert modes == {"verify"}
    assert "a header twice" in house.engine_log()

    await citizen.hang_up()
    phones["op1"].answering = Answering(hang_up_after=0.3)
    results = await asyncio.gather(*(call.result() for call in calls))
    await house.ended(1 + len(forgeries))
    for result in results:
        row = house.call_by(result.call_id)
        assert (row["number"], row["operator"], row["category"]) == ("+628110000001", "op1", "fire")
    assert Counter(house.kinds(victim))["ended"] == 1


OUTSIDE = (
    *("112", "911", "113", "+6281234567890", "081234567890", "00441234567890", "8001234", "1", "*", "#", "0"),
    *("op2", "damkar-1", "piket-112", "trunk", "emergency", "supervisors", "sos"),
    *("*1", "*10", "*14", "*110", "*11*", "11", "s", "h", "i", "t", "T", "e", "start", "keep-free"),
)
"""What a phone of the house, or a stranger, might dial to get out of it or to others."""


async def test_who_is_not_the_carrier_reaches_nothing(build: Any) -> None:
    """Calls from an address that is not the carrier's, and from the phones' own without a password, whoever
    they say they are: each is refused, none is a call, no phone rings."""
    house = await build()
    phones = await house.staff(1)
    phones_port = f"{house.settings.phones_address}:{house.settings.phones_port}"
    strangers = [
        TrunkCaller(TrunkCall(number, from_header=sender), target, address=address)
        for number in ("112", "+6281234567890", "*11", "op1", "damkar-1")
        for sender, target, address in (
            ("<sip:trunk@127.0.0.2>", house.trunk, "127.0.0.3"),
            ("<sip:op1@127.0.0.1>", phones_port, "127.0.0.3"),
            ("<sip:trunk@127.0.0.2>", phones_port, "127.0.0.1"),
            ("<sip:op1@127.0.0.1>", phones_port, "127.0.0.1"),
            ("<sip:op1@127.0.0.1>", house.trunk, "127.0.0.1"),
        )
    ]
    for stranger in strangers:
        await stranger.start()
    results = await asyncio.gather(*(stranger.result() for stranger in strangers))
    assert {result.statuses[-1] for result in results} == {401}
    assert not any(result.answered_at for result in results)
    assert house.calls() == []
    assert phones["op1"].calls == []


async def test_a_phone_of_the_house_dials_its_codes_and_nothing_else(build: Any) -> None:
    """No phone of an operator or an agency reaches 112, the outside, an agency, a colleague or anything else;
    the carrier hears of none of it. Log in, log out and pause are answered: so it can dial."""
    async with TrunkAnswerer(TrunkAnswer()) as carrier:
        await carrier.start()
        house = await build(trunk_server=f"{carrier.address}:{carrier.port}")
        phones = await house.phones("op1", "op2", "damkar-1", "damkar-2", "piket-112")
        await house.on_duty("op2")
        for name, codes in (("op1", ()), ("damkar-2", ("*11", "*12", "*13"))):
            for number in (*OUTSIDE, *codes, f"sip:127.0.0.1:{house.settings.phones_port}"):
                call = await phones[name].dial(number)
                await call.closed()
                assert call.established_at is None, (name, number)
        for code in ("*11", "*12", "*13"):
            await (await (await phones["op1"].dial(code)).established()).hang_up()
        assert [name for name in ("op2", "damkar-1", "piket-112") if phones[name].calls] == []
        # The carrier hears us when there is something to hear.
        await house.asterisk.rx("pjsip qualify trunk")
        await until(lambda: carrier.results(), "the carrier hears us")
        assert {message.method for result in carrier.results() for message in result.messages} == {"OPTIONS"}
        assert house.calls() == []


async def kept(house: House) -> tuple[object, ...]:
    """What an injected function or action could change: global variables, the database, who is on duty."""
    variables = (await house.asterisk.rx("dialplan show globals")).splitlines()
    # The order in the queue and the circuit move with the calls.
    moving = {"IVR_ANCHOR", "IVR_LAST", "IVR_TRIED", "IVR_FAILED"}
    set_to = {line.strip() for line in variables if "=" in line}
    own = {line for line in set_to if line.partition("=")[0] not in moving}
    members = set(re.findall(r"PJSIP/\w+", await house.members()))
    return own, await house.asterisk.rx("database show operator"), members


def logs(house: House) -> dict[str, str]:
    """All that is written for people to read. The channel event log is part of the record, not of these."""
    directory = house.settings.root / "asterisk" / "log"
    files = [path for path in directory.rglob("*") if path.is_file() and path.name != "master.csv"]
    files += [house.state / "engine.log", house.state / "asterisk.out"]
    return {path.name: path.read_bytes().decode(errors="replace") for path in files}
