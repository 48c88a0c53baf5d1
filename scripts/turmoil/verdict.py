"""From what was seen to what was lost: pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.calls.endings import Result
from ivr.calls.findings import Kind
from turmoil.facts import BEFORE, CallSeen, Recorded, Seen, StackSeen, Standing

RECORD, LEAKS = "record", "leaks"
"""The table's columns beside those of calls."""
MORE_HANDLES = 6
"""So many more open files than before are no leak: the database's connections come and go with its work."""
MORE_TASKS = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fault may do to calls that are up. Nothing else is forgiven."""

    asterisk_stops: bool = False
    """Calls that are up end with it. They must be in the record with their callers' numbers."""
    talk_moves: bool = False
    """The person's phone dies: the caller must be with another person."""
    any_person: bool = False
    """No phone can be rung while it lasts: who would have come to an agency comes to anybody afterwards."""


@dataclass(frozen=True, slots=True)
class Loss:
    """``column`` is where it belongs in the table, ``short`` what stands there, ``text`` what happened."""

    column: str
    short: str
    text: str
    call_id: str = ""


def judge(seen: Seen, expected: Expected) -> list[Loss]:
    """Everything that was lost; empty when each caller was with a human and the record is true."""
    losses: list[Loss] = []
    for call in seen.calls:
        losses += _call(call, expected)
    return losses + list(_record(seen)) + list(_leaks(seen.stack))


def _call(call: CallSeen, expected: Expected) -> Iterator[Loss]:
    ended_with_asterisk = expected.asterisk_stops and call.standing in BEFORE
    if not ended_with_asterisk:
        for short, text in _human(call, expected):
            yield Loss(call.standing, short, text, _id(call))
    allowed = {Result.ANSWERED}
    if ended_with_asterisk:
        allowed |= {Result.INTERRUPTED}
    for short, text in _written(call, allowed):
        yield Loss(call.standing, short, text, _id(call))


def _human(call: CallSeen, expected: Expected) -> Iterator[tuple[str, str]]:
    """What the caller lived through."""
    if not call.answered:
        yield "no answer", "nobody and nothing answered the call"
        return
    if call.standing is Standing.HANGING_UP:
        return
    if call.person is None:
        yield "no human", "was cut off before a person answered" * call.cut or "reached no person"
        return
    if call.standing is Standing.TALKING and call.cut and not expected.talk_moves:
        yield "cut", f"the talk with {call.person} was cut"
        return
    if not (call.heard_person and call.person_heard):
        who = {
            (False, False): "neither heard the other",
            (False, True): "the caller heard nothing",
            (True, False): "the person heard nothing",
        }[call.heard_person, call.person_heard]
        yield "silence", f"talked with {call.person}, but {who}"
    if call.wanted and call.person not in call.wanted and not expected.any_person:
        yield "wrong person", f"came to {call.person}, but its key leads to {' or '.join(call.wanted)}"


def _written(call: CallSeen, allowed: set[Result]) -> Iterator[tuple[str, str]]:
    """Whether the record has the call as it was."""
    if not call.recorded:
        if call.answered:
            yield "no record", "is not in the record"
        return
    row = call.recorded[-1]
    if row.number != call.number:
        yield "number", f"is in the record with {'another' if row.number else 'no'} number"
    if row.result is None:
        yield "no end", "has no end in the record"
    elif row.result not in allowed:
        yield row.result, f"is in the record as {row.result} ({row.reason}, {row.detail})"
    if call.standing is Standing.AFTER and row.lifeline:
        yield "no advice", f"came when all was well again, and went without the engine ({row.lifeline})"


def _record(seen: Seen) -> Iterator[Loss]:
    stack = seen.stack
    if missing := sorted(stack.calls_of_asterisk - stack.recorded.keys()):
        yield Loss(RECORD, "missing", f"calls that Asterisk had and the record has not: {', '.join(missing)}")
    for row in stack.recorded.values():
        yield from _entries(row)
    for call_id, steps in sorted(stack.steps_not_recorded.items()):
        yield Loss(
            RECORD, "steps", f"steps that Asterisk saw and the record has not: {', '.join(steps)}", call_id
        )
    if stack.verify_error:
        yield Loss(RECORD, "verify", f"ivr ledger verify: {stack.verify_error}")
    if stack.lost_rows:
        yield Loss(RECORD, "rows", f"{stack.lost_rows} rows of the record were lost")
    if stack.not_well:
        yield Loss(RECORD, "engine", f"the engine is not well at the end: {stack.not_well}")


def _entries(row: Recorded) -> Iterator[Loss]:
    """A call begins once, ends once, and its entries fit."""
    endings = row.kinds.count(Kind.ENDED)
    if endings != 1:
        yield Loss(RECORD, "endings", f"has {endings} endings in the record", row.call_id)
    if row.kinds.count(Kind.TRUNK) > 1:
        yield Loss(RECORD, "twice", "began twice in the record", row.call_id)
    if Kind.UNEXPECTED in row.kinds:
        yield Loss(RECORD, "unexpected", "has entries in the record that do not fit", row.call_id)


def _leaks(stack: StackSeen) -> Iterator[Loss]:
    if stack.channels_left:
        yield Loss(LEAKS, "channels", f"left in Asterisk: {', '.join(stack.channels_left)}")
    before, after = stack.engine_before, stack.engine_after
    if before and after:
        if after.handles > before.handles + MORE_HANDLES:
            yield _more("handles", "the engine's files", before.handles, after.handles)
        if before.tasks is not None and after.tasks is not None and after.tasks > before.tasks + MORE_TASKS:
            yield _more("tasks", "the engine's tasks", before.tasks, after.tasks)
    if stack.asterisk_after > stack.asterisk_before + MORE_HANDLES:
        yield _more("handles", "Asterisk's files", stack.asterisk_before, stack.asterisk_after)


def _more(short: str, what: str, before: int, after: int) -> Loss:
    return Loss(LEAKS, short, f"{what}: {before} before, {after} after")


def _id(call: CallSeen) -> str:
    return call.call_ids[-1] if call.call_ids else ""
