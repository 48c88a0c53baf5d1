"""The manager link against an Asterisk that behaves, and against networks and Asterisks that do not."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from ivr.asterisk import ami_connection
from ivr.asterisk.ami_link import SLICE, LinkPhase
from ivr.errors import AmiError, AmiRefused
from tests.fake_asterisk.engine_end import QUICK, linked
from tests.fake_asterisk.manager_peer import FakeManager, Frame, Replies, success


def event(name: object) -> str:
    return f"Event: CEL\r\nName: {name}"


async def test_a_pending_action_fails_at_once_when_the_link_drops_and_is_not_replayed() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        redirect = asyncio.create_task(engine.link.action("Redirect", {"Channel": "PJSIP/op1-1"}, seconds=60))
        await asterisk.until_received("Redirect")
        asterisk.cut()
        with pytest.raises(AmiError, match="not repeated"):
            await redirect
        await engine.until_seen("up", "down", "up")
        await engine.link.action("Ping")
        assert len(asterisk.actions("Redirect")) == 1
        assert engine.link.state.reconnects == 1


async def test_an_action_while_the_link_is_down_fails_at_once_and_is_never_sent() -> None:
    async with FakeManager() as asterisk:
        async with linked(asterisk) as engine:
            asterisk.stop_listening()
            asterisk.cut()
            await engine.until_seen("up", "down")
            with pytest.raises(AmiError, match="not sent"):
                await engine.link.action("Redirect", {"Channel": "PJSIP/op1-1"})
            await asterisk.listen()
            await engine.until_seen("up", "down", "up")
        with pytest.raises(AmiError, match="not sent"):
            await engine.link.action("Redirect")
        assert asterisk.actions("Redirect") == []


async def test_an_action_before_the_start_fails_with_our_error() -> None:
    async with FakeManager() as asterisk, linked(asterisk, wait=False) as engine:
        with pytest.raises(AmiError, match="not sent"):
            await engine.link.action("Ping")


async def test_actions_do_not_wait_for_fully_booted() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        assert (await engine.link.action("Ping"))["Ping"] == "Pong"
        asterisk.send("Event: FullyBooted\r\nStatus: Fully Booted")
        await engine.until_seen("up", "FullyBooted")
        assert (await engine.link.action("Ping"))["Ping"] == "Pong"


@pytest.mark.parametrize("answer", [[], ["Response: Error\r\nMessage: Permission denied"]])
async def test_a_link_without_a_sign_of_life_is_dropped_and_made_anew(answer: list[str]) -> None:
    async with FakeManager() as asterisk:
        pong = asterisk.answers["Ping"]
        asterisk.answers["Ping"] = lambda _: answer
        limits = replace(QUICK, ping_every=0.02, ping_answer=0.02)
        async with linked(asterisk, limits) as engine:
            await engine.until(lambda: "down" in engine.seen)
            asterisk.answers["Ping"] = pong
            await engine.until(lambda: engine.seen[-1] == "up")
            assert engine.link.state.reconnects >= 1


async def test_an_asterisk_that_waits_for_its_last_call_is_listened_to() -> None:
    """``core stop when convenient``: every action is refused, events still come."""
    async with FakeManager() as asterisk:
        refused: list[str] = []

        def refuse(_: Frame) -> list[str]:
            refused.append("Ping")
            return ["Response: Error\r\nMessage: Asterisk is shutting down"]

        asterisk.answers["Ping"] = refuse
        async with linked(asterisk, replace(QUICK, ping_every=0.02)) as engine:
            await engine.until(lambda: len(refused) > 2)
            asterisk.write(f"{event(7)}\r\n\r\n".encode())
            await engine.until_seen("up", "7")


async def test_a_callback_that_raises_loses_nothing_else_and_tells_no_number() -> None:
    with capture_logs() as logs:
        async with FakeManager() as asterisk, linked(asterisk) as engine:
            engine.raising = True
            asterisk.write(b"".join(f"{event(place)}\r\n\r\n".encode() for place in range(3)))
            await engine.until_seen("up", "0", "1", "2")
            assert engine.link.state.phase is LinkPhase.UP
            assert (await engine.link.action("Ping"))["Ping"] == "Pong"
    failures = [line for line in logs if line["event"] == "ami_callback_failed"]
    assert len(failures) == 3
    assert "620000000001" not in str(logs)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Originate", "Originate successfully queued"),
        ("Originate", "Message: Originate failed"),
        ("QueueAdd", "Added interface to queue"),
        ("Redirect", "Redirect successful"),
    ],
)
async def test_every_action_is_answered_by_its_reply_whatever_its_words(name: str, message: str) -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.answers[name] = lambda _: [f"Response: Success\r\nMessage: {message}"]
        assert (await engine.link.action(name, {"Queue": "emergency"}))["Message"] == message


async def test_an_event_that_belongs_to_a_finished_action_is_still_an_event() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.answers["Originate"] = lambda _: [
            "Response: Success\r\nMessage: Originate successfully queued",
            "Event: OriginateResponse\r\nResponse: Failure",
        ]
        await engine.link.action("Originate", {"Async": "true"})
        await engine.until_seen("up", "OriginateResponse")


async def test_an_action_that_asterisk_refuses_was_not_done() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.answers["Getvar"] = lambda _: ["Response: Error\r\nMessage: No such channel"]
        with pytest.raises(AmiRefused, match="No such channel"):
            await engine.link.action("Getvar")
        with pytest.raises(AmiRefused, match="No such channel"):
            await engine.link.list_action("Getvar", "GetvarComplete")


async def test_a_list_comes_whole_and_events_between_go_their_own_way() -> None:
    def show(action: Frame) -> Replies:
        asterisk.send(event("between"))
        return [
            "Response: Success\r\nEventList: start",
            "Event: Row\r\nNo: 1",
            "Event: Row\r\nNo: 2",
            "Event: End",
        ]

    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.answers["Show"] = show
        rows = await engine.link.list_action("Show", "End")
        assert [row["No"] for row in rows] == ["1", "2"]
        await engine.until_seen("up", "between")


async def test_an_action_that_timed_out_swallows_nothing_later() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        with pytest.raises(AmiError, match="did not answer"):
            await engine.link.list_action("Show", "End", seconds=0.02)
        [late] = asterisk.actions("Show")
        asterisk.send(
            f"Response: Success\r\nActionID: {late['ActionID']}",
            f"{event('late')}\r\nActionID: {late['ActionID']}",
        )
        await engine.until_seen("up", "late")


async def test_letters_at_the_border_of_two_chunks_stay_whole() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        for byte in f"{event('Äöü–ng')}\r\n\r\n".encode():
            asterisk.write(bytes([byte]))
            await asyncio.sleep(0)
        asterisk.send(b"Event: CEL\r\nName: Jos\xe9")
        await engine.until_seen("up", "Äöü–ng", "José")


async def test_events_come_in_order_and_up_comes_first() -> None:
    def login_with_events(_: Frame) -> Replies:
        asterisk.send(event("before"))
        return ["Response: Success"]

    async with FakeManager() as asterisk:
        asterisk.answers["Login"] = login_with_events
        async with linked(asterisk) as engine:
            count = 5000
            asterisk.write(b"".join(f"{event(place)}\r\n\r\n".encode() for place in range(count)))
            await engine.until_seen("up", "before", *map(str, range(count)))
            assert engine.link.state.events == count + 1


async def test_who_must_decide_gets_what_has_come_at_once() -> None:
    """Events wait for others; a caller's question does not wait for them."""
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.send(event(0))
        asterisk.send(event(1))
        await engine.until(lambda: engine.link.catch_up() or len(engine.seen) == 3)
        assert engine.seen == ["up", "0", "1"]
        asterisk.send(event(2))
        await engine.until_seen("up", "0", "1", "2")


