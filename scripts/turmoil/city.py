"""One stack: a city with real Asterisk, real engine, operators, agencies, and a citizen in every state."""

import asyncio
import itertools
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stack.asterisk import Asterisk, AsteriskError
from stack.clock import SettableClock
from stack.engine import Engine
from stack.installation import Installation
from stack.installed import REPOSITORY
from stack.phones.baresip import Phone
from stack.phones.baresip_process import Account, PhoneError
from stack.phones.sipp import TRUNK_ADDRESS
from stack.ports import PortBlock
from stack.proxy import Proxy
from stack.spoken import keep_prompts, take_prompts

from ivr.prepare import prepare
from ivr.queueing.operators import make_operator
from ivr.store.accounts import add_operator
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade
from ivr.vocabulary import LAYER_1_QUEUE, TRUNK_ENDPOINT
from turmoil.carrier import ADDRESS, NAME, NAME_SERVER, NameServer, Registrar
from turmoil.errors import ChaosError
from turmoil.facts import Standing, Weight
from turmoil.people import FIRE, HEALTH, OPERATORS, TONES, Citizen, Persons
from turmoil.process import handles, weight

PIN = "2468"
FIRST_CITIZEN_HZ = 1000.0
AGENCIES_AT_ONCE = ("mode: direct_if_swamped", "mode: direct")
"""The city's own rules, but agencies are rung at once: so that every state can be had side by side."""

# Writing beyond the limit of a file's size then fails as on a full disk, and does not kill.
ENOSPC_IS_NO_DEATH = ("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh")
# A private /etc/resolv.conf, as an ordinary user.
OWN_NAMES = (
    *("unshare", "--user", "--map-root-user", "--mount"),
    *("sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh"),
)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a stack needs beside the usual."""

    ami_by_proxy: bool = False
    """The engine reaches Asterisk's manager through :attr:`City.ami`."""
    carrier: bool = False
    """The trunk registers with :attr:`City.registrar` ..."""
    carrier_by_name: bool = False
    """... which it knows by a name that :attr:`City.names` tells, and nobody else."""
    own_clock: bool = False
    """Asterisk lives by :attr:`City.clock`."""
    rules: Sequence[tuple[str, str]] = ()
    """Texts of routing.yaml, each there once, and what stands in their place."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as Asterisk shows it."""

    name: str
    application: str
    number: str
    bridged: bool


