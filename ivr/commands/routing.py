"""``ivr check`` and ``ivr route``: what a routing.yaml says, before it is live."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ivr.commands.common import command, out
from ivr.errors import IvrError
from ivr.intake.caller import classify_caller
from ivr.menu.prompts_needed import prompts_needed
from ivr.prompts.catalogue import plan_prompts
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.examine import examine
from ivr.routing.include import bundle
from ivr.routing.loader import load_file
from ivr.routing.model import CallerClass, Decision, Facts, ServiceState
from ivr.routing.reference import schema_text
from ivr.routing.rules import Rules
from ivr.routing.schema import seconds_of
from ivr.routing.show import decision_as_json
from ivr.rulebook import voices
from ivr.settings import Settings, load_settings
from ivr.vocabulary import IntakeField

File = Annotated[Path | None, typer.Argument(help="The file; IVR_ROUTING (routing.yaml) if left out.")]


@command
def check(file: File = None) -> None:
    """Say everything that is wrong with a routing.yaml, and what is probably not meant.

    Exit status 1 if anything is wrong. Warnings alone leave it 0.
    """
    settings = load_settings()
    path = file or settings.routing
    found = examine(bundle(path), str(path), datetime.now(UTC), partial(_unplayable, settings))
    for warning in found.warnings:
        print(warning)  # rich would make a picture of the line ":100:"
    rules = found.rules
    out.print(
        f"{path}: benar / correct: {len(rules.rules)} aturan / rules, {len(rules.agencies)} instansi / "
        f"agencies, {len(rules.lines)} saluran / lines.",
        f"Terbukti / proved: setiap panggilan sampai ke manusia / every call ends at a human "
        f"({found.proof.combinations:,} kombinasi / combinations).",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )


def _unplayable(settings: Settings, rules: Rules) -> set[tuple[str, str]]:
    """Prompts for which a caller would hear the first language."""
    prompts, _ = plan_prompts(prompts_needed(rules), settings.prompts, settings.recorded, voices(rules))
    return {prompt.key for prompt in prompts if prompt.target is None}


@command
def schema() -> None:
    """Print the JSON Schema of routing.yaml, with which editors complete and check it."""
    print(schema_text(), end="")


@command
def route(
    file: File = None,
    entry: Annotated[str, typer.Option(help="Number dialled: 112, 911, 110, …")] = "112",
    category: Annotated[str, typer.Option(help="fire, medical, … as in the file.")] = "unknown",
    sub: Annotated[str | None, typer.Option(help="Sub-category.")] = None,
    language: Annotated[
        str | None, typer.Option(help="id, en, …; the first of the file if left out.")
    ] = None,
    caller: Annotated[
        str, typer.Option(help="The caller's number (+62…), or number, simless, anonymous or missing.")
    ] = CallerClass.NUMBER,
    simless: Annotated[bool, typer.Option("--simless", help="The same as --caller simless.")] = False,
    district: Annotated[str | None, typer.Option(help="A district of the file, once it is known.")] = None,
    service_state: Annotated[
        ServiceState, typer.Option(help="The 112 centre's state.", case_sensitive=False)
    ] = ServiceState.NORMAL,
    prank_marks: Annotated[int, typer.Option(min=0, help="Prank marks of the caller's number.")] = 0,
    redial: Annotated[
        str | None, typer.Option(help="2m: so long ago the number's last call ended without a person.")
    ] = None,
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
    caller_class, number = _caller(rules, CallerClass.SIMLESS if simless else caller)
    facts = Facts(
        entry=_known("entry", entry, rules.numbers),
        category=_known("category", category, rules.categories),
        sub=None if sub is None else _known("sub-category", sub, rules.categories[category]),
        language=_known("language", language or rules.default_language.id, rules.languages),
        caller=caller_class,
        caller_number=number,
        listed=rules.list_of(number),
        district=None if district is None else _known("district", district, rules.city.districts),
        service_state=service_state,
        prank_marks=prank_marks,
        redial_seconds=None if redial is None else _duration("--redial", redial),
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
    out.print(f"\nAturan / rule:       {decision.rule}", markup=False, soft_wrap=True)
    out.print(
        f"Cara / mode:         {decision.mode}, prioritas / priority {decision.priority}", soft_wrap=True
    )
    for use in decision.agencies:
        lines = (", " if not use.together else " + ").join(
            f"{line.name} {line.timeout_seconds}s" for line in use.lines
        )
        name = rules.agencies[use.agency].name[language]
        out.print(f"{use.role:<20} {use.agency} ({name}): {lines or '—'}", markup=False, soft_wrap=True)
    if decision.notify:
        out.print(f"Diberi tahu / told:  {', '.join(decision.notify)}", soft_wrap=True)
    if decision.clock_seconds:
        out.print(f"Batas / clock:       {decision.clock_seconds} s", soft_wrap=True)
    out.print("Urutan / order:", *_stages(plan_text), sep="\n", markup=False, soft_wrap=True)


def _stages(plan_text: str) -> list[str]:
    words = {"q": "antrean / queue", "i": "antrean / queue (if operators stay free)", "l": "telepon / lines"}
    stages = []
    for number, stage in enumerate(plan_text.split("+"), start=1):
        kind, where, seconds, *_ = stage.split(":")
        stages.append(f"  {number}. {words[kind]} {where.replace('&', ' + ')}, {seconds} s")
    return stages


def _caller(rules: Rules, typed: str) -> tuple[CallerClass, str | None]:
    """A class as it stands, or what the engine makes of a number."""
    if typed in tuple(CallerClass):
        return CallerClass(typed), None
    caller = classify_caller({IntakeField.CALLER_NUMBER: typed}, rules.city)
    if caller.caller_class is CallerClass.MISSING:
        raise IvrError(f"--caller {typed}: write a number such as +62811…, or {', '.join(CallerClass)}.")
    return caller.caller_class, caller.number


def _duration(option: str, typed: str) -> int:
    seconds = seconds_of(typed)
    if seconds is None:
        raise IvrError(f"{option} {typed}: write a time such as 90s or 2m.")
    return seconds


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
