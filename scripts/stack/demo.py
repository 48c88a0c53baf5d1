"""``scripts/run --demo``: real calls by real SIP phones on an installation of its own, as they happen."""

import asyncio
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from ivr.calls.call import Call
from ivr.settings import load_settings
from ivr.vocabulary import LAYER_1_QUEUE
from stack.installation import Installation, InstallationError
from stack.phones.baresip import Answering, Baresip, Phone
from stack.phones.scenario import TrunkCall
from stack.phones.sipp import TrunkCaller
from stack.ports import PortBlock
from stack.supervisor import Signals, Supervisor, alone, say
from stack.watch import Watch

OPERATORS = ("op1", "op2")
AGENCY = ("damkar-1", "damkar-2")
PIN = "1234"
TONES = {"op1": 500.0, "op2": 600.0, "damkar-1": 700.0, "damkar-2": 800.0}
LOG_IN, LOG_OUT = "*11", "*12"
BETWEEN_CALLS = 3.0
BETWEEN_ROUNDS = 10.0
ONE_CALL = 120.0
"""Seconds within which a demonstration call is over."""


@dataclass(frozen=True, slots=True)
class DemoCall:
    """``alone``: the operators are on a break, so the agency is rung at once."""

    title: str
    call: TrunkCall
    alone: bool = False


CALLS = (
    DemoCall("112, tombol 1 (kebakaran) / key 1 (fire)", TrunkCall(keys=[(2.0, "1")])),
    DemoCall("112, diam / silence", TrunkCall(caller="+628110000002")),
    DemoCall("113, pemadam lama / the old fire number", TrunkCall(dialled="113", caller="+628110000003")),
    DemoCall(
        "911, tombol 3 dalam bahasa Inggris / key 3 in English",
        TrunkCall(dialled="911", caller="+628110000004", keys=[(3.0, "3")]),
    ),
    DemoCall(
        "112, tanpa nomor, tidak dapat berbicara (8) / number withheld, cannot speak (8)",
        TrunkCall(
            from_header='"Anonymous" <sip:anonymous@anonymous.invalid>',
            headers={"Privacy": "id"},
            keys=[(0.0, "8")],
        ),
    ),
    DemoCall(
        "112, tanpa SIM, tombol 1; operator istirahat, damkar-1 menolak, damkar-2 menerima / "
        "without SIM, key 1; operators on a break, damkar-1 declines, damkar-2 accepts",
        TrunkCall(caller="00035693803564380", keys=[(1.0, "1")]),
        alone=True,
    ),
)


