"""One FastAGI question to the engine and its advice, as Asterisk asks it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contestants import SIAGA
from benchmarks.figures import Section, Table, median, percentile
from benchmarks.ground import Ground, Running
from benchmarks.plan import Sizes
from benchmarks.process import BenchError, cpu_seconds
from benchmarks.say import say
from ivr.asterisk.intake_facts import encode_intake
from ivr.routing.loader import load_file
from ivr.vocabulary import AgiScript, IntakeField, Variable

SIDE_BY_SIDE = 16
"""Questions under way at once in the second half."""
CALLS = 20
FACTS = {
    IntakeField.DIALLED: "112",
    IntakeField.CALLER_NUMBER: "+628110000001",
    IntakeField.FROM: "<sip:+628110000001@127.0.0.2>;tag=1c1",
    IntakeField.SIP_CALL_ID: "1-1-1@127.0.0.2",
}


@dataclass(frozen=True, slots=True)
class Answers:
    seconds: Sequence[float]
    """Of each question."""
    took: float
    cpu: float
    """Of the engine, all together."""


async def measure(ground: Ground, sizes: Sizes) -> Section:
    rules = load_file(ground.installation.settings.routing).digest
    questions = {AgiScript.INTAKE: (), AgiScript.KEY: ("main", "id", "0", rules, "1")}
    rows: list[tuple[str, int, float | None, float | None, float, float]] = []
    async with ground.engine_of(SIAGA) as engine:
        assert engine is not None
        for script, arguments in questions.items():
            for together in (1, SIDE_BY_SIDE):
                say(f"questions: {script}, {together} at once")
                work = _ask_many(ground, engine, script, arguments, sizes.questions, together)
                answers = await ground.watched(work)
                rows.append(
                    (
                        str(script),
                        together,
                        _micro(median(answers.seconds)),
                        _micro(percentile(answers.seconds, 0.99)),
                        len(answers.seconds) / answers.took,
                        1e6 * answers.cpu / len(answers.seconds),
                    )
                )
    columns = ("question", "at once", "p50 µs", "p99 µs", "a second", "engine CPU µs")
    table = Table(
        "FastAGI round trip: question to advice",
        columns,
        rows,
        "From connecting to the end of the connection; what is decided goes to the ledger as in a call.",
    )
    names = ("question", "at_once", "p50_us", "p99_us", "per_second", "engine_cpu_us")
    return Section(
        "questions",
        "The dialplan's questions",
        (table,),
        {"rows": [dict(zip(names, row, strict=True)) for row in rows]},
    )


async def _ask_many(
    ground: Ground, engine: Running, script: AgiScript, arguments: Sequence[str], count: int, together: int
) -> Answers:
    port = ground.installation.settings.agi_port
    left = iter(range(count))
    seconds: list[float] = []

    async def one_after_the_other() -> None:
        for number in left:
            # Of a few calls again and again: no end of them is ever seen, and thousands of live calls are
            # another section's subject.
            call_id = f"siaga-1000000000.{number % CALLS}"
            began = time.perf_counter()
            await ask(port, script, call_id, arguments)
            seconds.append(time.perf_counter() - began)

    cpu, began = cpu_seconds(engine.pid), time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(together)))
    return Answers(seconds, time.perf_counter() - began, cpu_seconds(engine.pid) - cpu)


async def ask(port: int, script: AgiScript, call_id: str, arguments: Sequence[str]) -> str:
    """Play Asterisk for one question; its advice. Raises :class:`BenchError` when there is none."""
    asked = "/".join((script, call_id, *arguments))
    headers = {
        "agi_network": "yes",
        "agi_network_script": asked,
        "agi_request": f"agi://127.0.0.1:{port}/{asked}",
        "agi_channel": "PJSIP/trunk-00000001",
        "agi_language": "en",
        "agi_type": "PJSIP",
        "agi_uniqueid": call_id,
        "agi_version": "22",
        "agi_callerid": "+628110000001",
        "agi_context": "ask",
        "agi_extension": "s",
        "agi_priority": "15",
        "agi_enhanced": "0.0",
        "agi_arg_1": encode_intake(FACTS),
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n")
        command = (await reader.readline()).decode()
        if not command.startswith(f"SET VARIABLE {Variable.ADVICE} "):
            raise BenchError(f"the engine answered the question {script} with {command[:60]!r}: see its log")
        writer.write(b"200 result=1\n")
        await reader.read()
        return command.partition(f"{Variable.ADVICE} ")[2].strip().strip('"')
    finally:
        writer.close()


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e6
