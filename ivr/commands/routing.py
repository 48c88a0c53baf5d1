"""``ivr check`` and ``ivr route``: what a routing.yaml says, before it is live."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ivr.commands.common import command, out
from ivr.errors import IvrError
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.loader import load_file
from ivr.routing.model import CallerClass, Decision, Facts
from ivr.routing.rules import Rules
from ivr.routing.show import decision_as_json
from ivr.settings import load_settings

File = Annotated[Path | None, typer.Argument(help="The file; IVR_ROUTING (routing.yaml) if left out.")]


@command
def check(file: File = None) -> None:
    """Say everything that is wrong with a routing.yaml. Exit status 1 if anything is."""
    path = file or load_settings().routing
    rules = load_file(path)
    out.print(
        f"{path}: benar / correct: {len(rules.rules)} aturan / rules, {len(rules.agencies)} instansi / "
        f"agencies, {len(rules.lines)} saluran / lines.",
        soft_wrap=True,
    )


@command
def route(
    file: File = None,
    entry: Annotated[str, typer.Option(help="Number dialled: 112, 911, 110, …")] = "112",
    category: Annotated[str, typer.Option(help="fire, medical, … as in the file.")] = "unknown",
    sub: Annotated[str | None, typer.Option(help="Sub-category.")] = None,
    language: Annotated[
        str | None, typer.Option(help="id, en, …; the first of the file if left out.")
    ] = None,
    caller: Annotated[CallerClass, typer.Option(help="What the caller's number is.")] = CallerClass.NUMBER,
    cannot_speak: Annotated[bool, typer.Option("--cannot-speak", help="The caller pressed 8.")] = False,
    operators: Annotated[
        int | None, typer.Option(min=0, help="Operators on duty; unknown if left out.")
    ] = None,
    longest_wait: Annotated[float, typer.Option(min=0, help="Seconds the first in the queue waits.")] = 0,
    at: Annotated[str | None, typer.Option(help="2026-12-25T02:00 on the city's clocks; now.")] = None,
    out_of_service: Annotated[
        list[str] | None, typer.Option("--out", help="An agency or line that is out of service.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show where a call would go, and why."""
    rules = load_file(file or load_settings().routing)
    facts = Facts(
        entry=_known("entry", entry, rules.numbers),
        category=_known("category", category, rules.categories),
        sub=None if sub is None else _known("sub-category", sub, rules.categories[category]),
        language=_known("language", language or rules.default_language.id, rules.languages),
        caller=caller,
        cannot_speak=cannot_speak,
        operators=operators,
        longest_wait=longest_wait,
        out_of_service=frozenset(
            _known("agency or line", name, (*rules.agencies, *rules.lines)) for name in out_of_service or ()
        ),
    )
    now = _time(rules, at)
    decision = decide(rules, facts, now)
    if as_json:
        print(json.dumps(decision_as_json(decision), ensure_ascii=False, indent=2))
        return
    _show(rules, decision, encode_plan(plan(rules, decision, facts, now)))


def _show(rules: Rules, decision: Decision, plan_text: str) -> None:
    for trace in decision.why:
        mark = "→" if trace.matched else " "
        out.print(f"{mark} {trace.rule}: {trace.because}", markup=False, soft_wrap=True)
        if trace.matched:
            break
    language = rules.default_language.id
    out.print(f"\nAturan / rule:       {decision.rule}", markup=False)
    out.print(f"Cara / mode:         {decision.mode}, prioritas / priority {decision.priority}")
    for use in decision.agencies:
        lines = (", " if not use.together else " + ").join(
            f"{line.name} {line.timeout_seconds}s" for line in use.lines
        )
        name = rules.agencies[use.agency].name[language]
        out.print(f"{use.role:<20} {use.agency} ({name}): {lines or '—'}", markup=False, soft_wrap=True)
    if decision.notify:
        out.print(f"Diberi tahu / told:  {', '.join(decision.notify)}", soft_wrap=True)
    if decision.clock_seconds:
        out.print(f"Batas / clock:       {decision.clock_seconds} s")
    out.print("Urutan / order:", *_stages(plan_text), sep="\n", markup=False, soft_wrap=True)


def _stages(plan_text: str) -> list[str]:
    words = {"q": "antrean / queue", "i": "antrean / queue (if operators stay free)", "l": "telepon / lines"}
    stages = []
    for number, stage in enumerate(plan_text.split("+"), start=1):
        kind, where, seconds, *_ = stage.split(":")
        stages.append(f"  {number}. {words[kind]} {where.replace('&', ' + ')}, {seconds} s")
    return stages


def _known(what: str, value: str, known: object) -> str:
    names = sorted(str(name) for name in known)  # type: ignore[attr-defined]
    if value not in names:
        raise IvrError(f"{what} '{value}' is not in the file; it has: {', '.join(names) or 'none'}.")
    return value


def _time(rules: Rules, at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        when = datetime.fromisoformat(at)
    except ValueError as error:
        raise IvrError(f"--at {at}: write a date and time such as 2026-12-25T02:00.") from error
    return when if when.tzinfo else when.replace(tzinfo=rules.city.zone)