async def demonstrate(*, once: bool) -> int:
    """Set everything up, place the calls, show them. Exit status 0 if each call reached a human."""
    signals = Signals()
    state = load_settings().root / "demo"
    with PortBlock() as ports, alone(state):
        installation = Installation.private(state, ports)
        supervisor = Supervisor(installation)
        work = asyncio.create_task(_demonstrate(installation, supervisor, ports, once=once))
        stop = asyncio.create_task(signals.stop.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            stopped = stop.done()
            work.cancel() if stopped else None
            results = await asyncio.gather(work, return_exceptions=True)
        finally:
            stop.cancel()
            await supervisor.stop(signals.at_once)
        if isinstance(results[0], int):
            return results[0]
        if stopped:
            return 0 if not once else 130
        raise results[0]


async def _demonstrate(
    installation: Installation, supervisor: Supervisor, ports: PortBlock, *, once: bool
) -> int:
    out = Console(highlight=False, emoji=False, width=_width())
    say("Menyiapkan operator / Preparing operators …")
    await installation.add_operators(dict.fromkeys(OPERATORS, PIN))
    await supervisor.start()
    began = datetime.now(UTC)
    accounts = [installation.account(phone, TONES[phone]) for phone in (*OPERATORS, *AGENCY)]
    watch = Watch(installation.settings.database, began, out)
    async with Baresip(accounts, ports) as phones:
        for name in OPERATORS:
            phones[name].answering = Answering(after=1.5, hang_up_after=5)
        phones["damkar-1"].answering = Answering(after=1.5, keys=[(2.0, "9")])
        phones["damkar-2"].answering = Answering(after=1.5, keys=[(3.0, "1")], hang_up_after=5)
        show = asyncio.create_task(_show(watch))
        try:
            placed = 0
            while True:
                await _round(installation, phones, watch, out)
                placed += len(CALLS)
                if once:
                    break
                await asyncio.sleep(BETWEEN_ROUNDS)
        finally:
            show.cancel()
            await _table(installation, began)
    calls = await watch.look()
    reached = [call for call in calls if call.human_at is not None]
    say(f"\n{len(reached)} dari / of {placed} panggilan sampai ke manusia / calls reached a human.")
    return 0 if len(reached) == placed == len(calls) else 1


async def _round(installation: Installation, phones: Baresip, watch: Watch, out: Console) -> None:
    """All calls once: with operators on duty, then the ones without."""
    for on_break in (False, True):
        await _shift(installation, [phones[name] for name in OPERATORS], LOG_OUT if on_break else LOG_IN)
        callers = []
        try:
            for number, demo in enumerate(CALLS, start=1):
                if demo.alone == on_break:
                    out.print(f"\n[bold]→ {number}. {demo.title}[/]")
                    caller = TrunkCaller(demo.call, installation.trunk, address=_carrier(installation))
                    callers.append(await caller.start())
                    await asyncio.sleep(BETWEEN_CALLS)
            await asyncio.gather(*(caller.result() for caller in callers))
        finally:
            for caller in callers:
                await caller.stop()
    await _until(lambda: _all_ended(watch), "the ledger has the end of each call")


def _carrier(installation: Installation) -> str:
    return installation.settings.trunk_peers.partition(",")[0].strip()


async def _shift(installation: Installation, operators: list[Phone], code: str) -> None:
    """Each operator dials the feature code, and its PIN to log in; wait until Asterisk's queue has it."""
    asterisk = installation.asterisk
    for phone in operators:

        async def known(phone: Phone = phone) -> bool:
            return "Value:" in await asterisk.rx(f"database get operator/{phone.user} pin")

        async def changed(phone: Phone = phone) -> bool:
            listed = f"PJSIP/{phone.user}" in await asterisk.rx(f"queue show {LAYER_1_QUEUE}")
            return listed == (code == LOG_IN)

        await _until(known, f"Asterisk has {phone.user}'s PIN")
        call = await phone.dial(code)
        await call.established()
        if code == LOG_IN:
            await asyncio.sleep(0.5)
            await call.press(f"{PIN}#")
        await _until(changed, f"{phone.user} is {'in' if code == LOG_IN else 'out of'} the queue")
        await call.closed()
        say(f"{phone.user}: {'masuk / logged in' if code == LOG_IN else 'istirahat / on a break'} ({code})")


async def _all_ended(watch: Watch) -> bool:
    calls: list[Call] = await watch.look()
    return bool(calls) and all(call.ended_at is not None for call in calls)


async def _until(true: Callable[[], Awaitable[bool]], what: str, seconds: float = 20.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110 - what is asked is in another process
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise InstallationError(
            f"waited {seconds:.0f} s in vain until {what}: see the logs below IVR_STATE"
        ) from None


async def _show(watch: Watch) -> None:
    while True:
        await watch.look()
        await asyncio.sleep(0.4)


def _width() -> int:
    """Columns for lines and the table: those of the terminal, or enough for the whole table."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 160


async def _table(installation: Installation, began: datetime) -> None:
    say("")
    say(await installation.ivr("calls", "--since", began.isoformat(), "--limit", "1000", columns=_width()))
    say(f"Lagi / again: IVR_STATE={shlex.quote(str(installation.settings.root))} scripts/ivr calls")