class City:
    """Everything of one fault, below ``state``. An async context manager; only its files outlive it."""

    def __init__(self, state: Path, equipment: Equipment) -> None:
        self.state = state
        self._equipment = equipment
        self.citizens: list[Citizen] = []
        self.persons = Persons([])
        self.registrar: Registrar | None = None
        self.names: NameServer | None = None
        self.clock: SettableClock | None = None
        self._hz = itertools.count(FIRST_CITIZEN_HZ, 70.0)

    async def __aenter__(self) -> "City":
        try:
            self.ports = PortBlock()
            await self._build()
            await self._start_asterisk()
            await self._start_engine()
            await self._start_phones()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        phones = [*self.persons.phones.values(), *(citizen.phone for citizen in self.citizens)]
        await asyncio.gather(*(phone.stop() for phone in phones))
        if hasattr(self, "installation"):
            if self.engine.running:
                self.engine.resume()
            await self.engine.kill()
            await self.asterisk.kill()
            for proxy in (self.agi, self.ami):
                proxy.cut()
        for server in (self.registrar, self.names):
            if server is not None:
                server.close()
        if hasattr(self, "ports"):
            self.ports.close()

    # -- building

    async def _build(self) -> None:
        self.state.mkdir(parents=True)
        routing = self.state / "routing.yaml"
        text = (REPOSITORY / "routing.yaml").read_text().replace(*AGENCIES_AT_ONCE)
        for old, new in self._equipment.rules:
            if text.count(old) != 1:
                raise ChaosError(f"routing.yaml has {text.count(old)} times, not once: {old}")
            text = text.replace(old, new)
        routing.write_text(text)
        self.installation = Installation.private(
            self.state, self.ports, **({"routing": str(routing)} | self._carrier())
        )
        self.settings = self.installation.settings
        if self._equipment.own_clock:
            self.clock = SettableClock(self.state / "clock")
            self.installation.asterisk = Asterisk(self.settings.etc, self.state / "asterisk.out", self.clock)
        self.agi = Proxy(self.ports.port(), self.settings.agi_port)
        self.ami = Proxy(self.ports.port(), self.settings.ami_port)
        if self._equipment.ami_by_proxy:
            self.installation.engine = Engine(
                {**self.installation.environment, "IVR_AMI_PORT": str(self.ami.port)},
                self.settings.health_port,
                output=self.state / "engine.log",
            )
        take_prompts(self.settings)
        await upgrade(self.settings.database)
        database = create_engine(self.settings.database)
        for name in OPERATORS:
            await add_operator(database, make_operator(name, f"Operator {name}", PIN))
        await close(database)
        await prepare(self.settings)
        keep_prompts(self.settings)

    def _carrier(self) -> dict[str, str]:
        """Settings of the trunk, and the surroundings in which Asterisk finds it."""
        if not self._equipment.carrier:
            return {}
        self.registrar = Registrar(self.ports.port())
        password = self.state / "carrier-password"
        password.write_text("unused\n")
        password.chmod(0o600)
        host = NAME if self._equipment.carrier_by_name else ADDRESS
        return {
            "trunk_server": f"{host}:{self.registrar.port}",
            "trunk_username": "kota",
            "trunk_password_file": str(password),
        }

    async def _start_asterisk(self) -> None:
        if self.registrar is not None:
            await self.registrar.open()
        surroundings: list[str] = [*ENOSPC_IS_NO_DEATH]
        if self._equipment.carrier_by_name:
            self.names = NameServer()
            await self.names.open()
            resolver = self.state / "resolv.conf"
            resolver.write_text(f"nameserver {NAME_SERVER}\n")
            surroundings = [*OWN_NAMES, str(resolver), *surroundings]
        self.asterisk.wrapper = surroundings
        await self.asterisk.start()

    async def _start_engine(self) -> None:
        await self.agi.open()
        await self.ami.open()
        await self.engine.start()
        await self.engine.ready()

    async def _start_phones(self) -> None:
        phones = [
            Phone(self.installation.account(name, TONES[name]), self.ports)
            for name in (*OPERATORS, FIRE, HEALTH)
        ]
        self.persons = Persons(phones)
        await asyncio.gather(*(phone.start() for phone in phones))
        await asyncio.gather(*(phone.registered() for phone in phones))

    async def citizen(self, standing: Standing) -> Citizen:
        """One more citizen, with a phone of their own."""
        number = f"+62811{len(self.citizens) + 1:07}"
        hz = next(self._hz)
        account = Account(number, self.installation.trunk, None, hz)
        one = Citizen(number, standing, hz, Phone(account, self.ports, address=TRUNK_ADDRESS))
        self.citizens.append(one)
        await one.phone.start()
        return one

    # -- parts

    @property
    def asterisk(self) -> Asterisk:
        return self.installation.asterisk

    @property
    def engine(self) -> Engine:
        return self.installation.engine

    def keep_sounds(self) -> None:
        """Put what each phone heard to the logs: calls of made-up citizens, nothing but prompts and tones."""
        sounds = self.state / "sounds"
        sounds.mkdir(exist_ok=True)
        for phone in (*self.persons.phones.values(), *(one.phone for one in self.citizens)):
            for file in phone.directory.glob("[!s]*.wav"):  # Not says.wav.
                shutil.copy(file, sounds / f"{phone.user}-{file.name}")

    def of(self, standing: Standing) -> Iterator[Citizen]:
        return (one for one in self.citizens if one.standing is standing)

    async def on_duty(self, name: str) -> None:
        await self.asterisk.rx(f"queue add member PJSIP/{name} to {LAYER_1_QUEUE}")

    async def ask_by_proxy(self, *, yes: bool) -> None:
        """Whether Asterisk's questions go to the engine by way of :attr:`agi`."""
        port = self.agi.port if yes else self.settings.agi_port
        await self.asterisk.rx(f"dialplan set global IVR_ENGINE agi://127.0.0.1:{port}")

    async def channels(self) -> list[Channel]:
        """All channels that exist now."""
        found = []
        for line in (await self.asterisk.rx("core show channels concise")).splitlines():
            parts = line.split("!")
            if len(parts) >= 14:
                found.append(Channel(parts[0], parts[5], parts[-7], bool(parts[-2])))
        return found

    async def at(self, number: str) -> Channel | None:
        """The caller's own channel."""
        for channel in await self.channels():
            if channel.number == number and channel.name.startswith(f"PJSIP/{TRUNK_ENDPOINT}-"):
                return channel
        return None

    async def engine_weight(self) -> Weight:
        return await weight(self.engine.pid, self.settings.health_port)

    def asterisk_handles(self) -> int:
        return handles(self.asterisk.pid)


async def until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Wait until ``condition`` (plain or coroutine) holds; :class:`ChaosError` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(AsteriskError, PhoneError):
            result = condition()
            if isinstance(result, Awaitable):
                result = await result
            if result:
                return
        if time.monotonic() > deadline:
            raise ChaosError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.1)
