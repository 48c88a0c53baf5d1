"""Everything that happens to calls passes here once: into the registry, and from there into the record."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from ivr.calls import clock
from ivr.calls.call import Call
from ivr.calls.events import CallAnswered, CallEnded, CallEvent, StepTaken
from ivr.calls.findings import Finding, Kind
from ivr.calls.notes import CallIdentified, EngineNote
from ivr.calls.reconciling import cut_by_stop, was_cut
from ivr.calls.reduce import apply
from ivr.calls.registry import Change, Registry
from ivr.calls.retelling import is_news
from ivr.calls.snapshot import Snapshot
from ivr.calls.steps import raw_facts
from ivr.ledger.entries import CallerData, Entry, Source, of_no_call
from ivr.ledger.writer import LedgerWriter

Identify = Callable[[str, datetime, str], tuple[CallIdentified, CallerData]]
"""Who calls (call id, time): what the raw facts, as a question carries them, say of it."""


class Keeper:
    """Joins the live calls with the record of them. Nothing here waits."""

    def __init__(self, registry: Registry, writer: LedgerWriter, identify: Identify) -> None:
        self.registry = registry
        self.writer = writer
        self._identify = identify

    def see(self, event: CallEvent | EngineNote, told_by: Source = Source.ASTERISK) -> tuple[Change, ...]:
        """Something happened. A note must be seen *before* the advice is sent, so that the record has it
        ahead of what the dialplan does with it. ``told_by`` is the source of an event of Asterisk's."""
        known = self.registry.get(event.call_id)
        facts = _who_calls(event, known)
        if facts and known is not None:
            self.identify(event.call_id, event.at, facts)
        changes = self._keep(self.registry.apply(event), told_by)
        if facts and known is None:  # an event comes first: it says how much of the call was missed
            self.identify(event.call_id, event.at, facts)
        self._caller(event, changes[0].call)
        return changes

    def identify(self, call_id: str, at: datetime, raw_facts: str) -> CallIdentified:
        """Put down who calls."""
        note, data = self._identify(call_id, at, raw_facts)
        self._keep(self.registry.apply(note))
        self.writer.record_caller(data)
        return note

    def see_whole(
        self,
        known: Call | None,
        story: Iterable[tuple[CallEvent, int | None]],
        asterisk_since: datetime | None,
        now: datetime,
    ) -> Change | None:
        """All events of a call that is over, from Asterisk's file, with their numbers
        (:class:`ivr.calls.retelling.Numbering`); ``known`` is how it stands in the record, ``asterisk_since``
        when Asterisk was started, if that is known. It does not pass through the registry: nothing more will
        happen to it, unless its clock still runs or its recording is to be looked at. What changed, if
        anything."""
        call, findings, answers = known, list[Finding](), list[CallAnswered | CallEnded]()
        identified: CallerData | None = None
        for event, number in story:
            if is_news(call, event, number):
                if facts := _who_calls(event, call):
                    note, identified = self._identify(event.call_id, event.at, facts)
                    call, found = apply(call, note)
                    findings.extend(found)
                call, found = apply(call, event)
                findings.extend(found)
                answers += [event] if isinstance(event, CallAnswered | CallEnded) else []
        if call is not None and asterisk_since is not None and was_cut(call, asterisk_since):
            call, found = cut_by_stop(call, now)
            findings.extend(found)
        if call is None or not findings:
            return None
        if clock.running(call) or call.recording_due:
            self.registry.restore([call])
        (change,) = self._keep([Change(call, tuple(findings))], Source.ASTERISK_LOG)
        for answer in answers:
            self._caller(answer, call)
        if identified is not None:
            self.writer.record_caller(identified)
        return change

    def _caller(self, event: CallEvent | EngineNote, call: Call) -> None:
        """The number by Asterisk's word: with the answer, or with the end of a call that had none."""
        first = isinstance(event, CallAnswered) or (isinstance(event, CallEnded) and call.answered_at is None)
        if first and isinstance(event, CallAnswered | CallEnded) and event.caller_number:
            self.writer.record_caller(CallerData(event.call_id, event.caller_number))

    def reconcile(self, snapshot: Snapshot, mark: int, now: datetime) -> tuple[Change, ...]:
        """Agree with Asterisk; ``mark`` is :meth:`Registry.mark` of before the snapshot was asked for."""
        changes = self.registry.reconcile(snapshot, mark, now)
        changed = {change.call.id for change in changes}
        changes = self._keep(changes)
        for live in snapshot.calls:
            if live.call_id in changed:
                self.writer.record_caller(CallerData(live.call_id, live.caller_number))
        return changes

    def tick(self, now: datetime) -> tuple[Change, ...]:
        """About once a second: half time and lateness of the clocks."""
        return self._keep(self.registry.tick(now))

    def note(self, kind: Kind, now: datetime, data: Mapping[str, object]) -> None:
        """Something that concerns no call."""
        self.writer.record(of_no_call(str(kind), now, data))

    def _keep(self, changes: Iterable[Change], told_by: Source = Source.ASTERISK) -> tuple[Change, ...]:
        changes = tuple(changes)
        for change in changes:
            for finding in change.findings:
                self.writer.record(entry_of(finding, told_by))
            self.writer.project(change.call)
        return changes


def _who_calls(event: CallEvent | EngineNote, call: Call | None) -> str:
    """The raw facts, where this event tells them and is the first to do so; otherwise empty."""
    if not isinstance(event, StepTaken) or (call is not None and call.caller is not None):
        return ""
    return raw_facts(event)


def entry_of(finding: Finding, told_by: Source = Source.ASTERISK) -> Entry:
    source = Source.ENGINE if finding.by_engine else told_by
    return Entry(finding.call_id, finding.at, str(finding.kind), source, finding.data, finding.key)
