"""All calls that are alive now, in memory."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush

from ivr.calls import clock, reconciling
from ivr.calls.call import Call
from ivr.calls.endings import Reason
from ivr.calls.events import CallEvent
from ivr.calls.findings import Finding
from ivr.calls.notes import EngineNote
from ivr.calls.reduce import apply
from ivr.calls.snapshot import Snapshot
from ivr.calls.states import State
from ivr.vocabulary import LAYER_1_QUEUE


@dataclass(frozen=True, slots=True)
class Change:
    """A call as it is after something happened, and what was found."""

    call: Call
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """``waiting``: answered by the trunk, no person with them yet. Waits are in seconds, from the trunk's
    answer (or from the end of the last talk). ``layer_1`` counts those in the operators' queue alone."""

    live: int
    by_state: Mapping[State, int]
    waiting: int
    longest_wait: float
    layer_1_waiting: int
    layer_1_longest_wait: float


class Registry:
    """Applies events in the order in which they come. Not for several threads.

    Ended calls are kept for late events, the newest ``keep_ended`` of them. More than ``most_open`` calls
    alive (or with a running clock: 5 minutes of it at 50 calls a second are 15,000) mean that ends were
    missed: the oldest is then ended as unseen.
    """

    def __init__(self, *, keep_ended: int = 2_000, most_open: int = 50_000) -> None:
        self._keep_ended = keep_ended
        self._most_open = most_open
        self._open: dict[str, Call] = {}
        """Alive, or ended with a clock that still runs; or restored to have the recording looked at."""
        self._ended: OrderedDict[str, Call] = OrderedDict()
        self._touched: dict[str, int] = {}
        self._layer_1: dict[str, datetime] = {}
        """Who waits in the operators' queue, and since when. Every decision asks for the longest wait, and
        open calls may be thousands: a clock runs on for minutes after its call."""
        self._marks: dict[str, datetime] = {}
        """What the clock of a call tells next, and when."""
        self._due: list[tuple[datetime, str]] = []
        """A heap of the same, with marks that have moved since."""
        self._events = 0

    def get(self, call_id: str) -> Call | None:
        """The call, alive or ended lately."""
        return self._open.get(call_id) or self._ended.get(call_id)

    def live(self) -> Iterator[Call]:
        """Calls whose caller is there, oldest first."""
        return (call for call in self._open.values() if call.state is not State.ENDED)

    def apply(self, event: CallEvent | EngineNote) -> tuple[Change, ...]:
        """What ``event`` changes: its own call, and rarely another one that had to make room."""
        self._events += 1
        call, findings = apply(self.get(event.call_id), event)
        self._keep(call)
        return (Change(call, findings), *self._make_room(event.at))

    def restore(self, calls: Iterable[Call]) -> None:
        """Take over calls of an earlier run from the database, oldest first; follow with :meth:`reconcile`.
        What is known already stays."""
        for call in calls:
            if self.get(call.id) is None:
                self._keep(call)
                if call.recording_due:
                    self._ended.pop(call.id, None)
                    self._open[call.id] = call
                if call.id in self._touched:
                    self._touched[call.id] = 0

    def lose_count(self, call_id: str) -> None:
        """Of this call's events it is not known any more how many there were (:attr:`Call.events`)."""
        call = self.get(call_id)
        if call is not None and call.events is not None:
            touched = self._touched[call_id]
            self._keep(replace(call, events=None))
            self._touched[call_id] = touched

    def mark(self) -> int:
        """To be taken before Asterisk is asked for a snapshot: what changes afterwards is newer than it."""
        return self._events

    def reconcile(self, snapshot: Snapshot, mark: int, now: datetime) -> tuple[Change, ...]:
        """Make the calls agree with Asterisk. Every difference is a finding."""
        changes: list[Change] = []
        operators = frozenset(operator.phone for operator in snapshot.operators)
        for live in snapshot.calls:
            known = self.get(live.call_id)
            if known is not None and self._touched[known.id] > mark:
                continue
            change = Change(*reconciling.take(known, live, operators, now))
            self._keep(change.call)
            if change.findings:
                changes.append(change)
        alive = {live.call_id for live in snapshot.calls}
        gone = [call for call in self.live() if call.id not in alive and self._touched[call.id] <= mark]
        unseen = (self._end_unseen(call, _why_gone(call, snapshot), now) for call in gone)
        return (*changes, *unseen, *self._cut_by_stop(snapshot.asterisk_since, now))

    def _cut_by_stop(self, asterisk_since: datetime | None, now: datetime) -> Iterator[Change]:
        if asterisk_since is None:
            return
        for call in [*self._open.values(), *self._ended.values()]:
            if reconciling.was_cut(call, asterisk_since):
                change = Change(*reconciling.cut_by_stop(call, now))
                self._keep(change.call)
                yield change

    def tick(self, now: datetime) -> tuple[Change, ...]:
        """What the clocks have to tell; to be called about once a second."""
        changes = []
        while self._due and self._due[0][0] <= now:
            at, call_id = heappop(self._due)
            call = self.get(call_id)
            if call is None or self._marks.get(call_id) != at:
                continue
            after, findings = clock.tell(call, now)
            self._keep(after)
            changes.append(Change(after, findings))
        return tuple(changes)

    def counts(self, now: datetime) -> Counts:
        live = list(self.live())
        waits = [_wait(call, now) for call in live if call.waiting_since and call.answered_at]
        return Counts(
            live=len(live),
            by_state=Counter(call.state for call in live),
            waiting=len(waits),
            longest_wait=max(waits, default=0.0),
            layer_1_waiting=len(self._layer_1),
            layer_1_longest_wait=self.layer_1_longest_wait(now),
        )

    def layer_1_longest_wait(self, now: datetime) -> float:
        """Seconds that the caller waiting longest in the operators' queue has waited; 0 when nobody waits."""
        since = min(self._layer_1.values(), default=now)
        return max(0.0, (now - since).total_seconds())

    def _keep(self, call: Call) -> None:
        self._touched[call.id] = self._events
        self._note_wait(call)
        self._note_clock(call)
        if call.state is not State.ENDED or call.id in self._marks:
            self._open[call.id] = call
            self._ended.pop(call.id, None)
            return
        self._open.pop(call.id, None)
        self._ended[call.id] = call
        while len(self._ended) > self._keep_ended:
            gone, _ = self._ended.popitem(last=False)
            del self._touched[gone]

    def _note_wait(self, call: Call) -> None:
        in_queue = call.state is State.QUEUE or call.state is State.RINGING
        since = call.waiting_since if in_queue else None
        if since is not None and call.stage is not None and call.stage.where == LAYER_1_QUEUE:
            self._layer_1[call.id] = since
        else:
            self._layer_1.pop(call.id, None)

    def _note_clock(self, call: Call) -> None:
        at = clock.next_mark(call)
        if at is None:
            self._marks.pop(call.id, None)
        elif self._marks.get(call.id) != at:
            self._marks[call.id] = at
            heappush(self._due, (at, call.id))

    def _make_room(self, now: datetime) -> Iterator[Change]:
        while len(self._open) > self._most_open:
            oldest = next(iter(self._open.values()))
            if oldest.state is not State.ENDED:
                yield self._end_unseen(oldest, Reason.END_UNSEEN, now)
            if self._open.pop(oldest.id, None) is not None:  # its clock still ran
                del self._touched[oldest.id]
                self._marks.pop(oldest.id, None)

    def _end_unseen(self, call: Call, reason: Reason, now: datetime) -> Change:
        change = Change(*reconciling.end_unseen(call, reason, now))
        self._keep(change.call)
        return change


def _why_gone(call: Call, snapshot: Snapshot) -> Reason:
    """No call outlives Asterisk, which tells the second in which it was started, and then needs most of one
    to boot."""
    since = snapshot.asterisk_since
    stopped = since is not None and call.seen_at < since + timedelta(seconds=1)
    return Reason.ASTERISK_STOPPED if stopped else Reason.END_UNSEEN


def _wait(call: Call, now: datetime) -> float:
    return max(0.0, (now - (call.waiting_since or now)).total_seconds())
