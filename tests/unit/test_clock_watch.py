"""Callers whom a clock that went back would hold are sent on."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ivr.calls.call import Call, StageNow
from ivr.calls.findings import Kind
from ivr.calls.states import State
from ivr.clock_watch import ClockWatch
from ivr.errors import AmiError, AmiRefused

NOW = datetime.now(UTC)


def call(name: str, state: State, since: datetime = NOW, channel: str | None = "PJSIP/trunk-") -> Call:
    stage = None if state in (State.TRUNK, State.MENU) else StageNow(1, "q", "emergency", since)
    return Call(*(name, since), channel=channel and channel + name, state=state, stage=stage, menu_at=since)


class Scene:
    """Asterisk's clock, and where calls were sent."""

    def __init__(self, *calls: Call) -> None:
        self.calls = list(calls)
        self.ahead = 0.0
        self.down = False
        self.gone: set[str] = set()
        self.sent: dict[str, str] = {}
        self.noted: list[Mapping[str, object]] = []
        self.watch = ClockWatch(self, lambda: self.calls, self.note)

    async def action(self, name: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        if self.down:
            raise AmiError("down")
        if name == "Ping":
            return {"Timestamp": f"{time.time() + self.ahead:.6f}"}
        assert name == "Redirect"
        if headers["Channel"] in self.gone:
            raise AmiRefused("no such channel")
        self.sent[headers["Channel"][-1]] = ",".join(headers[key] for key in ("Context", "Exten", "Priority"))
        return {}

    def note(self, kind: Kind, _at: datetime, data: Mapping[str, object]) -> None:
        assert kind is Kind.CLOCK_JUMPED
        self.noted.append(data)

    async def look(self, ahead: float) -> None:
        self.ahead = ahead
        await self.watch.look()


async def test_a_clock_that_went_back_moves_everybody_who_waits_and_nobody_who_talks() -> None:
    states = (State.TRUNK, State.MENU, State.QUEUE, State.RINGING, State.LINES, State.TALKING, State.ENDED)
    scene = Scene(*(call(name, state) for name, state in zip("tmqrlxe", states, strict=True)))
    scene.gone = {"PJSIP/trunk-r"}
    await scene.look(0)
    assert scene.sent == {}
    await scene.look(-3600)
    assert scene.sent == {"m": "menu,repeat,1", "q": "plan,repeat,1", "l": "plan,repeat,1"}
    assert scene.noted == [{"seconds": pytest.approx(-3600, abs=0.2), "moved": 3}]
    scene.sent = {}
    await scene.look(-3600)
    assert (scene.sent, len(scene.noted)) == ({}, 1)


async def test_a_clock_that_went_ahead_is_only_told() -> None:
    scene = Scene(call("q", State.QUEUE))
    await scene.look(0)
    await scene.look(1)
    assert scene.noted == []
    await scene.look(3601)
    assert scene.sent == {}
    assert scene.noted == [{"seconds": pytest.approx(3600, abs=0.2), "moved": 0}]


async def test_who_waits_since_a_time_to_come_is_moved_by_an_engine_that_did_not_see_the_jump() -> None:
    scene = Scene(
        call("q", State.QUEUE, NOW + timedelta(hours=1)),
        call("w", State.QUEUE),
        call("x", State.TALKING, NOW + timedelta(hours=1)),
    )
    await scene.look(0)
    assert scene.sent == {"q": "plan,repeat,1"}
    assert scene.noted == []


async def test_a_jump_while_the_link_is_away_is_seen_when_it_is_back() -> None:
    scene = Scene(call("q", State.QUEUE))
    await scene.look(0)
    scene.down = True
    with pytest.raises(AmiError):
        await scene.look(-60)
    assert scene.noted == []
    scene.down = False
    await scene.look(-60)
    assert scene.sent == {"q": "plan,repeat,1"}
