"""What Asterisk's own file and the engine's record tell of the calls of a stack, each read by itself."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.calls.findings import Kind
from ivr.errors import IvrError
from ivr.ledger.read import entries_of, list_calls, reading
from ivr.privacy.place import vault_of
from ivr.settings import Settings
from ivr.vocabulary import TRUNK_ENDPOINT, Step
from turmoil.facts import Recorded

KIND, EXTRA, UNIQUE, LINKED, CHANNEL, NUMBER = 0, 2, 3, 4, 5, 6
"""Places in a line of master.csv (asterisk-conf/cel_custom.conf)."""
SAID_AS: Mapping[str, frozenset[str]] = {
    Step.FIRST_MENU: frozenset({Kind.MENU}),
    Step.STAGE: frozenset({Kind.QUEUE, Kind.LINES}),
}
"""Steps that the record has under other names than their own."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Asterisk's own file. ``calls`` are those from the trunk, ``numbers`` the callers of each number's calls
    in their order, ``steps`` the dialplan's steps of each call."""

    calls: frozenset[str]
    numbers: Mapping[str, tuple[str, ...]]
    steps: Mapping[str, Counter[str]]


def witness(settings: Settings) -> Witness:
    """Read the file; a line that a crash tore is passed over."""
    calls: list[str] = []
    numbers: dict[str, str] = {}
    steps: dict[str, Counter[str]] = {}
    for row in _rows(settings.root / "asterisk" / "log" / "cel-custom" / "master.csv"):
        kind, linked = row[KIND], row[LINKED]
        trunk = row[CHANNEL].startswith(f"PJSIP/{TRUNK_ENDPOINT}-") and row[UNIQUE] == linked
        if kind == "CHAN_START" and trunk:
            calls.append(linked)
        elif trunk and row[NUMBER].strip("+").isdecimal():
            numbers.setdefault(linked, row[NUMBER])
        if kind in tuple(Step):
            steps.setdefault(linked, Counter())[kind] += 1
    by_number: dict[str, tuple[str, ...]] = {}
    for call in calls:
        number = numbers.get(call, "")
        by_number[number] = (*by_number.get(number, ()), call)
    return Witness(frozenset(calls), by_number, {call: steps.get(call, Counter()) for call in calls})


def _rows(path: Path) -> Iterator[list[str]]:
    if not path.exists():
        return
    with path.open(newline="", errors="replace") as file:
        for row in csv.reader(file):
            if len(row) > NUMBER:
                yield row


async def recorded(settings: Settings) -> dict[str, Recorded]:
    """Every call of the record by its id; empty as long as there is no record."""
    found: dict[str, Recorded] = {}
    vault = vault_of(settings, make=False)
    try:
        async with reading(settings.database) as connection:
            for known in await list_calls(connection, vault=vault, limit=1000):
                entries = await entries_of(connection, known.call.id)
                ending = known.call.ending
                found[known.call.id] = Recorded(
                    known.call.id,
                    known.number,
                    str(ending.result) if ending else None,
                    str(ending.reason) if ending else None,
                    str(ending.detail) if ending else None,
                    known.call.lifeline,
                    tuple(entry.kind for entry in entries),
                )
    except IvrError:
        return {}
    return found


def steps_not_recorded(asterisk: Witness, record: Mapping[str, Recorded]) -> dict[str, list[str]]:
    """By call: each step of Asterisk's file that the record of that call has not, or less often. Calls that
    are not in the record at all are left out."""
    missing: dict[str, list[str]] = {}
    for call, steps in asterisk.steps.items():
        if call in record:
            kinds = Counter(record[call].kinds)
            for step, count in steps.items():
                names = SAID_AS.get(step, frozenset({step}))
                if sum(kinds[name] for name in names) < count:
                    missing.setdefault(call, []).append(step)
    return missing
