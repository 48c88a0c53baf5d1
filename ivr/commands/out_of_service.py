"""``ivr agency …`` and ``ivr service``: what people set by hand, without editing the rules."""

import difflib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from ivr.commands.applying import login_name
from ivr.commands.common import command, out
from ivr.commands.times import until_time
from ivr.errors import IvrError
from ivr.routing.model import ServiceState
from ivr.routing.rules import Rules
from ivr.rulebook import read_rulebook
from ivr.rulebook.by_hand import ByHand, Mark, read_by_hand, write_by_hand
from ivr.rulebook.versions import Versions
from ivr.settings import Settings, load_settings

agency = typer.Typer(no_args_is_help=True, help="Agencies and lines that are out of service.")

Name = Annotated[str, typer.Argument(help="An agency or one of its lines: damkar, damkar-1.")]
Until = Annotated[
    str | None, typer.Option(help="14:00 (the next) or 2026-12-25T14:00, on the city's clocks.")
]
By = Annotated[str | None, typer.Option(help="Who says so; your login name if left out.")]


@agency.command("out")
@command
def take_out(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for colleagues.")],
    until: Until = None,
    by: By = None,
) -> None:
    """Ring an agency or line no more, until a time or until it is back."""
    settings = load_settings()
    rules, now = read_rulebook(settings).rules, datetime.now(UTC)
    _known(rules, name)
    mark = _mark(rules, until, reason, by, now)
    marks = _change(settings, now, lambda marks: marks.take_out(name, mark))
    out.print(f"{name}: tidak dihubungi {_span(rules, mark)}", markup=False, soft_wrap=True)
    _warn(rules, marks.out_of_service(now))


@agency.command("back")
@command
def take_back(name: Name) -> None:
    """Ring it again."""
    settings = load_settings()
    now = datetime.now(UTC)
    if name not in read_by_hand(settings).out_of_service(now):
        _known(read_rulebook(settings).rules, name)
        out.print(f"{name}: memang aktif / was not out of service.", markup=False, soft_wrap=True)
        return
    _change(settings, now, lambda marks: marks.take_back(name))
    out.print(f"{name}: dihubungi lagi / is rung again.", markup=False, soft_wrap=True)


@agency.command("list")
@command
def show() -> None:
    """Show what is out of service, since when, until when and why."""
    settings = load_settings()
    rules, now = read_rulebook(settings).rules, datetime.now(UTC)
    marks = read_by_hand(settings)
    names = sorted(marks.out_of_service(now))
    if not names:
        out.print("Semua dihubungi / everything is in service.", soft_wrap=True)
        return
    table = Table("nama\nname", "sejak\nsince", "sampai\nuntil", "oleh\nby", "alasan\nreason")
    for name in names:
        mark = marks.out[name]
        until = "–" if mark.until is None else _clock(rules, mark.until)
        table.add_row(name, _clock(rules, mark.at), until, mark.by, mark.reason)
    out.print(table)
    _warn(rules, frozenset(names))


@command
def service(
    state: Annotated[
        str | None,
        typer.Argument(
            help="One of NENA-STA-010.3, such as MajorIncidentInProgress; auto: worked out again."
        ),
    ] = None,
    until: Until = None,
    reason: Annotated[str, typer.Option(help="Why, for colleagues.")] = "",
    by: By = None,
) -> None:
    """Show or set the state of the 112 centre. Rules may ask for it (service_state)."""
    settings = load_settings()
    rules, now = read_rulebook(settings).rules, datetime.now(UTC)
    if state is not None and state.lower() == "auto":
        _change(settings, now, lambda marks: ByHand(marks.out))
    elif state is not None:
        chosen, mark = _state(state), _mark(rules, until, reason, by, now)
        _change(settings, now, lambda marks: ByHand(marks.out, (chosen, mark)))
    marks = read_by_hand(settings)
    set_now = marks.service_state(now)
    if set_now is None or marks.service is None:
        out.print("auto: dihitung dari keadaan / worked out (Unstaffed, Overloaded, Normal).", soft_wrap=True)
    else:
        out.print(f"{set_now} {_span(rules, marks.service[1])}", markup=False, soft_wrap=True)


def _change(settings: Settings, now: datetime, change: Callable[[ByHand], ByHand]) -> ByHand:
    """Two people may do this at the same moment: none of them is lost."""
    with Versions(settings.routing_state).lock():
        marks = change(read_by_hand(settings))
        write_by_hand(settings, marks, now)
    return marks


def _known(rules: Rules, name: str) -> None:
    names = sorted((*rules.agencies, *rules.lines))
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    raise IvrError(f'There is no agency or line "{name}"; {remedy}')


def _state(text: str) -> ServiceState:
    known = {state.lower(): state for state in ServiceState}
    if text.lower() in known:
        return known[text.lower()]
    near = difflib.get_close_matches(text.lower(), known, n=1)
    remedy = f"did you mean {known[near[0]]}?" if near else f"there are: {', '.join(ServiceState)}, auto"
    raise IvrError(f'There is no service state "{text}"; {remedy}')


def _mark(rules: Rules, until: str | None, reason: str, by: str | None, now: datetime) -> Mark:
    end = None if until is None else until_time(until, rules.city.zone, now)
    return Mark(by or login_name(), now, reason.strip(), end)


def _warn(rules: Rules, names: frozenset[str]) -> None:
    """What a caller may feel of it, loudly."""
    if set(rules.last_resort) <= names:
        for text in (
            "[bold red]PERINGATAN:[/] semua jalur terakhir (last_resort) ditandai tidak aktif; "
            "tetap dihubungi, setelahnya tidak ada siapa pun.",
            "[bold red]WARNING:[/] every line of the last resort is out of service; they are rung "
            "all the same: nobody comes after them.",
        ):
            out.print(text, soft_wrap=True)
    for found in rules.agencies.values():
        if found.id not in names and found.lines and set(found.lines) <= names:
            out.print(
                f"[yellow]![/] {found.id}: semua salurannya tidak aktif / all its lines are out of service.",
                soft_wrap=True,
            )


def _span(rules: Rules, mark: Mark) -> str:
    if mark.until is None:
        return "sampai diaktifkan lagi / until it is taken back"
    return f"sampai / until {_clock(rules, mark.until)}"


def _clock(rules: Rules, at: datetime) -> str:
    return f"{rules.local(at):%Y-%m-%d %H:%M}"
