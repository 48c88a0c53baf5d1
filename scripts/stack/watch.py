"""The ledger as it is written, one line a step, for people who look on."""

from datetime import datetime

from rich.console import Console
from rich.text import Text

from ivr.calls.call import Call
from ivr.calls.findings import Kind
from ivr.errors import IvrError
from ivr.ledger.read import find_call, list_calls, reading
from ivr.ledger.words import KINDS

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")
SHOWN = 6
"""So many fields of an entry at the most."""
_WORDS = {str(kind): words for kind, words in KINDS.items()}


class Watch:
    """Shows what is new in the ledger since the last :meth:`look`."""

    def __init__(self, database: str, since: datetime, out: Console) -> None:
        self._database = database
        self._since = since
        self._out = out
        self._shown: dict[str, int] = {}
        """Per call the last entry shown."""

    async def look(self) -> list[Call]:
        """Print the new entries; all calls since the beginning, the oldest first."""
        try:
            async with reading(self._database) as connection:
                known = await list_calls(connection, since=self._since, limit=1000)
                calls = [one.call for one in reversed(known)]
                found = []
                for call in calls:
                    _, entries = await find_call(connection, call.id)
                    last = self._shown.get(call.id, -1)
                    found += [(entry, call) for entry in entries if entry.seq > last]
                    self._shown[call.id] = max([last, *(entry.seq for entry in entries)])
        except IvrError:
            return []  # Not made yet, or just being written.
        for entry, call in sorted(found, key=lambda pair: pair[0].seq):
            number = list(self._shown).index(call.id)
            indonesian, english = _WORDS.get(entry.kind, (entry.kind, entry.kind))
            data = [
                f"{key}={value}" for key, value in entry.data.items() if value not in (None, "", [], False)
            ]
            style = "bold" if entry.kind in (Kind.OPERATOR_ANSWERED, Kind.LINE_ACCEPTED) else ""
            self._out.print(
                Text.assemble(
                    (f"{entry.at.astimezone():%H:%M:%S} ", "dim"),
                    (f"#{number + 1} ", COLOURS[number % len(COLOURS)]),
                    (indonesian, style),
                    *([] if english == indonesian else [(f" · {english}", "dim")]),
                    (f"  {' '.join(data[:SHOWN])}", "dim"),
                ),
                soft_wrap=True,
            )
        return calls
