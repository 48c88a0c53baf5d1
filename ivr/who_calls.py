"""Who calls, by the raw facts that the dialplan tells of a call."""

from collections.abc import Mapping
from datetime import datetime

from ivr.asterisk.intake_facts import decode_intake
from ivr.calls.notes import CallIdentified
from ivr.intake.caller import classify_caller, display_name
from ivr.intake.numbers import entry_of, normalise_dialled
from ivr.ledger.entries import CallerData
from ivr.routing.rules import City
from ivr.vocabulary import NO_NUMBER, IntakeField

_HEADERS = tuple(field for field in IntakeField if field is not IntakeField.DIALLED)
"""Personal data among the raw facts: kept apart from the ledger."""


def who_calls(call_id: str, at: datetime, raw_facts: str, city: City) -> tuple[CallIdentified, CallerData]:
    """For the ledger, and for the personal data beside it. ``raw_facts`` as a question carries them, ``at``
    when they were told. Never fails, whatever a caller wrote."""
    raw = decode_intake(raw_facts)
    entry = entry_of(raw, city.area_code)
    caller = classify_caller(raw, city)
    note = CallIdentified(
        call_id=call_id,
        at=at,
        entry=entry,
        caller=caller.caller_class,
        trust=caller.trust,
        redirected=entry != normalise_dialled(raw[IntakeField.DIALLED], city.area_code),
    )
    return note, _caller_data(call_id, raw, caller.number)


def _caller_data(call_id: str, raw: Mapping[IntakeField, str], number: str | None) -> CallerData:
    return CallerData(
        call_id=call_id,
        number=number or raw[IntakeField.CALLER_NUMBER].removeprefix(NO_NUMBER),
        name=display_name(raw[IntakeField.FROM]),
        headers={str(field): raw[field] for field in _HEADERS if raw[field]},
    )
