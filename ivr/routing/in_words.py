"""One call's facts for people: in words, and as the ``ivr route`` command that shows its decision."""

import shlex
from collections.abc import Iterator

from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.rules import Rules
from ivr.routing.space import Point

_USUAL = Facts()


def facts_in_words(rules: Rules, point: Point) -> str:
    """``fire (house), dialled 113, friday 2026-11-27 11:30, no operator on duty, out of service: damkar``."""
    return ", ".join(_words(rules, point))


def _words(rules: Rules, point: Point) -> Iterator[str]:
    facts = point.facts
    yield facts.category + (f" ({facts.sub})" if facts.sub else "")
    yield f"dialled {facts.entry}"
    yield f"language {facts.language}"
    if facts.listed:
        yield f"a caller of the list {facts.listed}"
    elif facts.caller is not CallerClass.NUMBER:
        yield f"a caller whose number is {facts.caller}"
    if facts.district:
        yield f"in {facts.district}"
    if facts.cannot_speak:
        yield "a caller who cannot speak"
    yield f"{point.at:%A %Y-%m-%d %H:%M}".lower()
    if facts.operators is not None:
        yield f"{facts.operators or 'no'} operator{'' if facts.operators == 1 else 's'} on duty"
    if facts.longest_wait:
        yield f"somebody waits for {facts.longest_wait:.0f} s"
    if facts.service_state is not ServiceState.NORMAL:
        yield f"the centre is {facts.service_state}"
    if facts.out_of_service.issuperset((*rules.agencies, *rules.lines)):
        yield "everything out of service"
    elif facts.out_of_service:
        yield f"out of service: {', '.join(sorted(facts.out_of_service))}"


def route_command(rules: Rules, point: Point, file: str) -> str:
    """The command that shows this call's decision; what it would assume anyway is left out."""
    return shlex.join(["ivr", "route", file, *_options(rules, point)])


def _options(rules: Rules, point: Point) -> Iterator[str]:
    facts = point.facts
    yield from ("--at", f"{point.at:%Y-%m-%dT%H:%M}")
    for fact, option in (
        ("entry", "--entry"),
        ("category", "--category"),
        ("sub", "--sub"),
        ("district", "--district"),
        ("service_state", "--service-state"),
        ("operators", "--operators"),
    ):
        if getattr(facts, fact) != getattr(_USUAL, fact):
            yield from (option, str(getattr(facts, fact)))
    if facts.language != rules.default_language.id:
        yield from ("--language", facts.language)
    if facts.listed:
        yield from ("--caller", rules.callers.lists[facts.listed][0])
    elif facts.caller is not _USUAL.caller:
        yield from ("--caller", facts.caller)
    if facts.cannot_speak:
        yield "--cannot-speak"
    if facts.longest_wait:
        yield from ("--longest-wait", f"{facts.longest_wait:g}")
    for name in sorted(facts.out_of_service):
        yield from ("--out", name)