async def test_nothing_is_handed_out_before_what_is_true_has_been_asked() -> None:
    async with FakeManager() as asterisk, linked(asterisk, wait=False) as engine:
        engine.open_for_events.clear()
        await engine.until_seen("up")
        asterisk.send(event(0))
        await engine.until(lambda: engine.link.catch_up() or engine.link.state.waiting)
        engine.link.catch_up()
        assert engine.seen == ["up"]
        engine.open_for_events.set()
        await engine.until_seen("up", "0")


async def test_what_came_before_the_link_broke_is_not_lost() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        for place in range(3):
            asterisk.send(event(place))
        asterisk.cut()
        await engine.until(lambda: engine.seen[:5] == ["up", "0", "1", "2", "down"])


async def test_events_beyond_the_mailbox_drop_the_link_loudly_and_begin_anew() -> None:
    with capture_logs() as logs:
        async with (
            FakeManager() as asterisk,
            linked(asterisk, replace(QUICK, mailbox=10), wait=False) as engine,
        ):
            engine.open_for_events.clear()
            await engine.until_seen("up")
            for place in range(30):
                asterisk.send(event(place))
            await asterisk.until_received("Login", 2)
            engine.open_for_events.set()
            # The waiting events are void, and a fresh look follows.
            await engine.until_seen("up", "down", "up")
            assert engine.link.state.overflows == 1
    assert any(line["event"] == "ami_overflow" and line["log_level"] == "error" for line in logs)


