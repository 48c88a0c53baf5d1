"""One whole house for a test: its own state, ports, Asterisk, engine and phones, side by side with others."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recorded import Recorded
from stack.asterisk import Asterisk
from stack.clock import SettableClock
from stack.phones.baresip import Answering, Baresip, Phone
from stack.phones.baresip_process import Account
from stack.phones.scenario import TrunkCall
from stack.phones.sipp import TRUNK_ADDRESS, TrunkCaller
from stack.ports import PortBlock

from ivr.prepare import prepare
from ivr.queueing.operators import make_operator
from ivr.settings import Settings
from ivr.store.accounts import add_operator
from ivr.store.engine import create_engine
from ivr.store.upgrade import upgrade

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = "2468"


class House(Recorded):
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

    # -- afterwards

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


def rules_with(*changes: tuple[str, str]) -> str:
    """The repository's routing.yaml with each first text, which must occur exactly once, made the second."""
    text = (REPOSITORY / "routing.yaml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{text.count(old)} times in routing.yaml: {old}"
        text = text.replace(old, new)
    return text
