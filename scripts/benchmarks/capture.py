"""What Asterisk sent over AMI while real calls went through, and what the record says of them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from benchmarks import rounds
from benchmarks.contestants import SIAGA
from benchmarks.event_source import END, OWN_NAME
from benchmarks.ground import Ground
from benchmarks.process import BenchError
from benchmarks.record import newly_whole, whole
from benchmarks.say import say
from ivr.calls.call import Call
from ivr.calls.endings import Result
from ivr.ledger.read import Written, find_call, list_calls, reading
from ivr.render.files import secret

CALLS = 20


@dataclass(frozen=True, slots=True)
class Captured:
    """``frames``: the events of :data:`CALLS` full calls, in order, without their ends. ``call`` and
    ``entries``: one of these calls as it stands in the record at its end."""

    frames: tuple[bytes, ...]
    call: Call
    entries: tuple[Written, ...]


async def capture(ground: Ground) -> Captured:
    """Record some real calls."""
    say("recording Asterisk's events of some calls")
    settings = ground.installation.settings
    await ground.duty(len(ground.operators))
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.ami_port)
    login = {
        "Action": "Login",
        "Username": "engine",
        "Secret": secret(settings.secrets, "ami-engine"),
        "Events": "on",
    }
    heard = bytearray()

    async def listen() -> None:
        while chunk := await reader.read(65536):
            heard.extend(chunk)

    listening = asyncio.create_task(listen())
    try:
        writer.write("".join(f"{name}: {value}\r\n" for name, value in login.items()).encode() + b"\r\n")
        async with ground.engine_of(SIAGA), rounds.operators(ground, traced=False):
            before = whole(ground)
            await ground.watched(rounds.place(ground, SIAGA, CALLS, 10.0))
            if not await newly_whole(ground, before, CALLS):
                raise BenchError("no call is whole in the record: see scripts/ivr doctor")
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        writer.close()
    frames = [frame for frame in bytes(heard).split(END) if frame.startswith(b"Event: ")]
    if not any(OWN_NAME in frame for frame in frames):
        raise BenchError("Asterisk sent no events of calls: look at cel.conf and manager.conf")
    async with reading(settings.database) as connection:
        known = await list_calls(connection, result=Result.ANSWERED, limit=1)
        _, entries = await find_call(connection, known[0].call.id)
    return Captured(tuple(frames), known[0].call, entries)
