"""What /health and /metrics say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import aiohttp
import pytest
from stack.ports import free_port

from ivr.asterisk.ami_link import LinkPhase, LinkState
from ivr.calls.refused import InviteRefused, RefusedInvites
from ivr.calls.registry import Registry
from ivr.health.look import (
    REFUSED_LATELY,
    ledger_part,
    link_part,
    now_facts,
    recordings_part,
    refused_part,
    rules_facts,
    rules_part,
    set_gauges,
)
from ivr.health.metrics import Metrics
from ivr.health.server import HealthServer
from ivr.health.status import Level, Part, overall
from ivr.ledger.writer import WriterStatus
from ivr.queueing.roster import Roster
from ivr.recordings.watch import RecordingStatus
from ivr.rulebook.changes import RulesStatus

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def link(phase: LinkPhase, reason: str = "") -> LinkState:
    return LinkState(phase, NOW, reason, 0, 0, 0, 0)


def ledger(**change: object) -> WriterStatus:
    values: dict[str, object] = {
        "queued": 0,
        "journal_bytes": 0,
        "stored": 5,
        "lost": 0,
        "refused": 0,
        "away_since": None,
        "last_error": None,
    }
    return WriterStatus(**(values | change))  # type: ignore[arg-type]


def test_the_worst_part_is_the_whole() -> None:
    parts = [Part("a", level, "") for level in (Level.OK, Level.WARN, Level.BAD)]
    assert overall(tuple(parts)) is Level.BAD
    assert overall(tuple(parts[:2])) is Level.WARN
    assert overall(tuple(parts[:1])) is Level.OK


def test_a_lost_link_is_bad_and_says_since_when_and_why() -> None:
    part = link_part(link(LinkPhase.REFUSED, "Authentication failed"))
    assert part.level is Level.BAD
    assert "refused since 2026-11-21T03:00:00Z: Authentication failed" in part.text


def test_a_database_that_is_away_warns_and_lost_entries_are_bad() -> None:
    assert ledger_part(ledger()).level is Level.OK
    assert ledger_part(ledger(away_since=NOW, last_error="locked")).level is Level.WARN
    assert ledger_part(ledger(lost=1)).level is Level.BAD


def test_a_refused_call_warns_for_a_while_and_stays_in_the_sum() -> None:
    refused = RefusedInvites((ip_network("192.0.2.1"),))
    assert refused_part(refused, listens=True, now=NOW).level is Level.OK
    refused.see(InviteRefused(NOW, 488, b"a", ip_address("192.0.2.1")))
    now = refused_part(refused, listens=True, now=NOW)
    assert now.level is Level.WARN
    assert now.text.startswith("1 since the start, the last at 2026-11-21T03:00:00Z")
    later = refused_part(refused, listens=True, now=NOW + REFUSED_LATELY + timedelta(seconds=1))
    assert later.level is Level.OK
    assert later.text == now.text
    assert "IVR_CAPTURE_PORT" in refused_part(refused, listens=False, now=NOW).text


def test_operators_that_nobody_knows_are_not_taken_for_none() -> None:
    roster = Roster()
    counts = Registry().counts(NOW)
    assert now_facts(counts, roster)["operators_on_duty"] is None
    roster.known = True
    assert now_facts(counts, roster)["operators_on_duty"] == 0


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, list[Part]]]:
    parts = [Part("asterisk", Level.OK, "in step")]
    port = free_port()
    server = HealthServer(port, Metrics(), lambda: (tuple(parts), {"calls": 2}))
    await server.start()
    yield f"http://127.0.0.1:{port}", parts
    await server.close()


async def test_health_answers_200_while_calls_are_handled_and_503_when_not(
    served: tuple[str, list[Part]],
) -> None:
    url, parts = served
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/health") as answer:
            assert answer.status == 200
            assert (await answer.json())["calls"] == 2
        parts[0] = Part("asterisk", Level.BAD, "down")
        async with session.get(f"{url}/health") as answer:
            assert answer.status == 503
            assert (await answer.json())["parts"]["asterisk"] == {"status": "bad", "text": "down"}
        async with session.get(f"{url}/metrics") as answer:
            assert "siaga_ami_up" in await answer.text()


async def test_a_blocked_event_loop_shows_in_the_figures() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(metrics.watch_loop())
    await asyncio.sleep(0.05)
    # What must never happen in the engine, on purpose.
    deadline = asyncio.get_running_loop().time() + 0.7
    while asyncio.get_running_loop().time() < deadline:
        pass
    await asyncio.sleep(0.05)
    watching.cancel()
    assert b"siaga_event_loop_lag_max_seconds 0.0\n" not in metrics.text()


def recordings(silent: int = 0, *, stopped: bool = False) -> RecordingStatus:
    return RecordingStatus(stopped, 7_000_000, 512_000_000, silent, saved=5, failed=1)


def test_talks_without_a_recording_and_a_disk_without_room_are_bad() -> None:
    assert recordings_part(recordings()).level is Level.OK
    silent = recordings_part(recordings(silent=2))
    assert (silent.level, silent.text[:7]) == (Level.BAD, "2 talks")
    stopped = recordings_part(recordings(stopped=True))
    assert stopped.level is Level.BAD
    assert "7 MB free" in stopped.text
    assert "make room" in stopped.text


def test_gauges_follow_what_is_seen() -> None:
    metrics = Metrics()
    rules = RulesStatus(7, "0123456789ab", refused=("routing.yaml:1:1: error: x",))
    set_gauges(
        metrics,
        Registry().counts(NOW),
        Roster(),
        link(LinkPhase.UP),
        ledger(journal_bytes=7),
        rules,
        recordings(silent=2),
    )
    text = metrics.text().decode()
    assert "siaga_ami_up 1.0" in text
    assert "siaga_ledger_journal_bytes 7.0" in text
    assert "siaga_routing_refused 1.0" in text
    assert 'siaga_routing_info{digest="0123456789ab",version="7"} 1.0' in text
    assert 'siaga_calls_live{state="queue"} 0.0' in text
    assert "siaga_talks_not_recorded 2.0" in text
    assert 'siaga_recordings{result="saved"} 5.0' in text


def test_what_keeps_rules_from_going_live_is_a_warning_with_its_reason() -> None:
    for status, text in (
        (RulesStatus(3, "aa", refused=("routing.yaml:1:1: error: x",), refused_digest="bb"), "error: x"),
        (RulesStatus(3, "aa", waiting="No AMI at 127.0.0.1:5038"), "No AMI"),
        (RulesStatus(3, "aa", by_hand="by-hand.json is damaged"), "damaged"),
    ):
        part = rules_part(status)
        assert part.level is Level.WARN
        assert "version 3 (aa)" in part.text
        assert text in part.text
    assert rules_part(RulesStatus(3, "aa")).level is Level.OK


def test_other_programs_see_which_rules_are_in_force_and_which_are_refused() -> None:
    broken = RulesStatus(3, "aa", refused=("x",), refused_digest="bb")
    assert rules_facts(broken)["refused"] == "bb"
    assert rules_facts(RulesStatus(3, "aa"))["refused"] is None
    assert rules_facts(RulesStatus(3, "aa", in_asterisk=True))["in_asterisk"] is True
