"""A record that keeps in lists what the writer would store."""

from ivr.calls.call import Call
from ivr.ledger.entries import CallerData, Entry


class Record:
    """Keeps in a list what the writer would store."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.callers: list[CallerData] = []

    def record(self, entry: Entry) -> None:
        self.entries.append(entry)

    def record_caller(self, caller: CallerData) -> None:
        self.callers.append(caller)

    def project(self, call: Call) -> None:
        pass
