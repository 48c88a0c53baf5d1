"""What is true now, asked of Asterisk when the link comes up: three actions, whatever the number of calls.

``Status`` with ``Variables`` tells every channel with the dialplan's variables in one go (rights: call or
reporting), ``QueueStatus`` who is on duty and who waits, ``CoreStatus`` since when Asterisk runs (reporting).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from ivr.asterisk.ami_messages import AmiMessage, Headers
from ivr.asterisk.translate import is_callers, member_of, number_of, phone_of
from ivr.calls.snapshot import LiveCall, LiveLeg, Snapshot
from ivr.vocabulary import Variable

_VARIABLES = (Variable.ENTRY, Variable.CATEGORY, Variable.LANGUAGE, Variable.STAGE, Variable.ANSWERED)
_UNSET = {"(null)", "<unknown>"}
"""What Asterisk writes where there is nothing: a variable, a number."""
_UP = "6"
_BORN = re.compile(r"(?:^|-)(\d+)\.\d+$")
"""A Uniqueid: the second in which the channel was made, and a serial number; before them the system's name
if it has one."""
_SECONDS = 5.0


class Asks(Protocol):
    """What :class:`ivr.asterisk.ami_link.AmiLink` offers and a snapshot needs."""

    async def list_action(
        self, name: str, complete_event: str, headers: Headers | None = None, seconds: float = 5.0
    ) -> list[AmiMessage]: ...

    async def action(self, name: str, headers: Headers | None = None, seconds: float = 2.0) -> AmiMessage: ...


async def snapshot(link: Asks) -> Snapshot:
    """Ask Asterisk for its live calls and operators. Raises AmiError when it does not answer within 12 s."""
    variables: Headers = {"Variables": ",".join(_VARIABLES)}
    channels = await link.list_action("Status", "StatusComplete", variables, _SECONDS)
    queues = await link.list_action("QueueStatus", "QueueStatusComplete", None, _SECONDS)
    return read_snapshot(channels, queues, await link.action("CoreStatus"))


def read_snapshot(
    channels: Iterable[AmiMessage], queues: Iterable[AmiMessage], core: Mapping[str, str]
) -> Snapshot:
    """The snapshot that Asterisk's answers tell."""
    alive = [event for event in channels if event.get("Event") == "Status"]
    members = [event for event in queues if event.get("Event") in ("QueueMember", "QueueEntry")]
    waiting = {event["Uniqueid"]: event["Queue"] for event in members if event["Event"] == "QueueEntry"}
    legs = defaultdict(list)
    for event in alive:
        if event["Uniqueid"] != event["Linkedid"] and phone_of(event["Channel"]):
            legs[event["Linkedid"]].append(event)
    rooms = _rooms(alive)
    return Snapshot(
        calls=tuple(
            _call(event, legs[event["Uniqueid"]], rooms, waiting.get(event["Uniqueid"]))
            for event in alive
            if is_callers(event["Channel"], event["Uniqueid"], event["Linkedid"])
        ),
        operators=tuple(member_of(event, "Location") for event in members if event["Event"] == "QueueMember"),
        asterisk_since=_since(core),
    )


def _since(core: Mapping[str, str]) -> datetime | None:
    """Asterisk says it in local time, which is the machine's and so ours."""
    try:
        return datetime.fromisoformat(f"{core['CoreStartupDate']}T{core['CoreStartupTime']}").astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _call(
    event: AmiMessage, legs: Iterable[AmiMessage], rooms: Mapping[str, str], queue: str | None
) -> LiveCall:
    variables = dict(line.split("=", 1) for line in event.every("Variable"))
    said = {name: _said(value) for name, value in variables.items()}
    answered = said.get(Variable.ANSWERED, "")
    born = _BORN.search(event["Uniqueid"])
    return LiveCall(
        call_id=event["Uniqueid"],
        channel=event["Channel"],
        since=datetime.fromtimestamp(int(born[1]) if born else 0, UTC),
        answered=datetime.fromtimestamp(int(answered) / 10, UTC) if answered.isdecimal() else None,
        dialled=_said(event["DNID"]),
        caller_number=number_of(event["CallerIDNum"]),
        entry=said.get(Variable.ENTRY, ""),
        category=said.get(Variable.CATEGORY, ""),
        language=said.get(Variable.LANGUAGE, ""),
        stage=said.get(Variable.STAGE, ""),
        queue=queue,
        legs=tuple(_leg(leg, rooms, _room(event, rooms)) for leg in legs),
    )


def _leg(event: AmiMessage, rooms: Mapping[str, str], callers_room: str | None) -> LiveLeg:
    room = _room(event, rooms)
    return LiveLeg(
        leg_id=event["Uniqueid"],
        phone=phone_of(event["Channel"]) or "",
        answered=event["ChannelState"] == _UP,
        talking=room is not None and room == callers_room,
    )


def _rooms(events: Iterable[AmiMessage]) -> Mapping[str, str]:
    """For each bridge one name of the room it belongs to: the two halves of a Local channel (``;1``, ``;2``)
    join the bridges in which they are."""
    halves: dict[str, str] = {}
    rooms: dict[str, str] = {}
    for event in events:
        bridge = event["BridgeID"]
        if not bridge:
            continue
        rooms.setdefault(bridge, bridge)
        pair, half, _ = event["Channel"].rpartition(";")
        if not half:
            continue
        if pair not in halves:
            halves[pair] = bridge
            continue
        old, new = rooms[bridge], rooms[halves[pair]]
        rooms.update({name: new for name, room in rooms.items() if room == old})
    return rooms


def _room(event: AmiMessage, rooms: Mapping[str, str]) -> str | None:
    return rooms.get(event["BridgeID"])


def _said(value: str) -> str:
    return "" if value in _UNSET else value
