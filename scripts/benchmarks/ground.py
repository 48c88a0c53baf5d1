"""The ground of the bench: one Asterisk on which every contestant is tried, with operators who answer.

The product's own configuration and dialplan as they are rendered, plus files of the bench's own beside them.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from stack.asterisk import Asterisk
from stack.engine import Engine, EngineError
from stack.installation import Installation
from stack.installed import phones
from stack.ports import PortBlock
from stack.spoken import keep_prompts, take_prompts

from benchmarks.contestants import ARI, PANORAMISK, PYST2, SIAGA, STATIC, Contestant, Peer, filled
from benchmarks.peers.flow import APPLICATION, Flow
from benchmarks.process import BenchError, raise_file_limit
from ivr.asterisk.ami_connection import AmiConnection
from ivr.asterisk.ami_messages import AmiAction
from ivr.menu.prompts_needed import menu_prompt, prompts_needed
from ivr.prepare import prepare
from ivr.prompts import load_catalogue
from ivr.render.etc import render
from ivr.render.files import secret
from ivr.render.install import find_install
from ivr.rulebook import voices
from ivr.vocabulary import LAYER_1_QUEUE

RTP = {"rtp_start": "12002", "rtp_end": "19998"}
"""Room for 2,000 calls: more than a block of ports of the test stacks, below them, above the default ones."""
OPERATORS_ADDRESS = "127.0.0.1"
_MODULES = (
    "res_websocket_client",
    *("res_stasis", "res_stasis_answer", "res_stasis_snoop", "res_stasis_playback", "res_stasis_recording"),
    *("app_stasis", "res_ari_model", "res_ari", "res_ari_applications", "res_ari_channels"),
    *("res_ari_events", "res_ari_playbacks"),
)
"""What ARI needs beside the product's own modules."""
_Result = TypeVar("_Result")


