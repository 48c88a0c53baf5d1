"""The snapshot: what a real Asterisk told of its calls, and what a large one would tell."""

from datetime import UTC, datetime

from ivr.asterisk.resync import read_snapshot, snapshot
from ivr.calls.events import OperatorChanged
from ivr.calls.snapshot import LiveCall, LiveLeg
from tests.fake_asterisk.engine_end import linked
from tests.fake_asterisk.manager_peer import FakeManager, Frame, Replies, success
from tests.fake_asterisk.recorded import frames, messages

CORE = {"CoreStartupDate": "2026-11-22", "CoreStartupTime": "03:35:10"}


def test_a_snapshot_of_a_real_asterisk() -> None:
    seen = read_snapshot(messages("status"), messages("queue_status"), CORE)
    calls = {call.call_id: call for call in seen.calls}
    assert calls["1795294820.6"] == LiveCall(
        call_id="1795294820.6",
        channel="PJSIP/trunk-00000004",
        since=datetime.fromtimestamp(1795294820, UTC),
        answered=datetime.fromtimestamp(1795294821, UTC),
        dialled="112",
        caller_number="+620000000001",
        entry="112",
        category="fire",
        language="id",
        stage="1",
        queue=None,
        legs=(LiveLeg("1795294821.7", "op1", answered=True, talking=True),),
    )
    by_local_channel = calls["1795294868.9"]
    assert by_local_channel.legs == (LiveLeg("1795294869.13", "damkar", answered=True, talking=True),)
    assert (by_local_channel.category, by_local_channel.stage) == ("", "")
    assert {call.call_id: call.queue for call in seen.calls if call.queue} == {
        "1795294853.8": "emergency",
        "1795294868.10": "emergency",
    }
    assert len(calls) == 4
    assert seen.asterisk_since == datetime(2026, 11, 22, 3, 35, 10).astimezone(UTC)
    assert read_snapshot([], [], {}).asterisk_since is None
    assert seen.operators == (
        OperatorChanged("emergency", "op2", paused=True, device="free", penalty=5),
        OperatorChanged("emergency", "op1", paused=False, device="in-use", penalty=0),
    )


def test_a_phone_that_still_rings_does_not_talk() -> None:
    channels = messages("status")
    for event in channels:
        if event.get("Channel") == "PJSIP/op1-00000005":
            event["BridgeID"], event["ChannelState"] = "", "5"
    legs = {leg for call in read_snapshot(channels, [], CORE).calls for leg in call.legs}
    assert LiveLeg("1795294821.7", "op1", answered=False, talking=False) in legs


def test_a_system_name_before_the_unique_id_does_not_hide_the_time() -> None:
    channels = messages("status")
    for event in channels:
        for header in {"Uniqueid", "Linkedid"} & set(event):
            event[header] = f"ambon-{event[header]}"
    calls = read_snapshot(channels, [], CORE).calls
    assert {call.since.year for call in calls} == {2026}


async def test_three_actions_tell_everything_whatever_the_number_of_calls() -> None:
    [pattern] = [event for event in frames("status") if b"PJSIP/trunk-00000004" in event]
    without_id = pattern.decode().rpartition("\r\nActionID")[0]

    def status(action: Frame) -> Replies:
        assert action["Variables"] == "IVR_ENTRY,IVR_CATEGORY,IVR_LANGUAGE,IVR_STAGE,IVR_ANSWERED"
        events = [without_id.replace("1795294820.6", f"1795294820.{serial}") for serial in range(200)]
        return [
            "Response: Success\r\nEventList: start",
            *events,
            "Event: StatusComplete\r\nEventList: Complete",
        ]

    async with FakeManager() as asterisk:
        asterisk.answers["Status"] = status
        asterisk.answers["QueueStatus"] = lambda _: [
            "Response: Success\r\nEventList: start",
            "Event: QueueStatusComplete\r\nEventList: Complete",
        ]
        asterisk.answers["CoreStatus"] = success
        async with linked(asterisk) as engine:
            seen = await snapshot(engine.link)
    assert len({call.call_id for call in seen.calls}) == 200
    assert [action["Action"] for action in asterisk.received if action["Action"] != "Ping"] == [
        "Login",
        "Status",
        "QueueStatus",
        "CoreStatus",
    ]
