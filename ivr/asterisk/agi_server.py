"""The FastAGI server: Asterisk asks, the engine answers with one advice, the connection is closed.

Whatever goes wrong here, the connection is closed without an advice and the dialplan's lifeline takes the
caller. A connection is served in its own task with a deadline on every wait, so no peer, however broken,
costs more than its own socket.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog
from panoramisk import fast_agi

from ivr.asterisk.agi_commands import AgiSession, decode
from ivr.asterisk.failures import place
from ivr.errors import AgiError, AgiHangup
from ivr.vocabulary import AgiScript, Variable

HEADER_SECONDS = 2.0
HEADER_BYTES = 32_768
"""Of all headers together. Asterisk substitutes an application's arguments in a buffer of 8 KB."""
HEADER_COUNT = 200
CONNECTIONS = 1000
"""So many are served at once; more are closed at once: the callers go on by the lifeline."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """What the dialplan asks. ``arguments`` are AGI's, empty ones at the end included; ``call_id`` is the
    Uniqueid of the channel that asks, ``channel`` its name."""

    script: AgiScript
    arguments: tuple[str, ...]
    call_id: str
    channel: str


Answer = Callable[[Question], Awaitable[str]]
"""Gives the advice for a question (see ``ivr.vocabulary.Advice``)."""


class AgiServer:
    """Listens on ``host:port`` (0: any free port) and lets ``answer`` answer, within ``seconds`` each."""

    def __init__(self, host: str, port: int, answer: Answer, seconds: float = 3.0) -> None:
        self._host = host
        self.port = port
        """The port that is listened on, once started."""
        self._answer = answer
        self._seconds = seconds
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def in_progress(self) -> int:
        """Connections being served now."""
        return len(self._serving)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        application = _Application(loop=asyncio.get_running_loop())
        for script in AgiScript:
            application.add_route(script.value, self._ask)
        connected = partial(self._connected, application)
        self._server = await asyncio.start_server(connected, self._host, self.port, limit=HEADER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def drain(self, seconds: float) -> None:
        """Refuse new questions; those under way may take up to ``seconds`` to finish."""
        if self._server is not None:
            self._server.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)

    async def close(self) -> None:
        """Refuse new questions and break off those under way: their callers go on by the lifeline."""
        await self.drain(0)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _connected(
        self, application: "_Application", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._serving) >= CONNECTIONS:
            log.error("agi_connection_refused", in_progress=len(self._serving))
            writer.close()
            return
        task = asyncio.create_task(application.handler(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _ask(self, session: AgiSession) -> None:
        question = _question(session.headers)
        try:
            async with asyncio.timeout(self._seconds):
                advice = await self._answer(question)
        except AgiError:
            raise
        except Exception as error:
            log.error("agi_question_failed", call=question.call_id, script=question.script, **place(error))
            return
        reply = await session.execute("SET VARIABLE", Variable.ADVICE.value, advice)
        if reply.result != "1":
            raise AgiError(f"Asterisk did not take the advice (result {reply.result!r}).")


class _Application(fast_agi.Application):  # type: ignore[misc]
    """panoramisk's routes with our own way in: bounded headers, routes without their query, and errors that
    end one connection only."""

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = ""
        try:
            headers = await _read_headers(reader)
            call = headers.get("agi_uniqueid", "")
            script = headers.get("agi_network_script", "").partition("?")[0].strip("/")
            route = self._route.get(script)
            if route is None:
                raise AgiError(f"The dialplan asks {script[:40]!r}; it may ask {', '.join(AgiScript)}.")
            await route(AgiSession(self, headers, reader, writer))
        except AgiHangup as gone:
            log.info("agi_peer_gone", call=call, reason=str(gone))
        except AgiError as error:
            log.warning("agi_failed", call=call, reason=str(error))
        except Exception as error:
            log.error("agi_broken", call=call, **place(error))
        finally:
            writer.close()


async def _read_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    """Asterisk's ``agi_*`` lines up to the empty one. Of a header that comes twice the first counts: what a
    caller could inject with an argument stands behind what Asterisk wrote itself."""
    try:
        async with asyncio.timeout(HEADER_SECONDS):
            raw = await reader.readuntil(b"\n\n")
    except asyncio.IncompleteReadError:
        raise AgiHangup(
            "The peer closed before the end of its headers (a port scan or health check?)."
        ) from None
    except asyncio.LimitOverrunError:
        raise AgiError(f"The headers are longer than {HEADER_BYTES} bytes.") from None
    except TimeoutError:
        raise AgiError(f"The headers did not come within {HEADER_SECONDS} s.") from None
    except OSError as error:
        raise AgiHangup("The peer broke the connection in its headers.") from error
    lines = raw.rstrip(b"\n").split(b"\n")
    if len(lines) > HEADER_COUNT:
        raise AgiError(f"More than {HEADER_COUNT} headers.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = decode(line).partition(": ")
        if colon:
            headers.setdefault(name, value)
    return headers


def _question(headers: Mapping[str, str]) -> Question:
    arguments: list[str] = []
    while (value := headers.get(f"agi_arg_{len(arguments) + 1}")) is not None:
        arguments.append(value)
    script = headers["agi_network_script"].partition("?")[0].strip("/")
    return Question(
        AgiScript(script), tuple(arguments), headers.get("agi_uniqueid", ""), headers.get("agi_channel", "")
    )
