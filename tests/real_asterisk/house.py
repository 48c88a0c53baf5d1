"""One whole house for a test: its own state, ports, Asterisk, engine and phones, side by side with others."""

import asyncio
import csv
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.asterisk import Asterisk
from stack.clock import SettableClock
from stack.phones.baresip import Answering, Baresip, Phone
from stack.phones.baresip_process import Account
from stack.phones.scenario import TrunkCall
from stack.phones.sipp import TRUNK_ADDRESS, TrunkCaller
from stack.ports import PortBlock

from ivr.prepare import prepare
from ivr.privacy.place import vault_of
from ivr.queueing.operators import make_operator
from ivr.settings import Settings
from ivr.store.accounts import add_operator
from ivr.store.engine import create_engine
from ivr.store.upgrade import upgrade
from ivr.vocabulary import Step

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = "2468"
LEG_KINDS = {"CHAN_START": "ringing", "ANSWER": "leg-answered", "HANGUP": "leg-ended"}
CALL_KINDS = {"CHAN_START": "trunk", "ANSWER": "trunk-answered", "HANGUP": "ended"}
"""Of a phone that is rung, and of the caller's own channel: Asterisk's words, and the record's."""


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the ledger, as it stands in the database."""

    kind: str
    at: str
    source: str
    data: Mapping[str, Any]


class House:
    """Everything a test needs of one installation. An async context manager; nothing outlives it."""

    def __init__(
        self,
        *,
        routing: str | None = None,
        operators: Sequence[str] = ("op1", "op2"),
        prompts: Path | None = None,
        own_clock: bool = False,
        **settings: str,
    ) -> None:
        """``routing`` is the text of routing.yaml (the repository's if left out), ``prompts`` a directory of
        spoken prompts to start from, ``own_clock`` gives Asterisk a :attr:`clock`, ``settings`` are ``IVR_*``
        variables without their prefix."""
        self.state = Path(tempfile.mkdtemp(prefix="siaga-"))
        self._ports = PortBlock()
        self._routing = routing
        self._prompts = prompts
        self._operators = tuple(operators)
        self._more = {f"IVR_{name.upper()}": value for name, value in settings.items()}
        self.clock = SettableClock(self.state / "clock") if own_clock else None
        self._phones: list[Baresip] = []
        self._callers: list[TrunkCaller] = []
        self._engine: asyncio.subprocess.Process | None = None
        self.expect_unexpected = False
        """Whether this test makes events that do not fit on purpose."""

    # -- building

    async def __aenter__(self) -> "House":
        try:
            await self.build()
            await self.asterisk.start()
            await self.start_engine()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def build(self) -> None:
        """Everything on disk; nothing runs yet."""
        routing = self.state / "routing.yaml"
        if self._routing is None:
            shutil.copy(REPOSITORY / "routing.yaml", routing)
        else:
            routing.write_text(self._routing)
        self.environment = {
            **os.environ,
            **self._ports.environment(),
            "IVR_STATE": str(self.state),
            "IVR_ROUTING": str(routing),
            "PYTHONPATH": str(REPOSITORY),
            **self._more,
        }
        values = {name[4:].lower(): value for name, value in self.environment.items() if name[:4] == "IVR_"}
        self.settings = Settings(
            **{name: value for name, value in values.items() if name in Settings.model_fields}
        )
        if self._prompts is not None:
            shutil.copytree(self._prompts, self.settings.prompts, copy_function=os.link, symlinks=True)
        await upgrade(self.settings.database)
        engine = create_engine(self.settings.database)
        for name in self._operators:
            await add_operator(engine, make_operator(name, f"Operator {name}", PIN))
        await engine.dispose()
        self.prepared = await prepare(self.settings)
        self.asterisk = Asterisk(self.settings.etc, self.state / "asterisk.out", self.clock)

    async def __aexit__(self, *_: object) -> None:
        for caller in self._callers:
            await caller.stop()
        await asyncio.gather(*(phone.stop() for phone in self._phones))
        await self.stop_engine()
        if hasattr(self, "asterisk"):
            await self.asterisk.stop()
        self._ports.close()
        shutil.rmtree(self.state, ignore_errors=True)

    # -- the engine

    async def start_engine(self) -> None:
        """Start it and wait until it is in step with Asterisk."""
        await self.launch_engine()
        await self.engine_ready()

    async def launch_engine(self) -> None:
        with (self.state / "engine.log").open("ab") as log:
            self._engine = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr", "serve"),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def engine_ready(self, seconds: float = 60.0) -> None:
        def ready() -> bool:
            if self._engine is None or self._engine.returncode is not None:
                raise AssertionError(f"the engine ended:\n{self.engine_log()[-3000:]}")
            return self.health().get("status") == "ok"

        await until(ready, "the engine is well", seconds)

    async def rules_in_asterisk(self, seconds: float = 30.0) -> None:
        """Wait until the engine has written what Asterisk needs for its rules, as it does once after its
        start: what a test does to those files then stays."""
        await until(
            lambda: self.health()["rules"]["in_asterisk"], "Asterisk has its part of the rules", seconds
        )

    def health(self) -> dict[str, Any]:
        """What /health says; empty when nobody answers."""
        try:
            url = f"http://127.0.0.1:{self.settings.health_port}/health"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    async def ivr(self, *arguments: str, status: int = 0) -> str:
        """What ``ivr …`` says, in this house; it must end with ``status``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", *arguments),
            env={**self.environment, "COLUMNS": "200"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == status, said.decode()
        return said.decode()

    def signal_engine(self, number: signal.Signals) -> None:
        if self._engine is not None and self._engine.returncode is None:
            os.kill(self._engine.pid, number)

    @property
    def engine_pid(self) -> int:
        assert self._engine is not None, "the engine was not started"
        return self._engine.pid

    async def kill_engine(self) -> None:
        self.signal_engine(signal.SIGKILL)
        if self._engine is not None:
            await self._engine.wait()

    async def engine_ended(self, seconds: float = 20.0) -> None:
        """Wait until it has ended by itself."""
        if self._engine is not None:
            await asyncio.wait_for(self._engine.wait(), seconds)

    async def stop_engine(self) -> None:
        if self._engine is None or self._engine.returncode is not None:
            return
        self.signal_engine(signal.SIGCONT)
        self.signal_engine(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._engine.wait(), 15)
        except TimeoutError:
            await self.kill_engine()

    def engine_log(self) -> str:
        path = self.state / "engine.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # -- phones and callers

    async def phones(self, *names: str, tones: Mapping[str, float] | None = None) -> Baresip:
        """Phones of operators or agencies, registered with the passwords that were made for them."""
        server = f"{self.settings.phones_address}:{self.settings.phones_port}"
        accounts = [
            Account(
                name,
                server,
                (self.settings.secrets / "phones" / name).read_text().strip(),
                (tones or {}).get(name),
            )
            for name in names
        ]
        process = Baresip(accounts, self._ports)
        self._phones.append(process)
        await process.start()
        for name in names:
            await process[name].registered()
        return process

    async def carrier(
        self, hz: float | None = None, user: str = "+628111234567", *, keys_by_info: bool = False
    ) -> Phone:
        """A citizen's phone with sound, calling from the carrier."""
        account = Account(user, self.trunk, None, hz, keys_by_info)
        process = Baresip([account], self._ports, address=TRUNK_ADDRESS)
        self._phones.append(process)
        await process.start()
        return process[user]

    def free_port(self) -> int:
        return self._ports.port()

    @property
    def trunk(self) -> str:
        return f"{self.settings.trunk_address}:{self.settings.trunk_port}"

    async def call(self, dialled: str = "112", **options: Any) -> TrunkCaller:
        """A citizen's call without sound, by SIPp."""
        caller = TrunkCaller(TrunkCall(dialled=dialled, **options), self.trunk)
        self._callers.append(caller)
        return await caller.start()

    @property
    def callers(self) -> tuple[TrunkCaller, ...]:
        """All callers of :meth:`call`, in their order."""
        return tuple(self._callers)

    async def on_duty(self, *names: str, queue: str = "emergency") -> None:
        """Log operators in, without their phones' doing."""
        for name in names:
            await self.asterisk.rx(f"queue add member PJSIP/{name} to {queue}")

    async def staff(self, count: int, talk: float = 0.3) -> Baresip:
        """So many operators on duty whose phones answer by themselves, and hang up after ``talk`` seconds."""
        names = [f"op{number}" for number in range(1, count + 1)]
        phones = await self.phones(*names)
        for phone in phones:
            phone.answering = Answering(after=0.1, hang_up_after=talk)
        await self.on_duty(*names)
        return phones

    async def off_duty(self, *names: str, queue: str = "emergency") -> None:
        for name in names:
            await self.asterisk.rx(f"queue remove member PJSIP/{name} from {queue}")

    async def members(self, queue: str = "emergency") -> str:
        return await self.asterisk.rx(f"queue show {queue}")

    async def connected(self, phone: str) -> bool:
        """Whether the phone and a caller hear each other: answered comes a moment before."""
        channels = (await self.asterisk.rx("core show channels concise")).splitlines()
        return any(line.startswith(f"PJSIP/{phone}-") and line.split("!")[-2] for line in channels)

    async def take(self, phone: Phone, seconds: float = 30.0) -> None:
        """Answer the next call that rings here, and hang up when it is connected."""
        call = await phone.incoming(seconds)
        await call.accept()
        await until(lambda: self.connected(phone.user), f"{phone.user} is connected")
        await call.hang_up()
        await call.closed()

    # -- the record

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Read the database with nothing of ours in between."""
        path = self.settings.database.removeprefix("sqlite+aiosqlite:///")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values)]

    def calls(self) -> list[dict[str, Any]]:
        """One row a call, oldest first."""
        return self.rows("SELECT * FROM calls ORDER BY seen_at")

    def call_of(self, caller: str) -> dict[str, Any]:
        """The row of the newest call from this number; empty as long as there is none."""
        for call in reversed(self.calls()):
            if self.caller_of(call["call_id"]).get("number") == caller:
                return call
        return {}

    def call_by(self, sip_call_id: str) -> dict[str, Any]:
        """The row of the call with this SIP Call-ID, and its caller's number, name and headers; empty as long
        as there is none."""
        for call in self.calls():
            caller = self.caller_of(call["call_id"])
            if caller.get("headers", {}).get("sip_call_id") == sip_call_id:
                return {**call, **caller}
        return {}

    def caller_of(self, call_id: str) -> dict[str, Any]:
        """Number, name and headers of the caller of a call; empty when nothing is kept."""
        found = self.rows(
            "SELECT sealed, wrapped FROM callers JOIN caller_keys USING (sealed_id) "
            "WHERE callers.call_id = ? ORDER BY recorded_at",
            call_id,
        )
        vault, whole = vault_of(self.settings, make=False), {}
        for row in found:
            values, _ = vault.open(call_id, row["wrapped"], row["sealed"])
            whole |= {name: value for name, value in values.items() if value or name not in whole}
        return whole

    def story(self, call_id: str) -> list[Told]:
        """The entries of one call in the order in which they were written."""
        return [
            Told(row["kind"], row["at"], row["source"], json.loads(row["data"]))
            for row in self.rows("SELECT * FROM ledger WHERE call_id = ? ORDER BY seq", call_id)
        ]

    def steps(self, caller: str) -> list[tuple[str, str]]:
        """The steps of the call from this number and what belongs to them, from Asterisk's own file: it tells
        them also while the engine is away."""
        with (self.state / "asterisk/log/cel-custom/master.csv").open(newline="") as file:
            events = [row for row in csv.reader(file) if len(row) > 6]
        calls = {row[4] for row in events if row[0] == "ANSWER" and row[6] == caller}
        named = tuple(Step)
        return [
            (row[0], json.loads(row[2])["extra"]) for row in events if row[0] in named and row[4] in calls
        ]

    def kinds(self, call_id: str) -> list[str]:
        return [told.kind for told in self.story(call_id)]

    async def ended(self, count: int = 1, seconds: float = 15.0) -> list[dict[str, Any]]:
        """Wait until so many calls have ended in the record; all calls."""

        def all_ended() -> bool:
            calls = self.calls()
            return len(calls) >= count and all(call["ended_at"] for call in calls)

        await until(all_ended, f"{count} calls have ended in the record", seconds)
        return self.calls()

    async def only_call(self, seconds: float = 15.0) -> dict[str, Any]:
        """The one call of this test, once it has ended."""
        calls = await self.ended(1, seconds)
        assert len(calls) == 1, calls
        return calls[0]

    def recording(self, call_id: str) -> Path:
        found = list(self.settings.recordings.rglob(f"{call_id}.wav"))
        assert len(found) == 1, found
        return found[0]

    # -- afterwards

    async def nothing_left(self) -> None:
        """No channel is left, and nothing came that did not fit."""

        async def empty() -> bool:
            return not await self.asterisk.channels()

        await until(empty, "no channel is left", 10)
        odd = self.rows("SELECT * FROM ledger WHERE kind = 'unexpected'")
        assert self.expect_unexpected or not odd, odd


async def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> None:
    """Wait until ``condition`` (plain or coroutine) holds."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.05)


def in_order(kinds: Iterable[str], *wanted: str) -> bool:
    """Whether the wanted kinds come in this order, others between them."""
    rest = iter(kinds)
    return all(any(kind == want for kind in rest) for want in wanted)


def as_asterisk_has_it(house: House) -> None:
    """Every event of Asterisk's own file is one entry of the record; there are no others of Asterisk's."""
    with (house.state / "asterisk/log/cel-custom/master.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    wrote = Counter[tuple[str, str]]()
    for kind, _, extra, unique, linked, channel, _, _, _, _, _ in lines:
        leg = unique != linked
        if leg and kind in LEG_KINDS and channel.startswith("PJSIP/"):
            wrote[linked, LEG_KINDS[kind]] += 1
        elif kind in CALL_KINDS and channel.startswith("PJSIP/trunk-"):
            wrote[linked, CALL_KINDS[kind]] += 1
        elif kind == "stage":
            lines_ring = json.loads(extra)["extra"].split("|")[1] == "l"
            wrote[linked, "lines" if lines_ring else "queue"] += 1
        elif kind not in {*LEG_KINDS, *CALL_KINDS}:
            wrote[linked, kind] += 1
    found = house.rows("SELECT call_id, kind FROM ledger WHERE source IN ('asterisk', 'asterisk-log')")
    assert Counter((row["call_id"], row["kind"]) for row in found) == wrote


def rules_with(*changes: tuple[str, str]) -> str:
    """The repository's routing.yaml with each first text, which must occur exactly once, made the second."""
    text = (REPOSITORY / "routing.yaml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{text.count(old)} times in routing.yaml: {old}"
        text = text.replace(old, new)
    return text
