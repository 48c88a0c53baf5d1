"""What waits to be stored: nothing is left out, nothing comes twice, and a call's row not at every step."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.call import Call
from ivr.calls.states import State
from ivr.ledger.entries import Entry, Source
from ivr.ledger.rows import JsonText, Row, json_text
from ivr.ledger.waiting import CALL_SECONDS, Waiting

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def entry(number: int) -> Entry:
    return Entry(f"c{number}", NOW, "queue", Source.ASTERISK, {"number": number})


def told(row: Row) -> Entry:
    """What a row was made of."""
    values = row.values
    return Entry(
        values["call_id"], values["at"], values["kind"], Source(values["source"]), json.loads(values["data"])
    )


def call(id: str, state: State = State.QUEUE, priority: int = 0) -> Call:
    return Call(id, NOW, state=state, priority=priority)


def test_a_call_is_due_when_new_then_now_and_again_and_at_its_end() -> None:
    waiting = Waiting(100)

    def put(state: State, at: float) -> list[State]:
        waiting.put(call("c1", state))
        batch = waiting.batch(10, at)
        waiting.stored(batch)
        return [stored.state for stored in batch.calls]

    assert put(State.TRUNK, 100.0) == [State.TRUNK]
    assert put(State.MENU, 100.1) == []
    assert waiting.next_due() == 100.0 + CALL_SECONDS
    assert put(State.QUEUE, 100.0 + CALL_SECONDS - 0.1) == []
    assert put(State.RINGING, 100.0 + CALL_SECONDS) == [State.RINGING]
    assert put(State.TALKING, 100.2 + CALL_SECONDS) == []
    assert put(State.ENDED, 100.3 + CALL_SECONDS) == [State.ENDED]
    assert waiting.next_due() is None
    assert not waiting


def test_at_the_close_everything_is_due() -> None:
    waiting = Waiting(100)
    waiting.put(call("c1"))
    waiting.stored(waiting.batch(10, 5.0))
    waiting.put(call("c1", State.TALKING))
    assert not waiting.batch(10, 5.0)
    assert waiting.batch(10, 5.0, everything=True).calls == (call("c1", State.TALKING),)


def test_a_call_that_changed_while_it_was_stored_still_waits() -> None:
    waiting = Waiting(100)
    waiting.put(call("c1"))
    batch = waiting.batch(10, 5.0)
    waiting.put(call("c1", State.ENDED))
    waiting.stored(batch)
    assert waiting.batch(10, 5.0).calls == (call("c1", State.ENDED),)


def test_what_failed_is_stored_again_as_the_same_entry() -> None:
    """Else a commit that succeeded after all would leave it twice in the ledger."""
    waiting = Waiting(100)
    waiting.add(entry(1), NOW)
    assert waiting.batch(10, 5.0).entries == waiting.batch(10, 5.0).entries


def test_full_is_said_but_a_call_that_waits_already_may_change() -> None:
    waiting = Waiting(2)
    assert waiting.add(entry(1), NOW)
    assert waiting.put(call("c1"))
    assert not waiting.add(entry(2), NOW)
    assert not waiting.put(call("c2"))
    assert waiting.put(call("c1", State.ENDED))
    assert waiting.forget() == 2
    assert not waiting


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("row"), st.integers(0, 9)),
            st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([State.QUEUE, State.TALKING])),
            st.tuples(st.just("store"), st.integers(1, 5)),
            st.tuples(st.just("fail"), st.integers(1, 5)),
        )
    )
)
def test_whatever_happens_all_is_stored_in_order_and_calls_at_their_last(
    steps: list[tuple[str, object]],
) -> None:
    waiting = Waiting(1000)
    added, rows = [], []
    last: dict[str, Call] = {}
    stored: dict[str, Call] = {}
    at = 0.0
    for what, value in steps:
        at += 0.3
        match what, value:
            case "row", int(number):
                added.append(entry(number))
                waiting.add(added[-1], NOW)
            case (("store" | "fail"), int(most)):
                batch = waiting.batch(most, at)
                if what == "store":
                    rows += batch.entries
                    stored |= {one.id: one for one in batch.calls}
                    waiting.stored(batch)
            case id, State() as state:
                last[id] = call(id, state)
                waiting.put(last[id])
    while batch := waiting.batch(2, at, everything=True):
        rows += batch.entries
        stored |= {one.id: one for one in batch.calls}
        waiting.stored(batch)
    assert list(map(told, rows)) == added
    assert len({row.values["entry_id"] for row in rows}) == len(rows)
    assert stored == last


def test_json_is_made_once_and_holds_nothing_that_a_database_refuses() -> None:
    assert json_text({"a": "é", "b": [1, None, True]}) == '{"a": "\\u00e9", "b": [1, null, true]}'
    assert json_text({"a": "x\x00y"}) == '{"a": "x\\ufffdy"}'
    assert json_text({"a": "x\ud800y"}) == '{"a": "x?y"}'
    assert json_text({"a": float("nan"), "t": NOW, "s": {3}}) == (
        '{"a": null, "t": "2026-11-21T03:00:00+00:00", "s": [3]}'
    )
    assert isinstance(json_text({}), JsonText)
