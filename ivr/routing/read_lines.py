"""Lines of agencies and of the last resort: ``damkar-1 15s accept=answer``."""

import re

from ivr.routing.model import ACCEPT_BY_ANSWER, ACCEPT_BY_KEY
from ivr.routing.problems import shown, where
from ivr.routing.reading import Reading
from ivr.routing.rules import Line
from ivr.routing.schema import Reader, Schema, in_words, listed, scalar, seconds_of
from ivr.routing.yaml_nodes import Node, Text
from ivr.vocabulary import PHONE_NAME

MOST_LINES = 10
"""Of one agency. All of them ringing together is what Asterisk is asked to do at most."""
LONGEST_RING = 120
"""Seconds."""

OPTIONS = {
    "phone": ("rings a phone of another name (else the phone is called like the line)", "phone=front-desk"),
    "number": ("rings a number through the trunk instead of a phone", "number=+62911345678"),
    "accept": ("takes whoever answers; usually an agency accepts by pressing 1", "accept=answer"),
    "dtmf": ("sends keys after the answer: 0-9 * #, and w waits half a second", "dtmf=2w1"),
    "schedule": ("is not rung outside these hours", "schedule=office"),
}
"""What may follow the ring time: meaning and example. Documented in the key ``lines``."""

_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")
_DTMF = re.compile(r"[0-9*#w]{1,20}")
_FORM = "write the line's name and its ring time, like damkar-1 15s"


def lines_of(agency: str | None) -> Reader[tuple[str, ...]]:
    """The names of the lines; the lines themselves go to the reading. ``None``: the last resort."""
    return listed(Reader(lambda node, report: _line(agency, node, report), _describe), most=MOST_LINES)


def _describe() -> Schema:
    return {"type": "string", "pattern": rf"^\s*\S+\s+[0-9]+[smh](\s+({'|'.join(OPTIONS)})=\S+)*\s*$"}


def _line(agency: str | None, node: Node, report: Reading) -> str | None:
    typed = scalar(node, report, "a line like damkar-1 15s")
    if typed is None:
        return None
    words = [typed.part(*match.span()) for match in re.finditer(r"\S+", typed.value)]
    if not words or not PHONE_NAME.fullmatch(words[0].value):
        report.error(
            node,
            f"{shown(typed.value)} begins with no name of a-z, 0-9 and - (2 to 32 signs, and no word of "
            f"Asterisk's configuration such as trunk); {_FORM}",
        )
        return None
    name = words[0].value
    first = report.lines_alike.setdefault(name.replace("-", ""), words[0])
    if first is not words[0]:
        report.error(
            node,
            f"the line {name} stands twice, first in {where(first, node)} as {first.value} (hyphens do "
            f"not count); keep one, or give this one another name and phone={name}",
        )
        return None
    seconds = seconds_of(words[1].value) if len(words) > 1 else None
    if seconds is None or not 1 <= seconds <= LONGEST_RING:
        report.error(
            words[1] if len(words) > 1 else node,
            f"{name} needs its ring time from 1s to {in_words(LONGEST_RING)}; {_FORM}",
        )
    # Without a ring time, what follows it is not where it seems to be.
    options = _options(words[2:], report) if seconds else {}
    if "phone" in options and "number" in options:
        report.error(node, f"{name} has a phone and a number; write one of the two")
    if agency is None and "schedule" in options:
        report.error(node, "a last-resort line is there at any hour; take schedule= away")
    report.lines[name] = Line(
        name=name,
        agency=agency,
        timeout_seconds=seconds or 0,
        phone=None if "number" in options else options.get("phone", name),
        number=options.get("number"),
        accept=options.get("accept", ACCEPT_BY_KEY),
        dtmf_digits=options.get("dtmf", ""),
        schedule=options.get("schedule"),
    )
    return name


def _options(words: list[Text], report: Reading) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in words:
        key, equals, value = option.value.partition("=")
        if not equals and "number" in options and re.fullmatch(r"[0-9-]+", key):
            report.error(option, f"{shown(key)} stands apart; write number= without blanks: +62911345678")
            break
        if key not in OPTIONS or not equals:
            report.unknown(option, "option of a line", key, [f"{known}=…" for known in OPTIONS])
        elif key in options:
            report.error(option, f"{key}= stands twice; keep one")
        else:
            options[key] = value
            _check(key, option.part(len(key) + 1, len(option.value)), report)
    return options


def _check(key: str, value: Text, report: Reading) -> None:
    match key:
        case "schedule":
            report.names.use("schedule", value)
        case "accept" if value.value not in (ACCEPT_BY_KEY, ACCEPT_BY_ANSWER):
            report.error(value, f"accept={value.value} is unknown; write accept=press or accept=answer")
        case "dtmf" if not _DTMF.fullmatch(value.value):
            report.error(value, "dtmf= takes the keys to send, 0-9 * #, and w for half a second's wait")
        case "number" if not _NUMBER.fullmatch(value.value):
            report.error(value, "number= takes 2 to 20 digits, perhaps with + before, like +629113112")
        case "phone" if not PHONE_NAME.fullmatch(value.value):
            report.error(value, "phone= takes a phone of this PBX, a-z, 0-9 and -; digits go by number=")
