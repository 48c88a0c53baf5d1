"""What a house has recorded, as it is now: the database, the recordings and Asterisk's own file."""

import csv
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.privacy.place import vault_of
from ivr.settings import Settings
from ivr.vocabulary import Step

LEG_KINDS = {"CHAN_START": "ringing", "ANSWER": "leg-answered", "HANGUP": "leg-ended"}
CALL_KINDS = {"CHAN_START": "trunk", "ANSWER": "trunk-answered", "HANGUP": "ended"}
"""Of a phone that is rung, and of the caller's own channel: Asterisk's words, and the record's."""


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the ledger, as it stands in the database."""

    kind: str
    at: str
    source: str
    data: Mapping[str, Any]


class Recorded:
    """A house as far as it records: reads only, and waits for nothing."""

    state: Path
    settings: Settings

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Read the database with nothing of ours in between."""
        path = self.settings.database.removeprefix("sqlite+aiosqlite:///")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values)]

    def calls(self) -> list[dict[str, Any]]:
        """One row a call, oldest first."""
        return self.rows("SELECT * FROM calls ORDER BY seen_at")

    def call_of(self, caller: str) -> dict[str, Any]:
        """The row of the newest call from this number; empty as long as there is none."""
        for call in reversed(self.calls()):
            if self.caller_of(call["call_id"]).get("number") == caller:
                return call
        return {}

    def call_by(self, sip_call_id: str) -> dict[str, Any]:
        """The row of the call with this SIP Call-ID, and its caller's number, name and headers; empty as long
        as there is none."""
        for call in self.calls():
            caller = self.caller_of(call["call_id"])
            if caller.get("headers", {}).get("sip_call_id") == sip_call_id:
                return {**call, **caller}
        return {}

    def caller_of(self, call_id: str) -> dict[str, Any]:
        """Number, name and headers of the caller of a call; empty when nothing is kept."""
        found = self.rows(
            "SELECT sealed, wrapped FROM callers JOIN caller_keys USING (sealed_id) "
            "WHERE callers.call_id = ? ORDER BY recorded_at",
            call_id,
        )
        vault, whole = vault_of(self.settings, make=False), {}
        for row in found:
            values, _ = vault.open(call_id, row["wrapped"], row["sealed"])
            whole |= {name: value for name, value in values.items() if value or name not in whole}
        return whole

    def story(self, call_id: str) -> list[Told]:
        """The entries of one call in the order in which they were written."""
        return [
            Told(row["kind"], row["at"], row["source"], json.loads(row["data"]))
            for row in self.rows("SELECT * FROM ledger WHERE call_id = ? ORDER BY seq", call_id)
        ]

    def steps(self, caller: str) -> list[tuple[str, str]]:
        """The steps of the call from this number and what belongs to them, from Asterisk's own file: it tells
        them also while the engine is away."""
        with (self.state / "asterisk/log/cel-custom/master.csv").open(newline="") as file:
            events = [row for row in csv.reader(file) if len(row) > 6]
        calls = {row[4] for row in events if row[0] == "ANSWER" and row[6] == caller}
        named = tuple(Step)
        return [
            (row[0], json.loads(row[2])["extra"]) for row in events if row[0] in named and row[4] in calls
        ]

    def without_engine(self, caller: str) -> list[str]:
        """Why the call from this number went on without the engine, as its dialplan said: one word at the
        most, if all is well."""
        return [extra.partition("|")[0] for step, extra in self.steps(caller) if step == Step.LIFELINE]

    def kinds(self, call_id: str) -> list[str]:
        return [told.kind for told in self.story(call_id)]

    def recording(self, call_id: str) -> Path:
        found = list(self.settings.recordings.rglob(f"{call_id}.wav"))
        assert len(found) == 1, found
        return found[0]


def in_order(kinds: Iterable[str], *wanted: str) -> bool:
    """Whether the wanted kinds come in this order, others between them."""
    rest = iter(kinds)
    return all(any(kind == want for kind in rest) for want in wanted)


def as_asterisk_has_it(house: Recorded) -> None:
    """Every event of Asterisk's own file is one entry of the record; there are no others of Asterisk's."""
    with (house.state / "asterisk/log/cel-custom/master.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    wrote = Counter[tuple[str, str]]()
    for kind, _, extra, unique, linked, channel, _, _, _, _, _ in lines:
        leg = unique != linked
        if leg and kind in LEG_KINDS and channel.startswith("PJSIP/"):
            wrote[linked, LEG_KINDS[kind]] += 1
        elif kind in CALL_KINDS and channel.startswith("PJSIP/trunk-"):
            wrote[linked, CALL_KINDS[kind]] += 1
        elif kind == "stage":
            lines_ring = json.loads(extra)["extra"].split("|")[1] == "l"
            wrote[linked, "lines" if lines_ring else "queue"] += 1
        elif kind == "first-menu":
            wrote[linked, "menu"] += 1
        elif kind not in {*LEG_KINDS, *CALL_KINDS}:
            wrote[linked, kind] += 1
    found = house.rows("SELECT call_id, kind FROM ledger WHERE source IN ('asterisk', 'asterisk-log')")
    assert Counter((row["call_id"], row["kind"]) for row in found) == wrote