class Running(Protocol):
    """An engine that takes part: ours or a peer."""

    @property
    def pid(self) -> int: ...
    @property
    def running(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Trial:
    title: str
    engine: Running
    log: Path


class Ground:
    """``operators`` phones exist, named op001 and so on; :meth:`duty` puts them into the queue."""

    def __init__(self, operators: int, **settings: str) -> None:
        """``settings`` are further ``IVR_*`` settings of the engine, in lower case without the prefix."""
        self.operators = tuple(f"op{number:03}" for number in range(1, operators + 1))
        self._settings = settings
        self._on_duty: list[str] = []
        self._trying: _Trial | None = None

    async def __aenter__(self) -> "Ground":
        need_programs()
        raise_file_limit()
        try:
            self._ports = PortBlock()
        except RuntimeError as error:
            raise BenchError(str(error)) from error
        self.state = Path(tempfile.mkdtemp(prefix="siaga-bench-"))
        try:
            await self._build()
            await self.asterisk.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if hasattr(self, "asterisk"):
            await self.asterisk.stop()
        self._ports.close()
        shutil.rmtree(self.state, ignore_errors=True)

    async def _build(self) -> None:
        self.installation = Installation.private(self.state, self._ports, **(RTP | self._settings))
        self.operators_port = self._ports.port()
        settings = self.installation.settings
        take_prompts(settings)
        prepared = await prepare(settings)
        keep_prompts(settings)
        render(settings, prepared.rules, self.operators, find_install())
        recordings = self.state / "recordings-of-peers"
        recordings.mkdir()
        rules = prepared.rules
        menu = rules.menus[rules.numbers["112"].menu or ""]
        catalogue = load_catalogue(prompts_needed(rules), settings.prompts, settings.recorded, voices(rules))
        prompt = catalogue.path(rules.default_language.id, menu_prompt(menu.name))
        priorities = {
            key: next((rule.priority for rule in rules.rules if rule.name == name), 0)
            for key, name in (("1", "fire"), ("2", "ambulance"), ("3", "security"), ("4", "disaster"))
        }
        self._ports_of = {one.id: self._ports.port() for one in (PANORAMISK, PYST2, ARI)}
        ari_secret = secrets.token_hex(16)
        for contestant_id, port in self._ports_of.items():
            shared = Flow(
                port=port,
                ari_secret=ari_secret,
                prompt=str(prompt).removesuffix(".wav"),
                silence_seconds=menu.silence_seconds,
                recordings=str(recordings),
                queue=LAYER_1_QUEUE,
                queue_seconds=45,
                priorities=priorities,
                other_priority=6,
            )
            shared.write(self.state / f"{contestant_id}.json")
        self._configure(asdict(shared) | self._ports_of, ari_secret)
        self.asterisk: Asterisk = self.installation.asterisk

    def _configure(self, values: Mapping[str, object], ari_secret: str) -> None:
        """The bench's own parts of the assembled configuration."""
        etc = self.installation.settings.etc
        addresses = {
            "trunk_address": self.installation.settings.trunk_address,
            "peers_address": STATIC.address,
        }
        _append(etc / "extensions.conf", filled("contestants.conf", values))
        _append(etc / "pjsip.conf", filled("trunk.conf", addresses))
        _append(etc / "modules.conf", "\n".join(f"load={name}.so" for name in _MODULES))
        (etc / "http.conf").write_text(
            f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={values[ARI.id]}\nsessionlimit=5000\n"
        )
        (etc / "ari.conf").write_text(
            f"[general]\nenabled=yes\n[{APPLICATION}]\ntype=user\npassword={ari_secret}\n"
        )
        # By the templates: the part with the phones is the engine's, which would put it right again.
        # Operators' phones answer at one place without registering there; nobody asks whether they live.
        _replace(
            etc / "pjsip.conf",
            "[operator-aor](!,phone-aor)\nqualify_frequency=3\n",
            "[operator-aor](!,phone-aor)\nqualify_frequency=0\n"
            f"contact=sip:operator@{OPERATORS_ADDRESS}:{self.operators_port}\n",
        )
        # They send no audio: Asterisk would take each for a phone that died, and ring another for its caller.
        _replace(etc / "pjsip.conf", "\nrtp_timeout=5\n", "\nrtp_timeout=0\n")

    # -- operators

    async def duty(self, count: int) -> None:
        """Exactly the first ``count`` operators are in the queue."""
        wanted = list(self.operators[:count])
        assert len(wanted) == count, f"the ground has {len(self.operators)} operators"
        settings = self.installation.settings
        connection = AmiConnection("127.0.0.1", settings.ami_port)
        try:
            await connection.open(3.0)
            await connection.authenticate("engine", secret(settings.secrets, "ami-engine"), 3.0)
            for name in wanted[len(self._on_duty) :]:
                member = {"Queue": LAYER_1_QUEUE, "Interface": f"PJSIP/{name}"}
                await connection.ask(AmiAction("QueueAdd", member), 5.0)
            for name in self._on_duty[count:]:
                member = {"Queue": LAYER_1_QUEUE, "Interface": f"PJSIP/{name}"}
                await connection.ask(AmiAction("QueueRemove", member), 5.0)
        finally:
            connection.drop("done")
        self._on_duty = wanted

    # -- contestants

    @asynccontextmanager
    async def engine_of(self, contestant: Contestant) -> AsyncIterator[Running | None]:
        """The contestant's engine while it is tried: all others are down, so that Asterisk works for one."""
        if contestant is SIAGA:
            engine = self.installation.engine
            self._trying = _Trial(contestant.title, engine, self.state / "engine.log")
            try:
                await self._ready(engine)
                yield engine
            finally:
                self._trying = None
                await engine.stop()
        elif contestant.module is not None:
            log = self.state / f"{contestant.id}.log"
            peer = Peer(contestant, self.state / f"{contestant.id}.json", _environment(), log)
            self._trying = _Trial(contestant.title, peer, log)
            try:
                await peer.start()
                yield peer
            finally:
                self._trying = None
                await peer.stop()
        else:
            yield None

    async def _ready(self, engine: Engine) -> None:
        try:
            await engine.start()
            await engine.ready()
        except EngineError as error:
            said = _last_error(self.state / "engine.log")
            raise BenchError(f"Siaga 112's engine did not start. {said}") from error

    async def watched(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """``work``, given up as soon as Asterisk or the engine that is tried ends."""
        task = asyncio.create_task(work)
        died = asyncio.create_task(self.asterisk.wait())
        either: set[asyncio.Task[Any]] = {task, died}
        try:
            while not task.done():
                await asyncio.wait(either, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    break
                if died.done():
                    log = self.installation.settings.root / "asterisk" / "log" / "messages"
                    raise BenchError(f"Asterisk ended in the middle ({died.result()}). {_last_error(log)}")
                if self._trying is not None and not self._trying.engine.running:
                    said = _last_error(self._trying.log)
                    raise BenchError(f"the engine of {self._trying.title} ended in the middle. {said}")
            return task.result()
        finally:
            for one in either:
                one.cancel()
            await asyncio.gather(*either, return_exceptions=True)


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}


def need_programs() -> None:
    """Raises an error that names the remedy when SIPp or Asterisk is not there."""
    for name, program in (("SIPp", phones().sipp), ("Asterisk", find_install().binary)):
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} ({name}) is not a program: run scripts/setup --phones")


def _append(file: Path, text: str) -> None:
    with file.open("a") as out:
        out.write(f"\n{text}\n")


def _replace(file: Path, asked: str, answered: str) -> None:
    text = file.read_text()
    if asked not in text:
        raise BenchError(f"{file.name} has no {asked.strip()!r} any more: adapt benchmarks/ground.py to it")
    file.write_text(text.replace(asked, answered))


def _last_error(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [line for line in lines if "error" in line.lower()]
    return f"Its last error: {errors[-1]}" if errors else "It left no error in its log."
