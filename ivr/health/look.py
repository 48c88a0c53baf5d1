"""Look at every part of a running engine, for ``/health`` and the gauges of ``/metrics``."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ivr.asterisk.ami_link import LinkPhase, LinkState
from ivr.calls.refused import RefusedInvites
from ivr.calls.registry import Counts
from ivr.calls.states import State
from ivr.health.metrics import Metrics
from ivr.health.status import Level, Part
from ivr.ledger.anchoring import AnchorStatus
from ivr.ledger.writer import WriterStatus
from ivr.missed import LogStatus
from ivr.prompts import Catalogue
from ivr.queueing.roster import Roster
from ivr.recordings.watch import RecordingStatus
from ivr.rulebook.changes import RulesStatus


def link_part(link: LinkState) -> Part:
    if link.phase is LinkPhase.UP:
        return Part("asterisk", Level.OK, "in step")
    since = link.since.astimezone(UTC)
    return Part("asterisk", Level.BAD, f"{link.phase} since {since:%Y-%m-%dT%H:%M:%SZ}: {link.reason}")


def ledger_part(ledger: WriterStatus) -> Part:
    if ledger.disk_full and not ledger.lost:
        return Part("ledger", Level.BAD, "the disk is full: make room now, the record lives on its reserve")
    if ledger.well:
        return Part("ledger", Level.OK, "in the database")
    return Part(
        "ledger",
        Level.BAD if ledger.lost else Level.WARN,
        f"{ledger.last_error or 'catching up'}; {ledger.journal_bytes} bytes wait in the journal, "
        f"{ledger.lost} entries lost, {ledger.refused} refused: look at the database and the disk.",
    )


def anchor_part(anchor: AnchorStatus) -> Part:
    """Its text holds the head: a monitor elsewhere that keeps it is one more witness."""
    if (cut := anchor.cut) is not None:
        return Part(
            "ledger_chain",
            Level.BAD,
            f"entries up to {cut.anchored.seq} were anchored, and are not in the database any more (seen "
            f"{cut.at:%Y-%m-%dT%H:%M:%SZ}): ivr ledger verify tells which, and what to do.",
        )
    if anchor.error is not None:
        return Part("ledger_chain", Level.WARN, f"not anchored: {anchor.error}: look at the disk.")
    if anchor.newest is None:
        return Part("ledger_chain", Level.OK, "no entry yet")
    return Part("ledger_chain", Level.OK, f"entry {anchor.newest.seq} {anchor.newest.hash}")


def personal_part(problem: str | None) -> Part:
    """``problem``: why the vault is locked."""
    if problem is None:
        return Part("personal-data", Level.OK, "sealed")
    return Part("personal-data", Level.BAD, f"callers' numbers are not kept: {problem}")


def event_log_part(log: LogStatus) -> Part:
    if log.problem:
        return Part(
            "event-log",
            Level.WARN,
            f"Asterisk's event log cannot be read ({log.problem}): calls of the time without the engine are "
            "not in the record until it can. ivr doctor looks at log/cel-custom.",
        )
    if log.catching_up:
        return Part("event-log", Level.OK, "calls of the time without the engine are being taken in")
    return Part("event-log", Level.OK, f"{log.taken} events taken in, {log.unreadable} unreadable")


def rules_part(rules: RulesStatus) -> Part:
    in_force = f"version {rules.number or '?'} ({rules.digest})"
    if rules.refused:
        return Part("routing", Level.WARN, f"{in_force} stays; IVR_ROUTING is refused: {rules.refused[0]}")
    if rules.waiting:
        return Part("routing", Level.WARN, f"{in_force} stays; a newer one waits: {rules.waiting}")
    if rules.by_hand:
        return Part("routing", Level.WARN, f"{in_force}; {rules.by_hand}")
    return Part("routing", Level.OK, in_force)


def rules_facts(rules: RulesStatus) -> Mapping[str, object]:
    """``refused`` is the digest of an IVR_ROUTING that was refused, empty for one that cannot be read, null
    when none is. ``in_asterisk``: :class:`RulesStatus`."""
    return {
        "version": rules.number,
        "digest": rules.digest,
        "refused": rules.refused_digest if rules.refused else None,
        "problems": list(rules.refused),
        "waiting": rules.waiting,
        "in_asterisk": rules.in_asterisk,
    }


def prompts_part(catalogue: Catalogue) -> Part:
    if not catalogue.problems:
        return Part("prompts", Level.OK, f"{len(catalogue.files)} files")
    return Part("prompts", Level.WARN, catalogue.problems[0])


REFUSED_LATELY = timedelta(minutes=5)
"""So long after a refused call somebody should look."""


def refused_part(refused: RefusedInvites, *, listens: bool, now: datetime) -> Part:
    if not listens:
        text = "not counted: another program holds IVR_CAPTURE_PORT; end it, or choose another port"
        return Part("refused-invites", Level.WARN, text)
    if refused.last is None:
        return Part("refused-invites", Level.OK, "none since the start")
    last = refused.last.astimezone(UTC)
    text = f"{refused.total} since the start, the last at {last:%Y-%m-%dT%H:%M:%SZ}: see docs/definitions.md"
    lately = now - refused.last < REFUSED_LATELY
    return Part("refused-invites", Level.WARN if lately else Level.OK, text)


def recordings_part(recordings: RecordingStatus) -> Part:
    free = "?" if recordings.free_bytes is None else f"{recordings.free_bytes / 1e6:.0f}"
    reserve = f"{recordings.reserve_bytes / 1e6:.0f}"
    if recordings.stopped:
        return Part(
            "recordings",
            Level.BAD,
            f"no new call is recorded: {free} MB free, IVR_RECORDING_RESERVE_MB is {reserve}; calls go on: "
            "make room on the disk of IVR_STATE, or put IVR_STATE on another disk.",
        )
    if recordings.silent:
        return Part(
            "recordings",
            Level.BAD,
            f"{recordings.silent} talks are not recorded now: look at the disk of IVR_STATE and at "
            "Asterisk's log/messages.",
        )
    return Part("recordings", Level.OK, f"{free} MB free")


def set_gauges(
    metrics: Metrics,
    counts: Counts,
    roster: Roster,
    link: LinkState,
    ledger: WriterStatus,
    rules: RulesStatus,
    recordings: RecordingStatus,
) -> None:
    for state in State:
        metrics.calls_live.labels(state).set(counts.by_state.get(state, 0))
    metrics.longest_wait.set(counts.longest_wait)
    metrics.operators.labels("on-duty").set(roster.on_duty())
    metrics.operators.labels("free").set(roster.free())
    metrics.ami_up.set(link.phase is LinkPhase.UP)
    metrics.ledger_waiting.set(ledger.queued)
    metrics.ledger_lost.set(ledger.lost)
    metrics.ledger_journal_bytes.set(ledger.journal_bytes)
    metrics.recordings_silent.set(recordings.silent)
    metrics.recordings_stopped.set(recordings.stopped)
    metrics.recording_free_bytes.set(recordings.free_bytes or 0)
    metrics.recordings.labels("saved").set(recordings.saved)
    metrics.recordings.labels("failed").set(recordings.failed)
    metrics.routing_refused.set(bool(rules.refused))
    metrics.routing_info.clear()
    metrics.routing_info.labels(rules.number or "", rules.digest).set(1)


def now_facts(counts: Counts, roster: Roster) -> Mapping[str, object]:
    """``operators_on_duty`` is null while the engine does not know."""
    return {
        "at": datetime.now(UTC).isoformat(),
        "calls": counts.live,
        "waiting": counts.waiting,
        "longest_wait_seconds": round(counts.longest_wait, 1),
        "operators_on_duty": roster.on_duty() if roster.known else None,
    }