async def test_a_storm_of_events_does_not_keep_other_tasks_waiting() -> None:
    turns = 0

    async def other_task() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with FakeManager() as asterisk, linked(asterisk) as engine:
        other = asyncio.create_task(other_task())
        asterisk.write(b"".join(f"{event(place)}\r\n\r\n".encode() for place in range(10_000)))
        await engine.until(lambda: engine.events)
        before, handled = turns, len(engine.events)
        await engine.until(lambda: len(engine.events) == 10_000)
        other.cancel()
        assert turns - before >= (10_000 - handled) // SLICE


async def test_a_wrong_secret_is_loud_and_tried_again() -> None:
    with capture_logs() as logs:
        async with FakeManager() as asterisk, linked(asterisk, secret="wrong", wait=False) as engine:
            await asterisk.until_received("Login", 2)
            await engine.until(lambda: engine.link.state.phase is LinkPhase.REFUSED)
            assert "manager.conf" in engine.link.state.reason
            with pytest.raises(AmiError, match="not sent"):
                await engine.link.action("Ping")
            asterisk.answers["Login"] = success
            await engine.until_seen("up")
    assert any(line["event"] == "ami_login_refused" and line["log_level"] == "error" for line in logs)
    assert "wrong" not in str(logs)


async def test_closing_while_reconnecting_stays_closed() -> None:
    async with FakeManager() as asterisk:
        async with linked(asterisk) as engine:
            asterisk.cut()
            await engine.until_seen("up", "down")
        logins = len(asterisk.actions("Login"))
        await asyncio.sleep(0.1)  # ten times the delay after which it would have come back
        assert len(asterisk.actions("Login")) == logins
        assert engine.link.state.phase is LinkPhase.DOWN


async def test_an_asterisk_that_is_not_there_yet_is_found_when_it_comes() -> None:
    async with FakeManager() as asterisk:
        asterisk.stop_listening()
        async with linked(asterisk, wait=False) as engine:
            await engine.until(lambda: engine.link.state.phase is LinkPhase.DOWN)
            await asterisk.listen()
            await engine.until_seen("up")


@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 100]
)
async def test_a_peer_that_is_no_asterisk_is_named(banner: bytes) -> None:
    with capture_logs() as logs:
        async with FakeManager() as asterisk:
            asterisk.banner = banner
            async with linked(asterisk, wait=False) as engine:
                await engine.until(lambda: any("AMI port" in line.get("reason", "") for line in logs))
                assert engine.seen == []


async def test_a_frame_without_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_connection, "FRAME_BOUND", 1000)
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        asterisk.write(b"x" * 2000)
        await engine.until_seen("up", "down", "up")


async def test_actions_beyond_the_bound_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_connection, "PENDING_BOUND", 2)
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        waiting = [asyncio.create_task(engine.link.action("Slow", seconds=60)) for _ in range(2)]
        await asterisk.until_received("Slow", 2)
        with pytest.raises(AmiError, match="not sent"):
            await engine.link.action("Slow")
        asterisk.cut()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, AmiError) for result in results)


async def test_the_engine_may_ask_for_a_fresh_start() -> None:
    async with FakeManager() as asterisk, linked(asterisk) as engine:
        engine.link.drop("the snapshot failed")
        await engine.until_seen("up", "down", "up")
