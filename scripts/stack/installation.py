"""One whole installation on one machine: settings, state directory, Asterisk, engine, phones' accounts."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ivr.settings import Settings
from stack.asterisk import Asterisk
from stack.engine import Engine
from stack.installed import REPOSITORY
from stack.phones.baresip_process import Account
from stack.ports import PortBlock

COMMAND_SECONDS = 300.0
"""The longest command is the first ``render``, which speaks every prompt."""


class InstallationError(RuntimeError):
    """A command of ``ivr`` failed; the text is what it said."""


class Installation:
    """Asterisk and the engine with the settings in ``environment`` (``IVR_*`` variables)."""

    def __init__(self, environment: Mapping[str, str], *, engine_output: Path | None = None) -> None:
        """``engine_output`` is a file for the engine's log; None: where ours goes."""
        own = {"IVR_ROUTING": str(REPOSITORY / "routing.yaml"), "PYTHONPATH": str(REPOSITORY)}
        self.environment = {**own, **environment, "PYTHONPATH": str(REPOSITORY)}
        values = {
            name.removeprefix("IVR_").lower(): value
            for name, value in self.environment.items()
            if name.startswith("IVR_")
        }
        # Another prefix: what is in our own environment is not a setting of this installation.
        self.settings = Settings(_env_prefix="UNUSED_", **values)  # type: ignore[arg-type, call-arg, unused-ignore]
        self.asterisk = Asterisk(self.settings.etc, self.settings.root / "asterisk" / "log" / "console.log")
        self.engine = Engine(self.environment, self.settings.health_port, output=engine_output)

    @classmethod
    def private(cls, state: Path, ports: PortBlock, **settings: str) -> "Installation":
        """One that shares nothing with others on this machine; ``settings`` are further ``IVR_`` settings,
        in lower case without the prefix. The engine's log is ``state/engine.log``."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("IVR_") or name in ("IVR_TOOLS", "IVR_ASTERISK")
        }
        own = {f"IVR_{name.upper()}": value for name, value in settings.items()}
        environment = inherited | ports.environment() | {"IVR_STATE": str(state)} | own
        return cls(environment, engine_output=state / "engine.log")

    @property
    def trunk(self) -> str:
        """``address:port`` for the carrier's calls."""
        return f"{self.settings.trunk_address}:{self.settings.trunk_port}"

    @property
    def phones(self) -> str:
        """``address:port`` for operators' and agencies' phones."""
        return f"{self.settings.phones_address}:{self.settings.phones_port}"

    def account(self, phone: str, tone_hz: float | None = None) -> Account:
        """The account of an operator's or agency's phone, once :meth:`render` has made its password."""
        password = (self.settings.secrets / "phones" / phone).read_text().strip()
        return Account(phone, self.phones, password, tone_hz)

    async def ivr(self, *arguments: str, seconds: float = COMMAND_SECONDS, columns: int = 160) -> str:
        """Run a command of ``ivr``; what it printed, tables so many columns wide.

        Raises :class:`InstallationError` when it fails.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment | {"COLUMNS": str(columns)},
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), seconds)
        except (TimeoutError, asyncio.CancelledError):
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            said = (errors or output).decode(errors="replace").strip()
            raise InstallationError(f"ivr {' '.join(arguments[:2])}: {said}")
        return output.decode(errors="replace")

    async def render(self) -> None:
        """Write everything that Asterisk and the engine read: database, prompts, configuration."""
        await self.ivr("render")

    async def add_operators(self, pins: Mapping[str, str]) -> None:
        """Make accounts for these phones unless they have one."""
        known = (await self.ivr("operator", "list")).split()
        for phone, pin in pins.items():
            if phone not in known:
                await self.ivr("operator", "add", phone, "--name", f"Operator {phone}", "--pin", pin)

    async def start(self) -> None:
        """Render, start Asterisk and the engine, and return when both are ready."""
        await self.render()
        await self.asterisk.start()
        await self.engine.start()
        await self.engine.ready()

    async def stop(self) -> None:
        """End both now, with the calls."""
        await self.engine.stop()
        await self.asterisk.stop()
