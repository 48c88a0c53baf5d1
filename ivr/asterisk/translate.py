"""Asterisk's events in our words. Pure: one event in, one of ours or ``None`` out.

Calls come from the channel event log (``Event: CEL``), operators from the queue's member events. Asterisk's
``EventTime`` is local time to the second whatever cel.conf says (cel_manager.c), so the time is taken from
``Timestamp``: seconds since 1970 with microseconds, sent when manager.conf has ``timestampevents=yes``.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ivr.asterisk.ami_messages import AmiMessage
from ivr.calls.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    LegAnswered,
    LegEnded,
    LegStarted,
    OperatorChanged,
    OperatorLeft,
    QueueEvent,
    StepTaken,
)
from ivr.errors import AmiError
from ivr.vocabulary import FIELD_SEPARATOR, NO_NUMBER, TRUNK_ENDPOINT, Context, Step

Headers = Mapping[str, str]

_PHONES = "PJSIP/"
_STEPS = {step.value: step for step in Step}
_EXTRA, _EXTRA_END = '{"extra":"', '"}'
_REMEDY = "docs/asterisk-link.md tells what Asterisk must send."
_REMEDIES = {"'Timestamp'": "Set timestampevents=yes in manager.conf."}

DEVICE_WORDS = {
    "0": "unknown",
    "1": "free",
    "2": "in-use",
    "3": "in-use",
    "4": "unavailable",
    "5": "unavailable",
    "6": "ringing",
    "7": "in-use",
    "8": "in-use",
}
"""``Status`` of a queue's member, a number of ``ast_device_state`` (devicestate.h): unknown, not in
use, in use, busy, invalid, unavailable, ringing, ringing while in use, on hold."""


def translate(event: Headers) -> CallEvent | QueueEvent | None:
    """What ``event`` means, or ``None`` when it is none of the engine's business.

    Raises :class:`AmiError` for an event that should mean something and cannot be read, or was tampered with.
    """
    reader = _READERS.get(event.get("Event", ""))
    if reader is None:
        return None
    if isinstance(event, AmiMessage) and event.repeats:
        raise AmiError(
            f"{event['Event']} has a header twice: a caller wrote one with line breaks (%0D%0A) into the "
            "number dialled. The event is left out."
        )
    try:
        return reader(event)
    except (KeyError, ValueError) as error:
        name = f"{event.get('Event')} {event.get('EventName', '')}".strip()
        raise AmiError(f"{name} is not readable ({error}). {_REMEDIES.get(str(error), _REMEDY)}") from error


def phone_of(channel: str) -> str | None:
    """The endpoint of a channel: ``op1`` of ``PJSIP/op1-0000001a``; ``None`` for ``Local/…`` and the like."""
    return channel[len(_PHONES) :].rpartition("-")[0] if channel.startswith(_PHONES) else None


def number_of(caller_id: str) -> str:
    """The caller's number of Asterisk's caller ID; empty where it is none."""
    return "" if caller_id in (NO_NUMBER, "<unknown>") else caller_id


def is_callers(channel: str, unique_id: str, linked_id: str) -> bool:
    """Whether a caller came in on this channel: it is the carrier's, and the origin of its call."""
    return unique_id == linked_id and phone_of(channel) == TRUNK_ENDPOINT


def member_of(event: Headers, interface: str) -> OperatorChanged:
    """A queue's member as the headers tell it; ``interface`` names the header that holds its phone."""
    return OperatorChanged(
        queue=event["Queue"],
        phone=event[interface].removeprefix(_PHONES),
        paused=event["Paused"] == "1",
        device=DEVICE_WORDS.get(event["Status"], "unknown"),
        penalty=int(event["Penalty"]),
    )


def _started(event: Headers) -> CallEvent | None:
    if _is_leg(event):
        return LegStarted(event["LinkedID"], _at(event), event["UniqueID"], _phone(event))
    if not _is_callers(event) or event["Context"] != Context.TRUNK:
        return None
    return CallStarted(
        call_id=event["LinkedID"],
        at=_at(event),
        channel=event["Channel"],
        dialled=event["Exten"],
    )


def _answered(event: Headers) -> CallEvent | None:
    if _is_leg(event):
        return LegAnswered(event["LinkedID"], _at(event), event["UniqueID"], _phone(event))
    if not _is_callers(event):
        return None
    return CallAnswered(event["LinkedID"], _at(event), number_of(event["CallerIDnum"]))


def _ended(event: Headers) -> CallEvent | None:
    leg = _is_leg(event)
    if not leg and not _is_callers(event):
        return None
    extra = json.loads(event["Extra"])
    cause = int(extra["hangupcause"])
    if leg:
        return LegEnded(event["LinkedID"], _at(event), event["UniqueID"], _phone(event), cause)
    return CallEnded(
        event["LinkedID"],
        _at(event),
        cause,
        by_caller=extra["hangupsource"] == event["Channel"],
        caller_number=number_of(event["CallerIDnum"]),
    )


def _step(event: Headers) -> StepTaken:
    text = _extra(event["Extra"])
    return StepTaken(
        call_id=event["LinkedID"],
        at=_at(event),
        step=_STEPS[event["UserDefType"]],
        fields=tuple(text.split(FIELD_SEPARATOR)) if text else (),
    )


def _extra(raw: str) -> str:
    """The text that the dialplan gave: ``{"extra":"1|q|emergency|45|1"}``."""
    if raw.startswith(_EXTRA) and raw.endswith(_EXTRA_END) and "\\" not in raw:
        text = raw[len(_EXTRA) : -len(_EXTRA_END)]  # most are so plain, and reading JSON costs a tenth of all
        if '"' not in text:
            return text
    return str(json.loads(raw)["extra"]) if raw else ""


def _channel_event(event: Headers) -> CallEvent | None:
    name = event["EventName"]
    reader = _CHANNEL_READERS.get(name)
    if reader is None and name in _STEPS:
        raise AmiError(f"The step {name} came without its type: set show_user_defined=yes in cel.conf.")
    return reader(event) if reader else None


def _is_leg(event: Headers) -> bool:
    return event["UniqueID"] != event["LinkedID"] and event["Channel"].startswith(_PHONES)


def _is_callers(event: Headers) -> bool:
    return is_callers(event["Channel"], event["UniqueID"], event["LinkedID"])


def _phone(event: Headers) -> str:
    return phone_of(event["Channel"]) or ""


def _at(event: Headers) -> datetime:
    return datetime.fromtimestamp(float(event["Timestamp"]), UTC)


_CHANNEL_READERS: dict[str, Callable[[Headers], CallEvent | None]] = {
    "CHAN_START": _started,
    "ANSWER": _answered,
    "HANGUP": _ended,
    "USER_DEFINED": _step,
}


def _member(event: Headers) -> OperatorChanged:
    return member_of(event, "Interface")


def _left(event: Headers) -> OperatorLeft:
    return OperatorLeft(event["Queue"], event["Interface"].removeprefix(_PHONES))


_READERS: dict[str, Callable[[Headers], CallEvent | QueueEvent | None]] = {
    "CEL": _channel_event,
    "QueueMemberAdded": _member,
    "QueueMemberStatus": _member,
    "QueueMemberPause": _member,
    "QueueMemberPenalty": _member,
    "QueueMemberRemoved": _left,
}
