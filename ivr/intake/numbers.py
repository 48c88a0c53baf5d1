"""Which emergency number was dialled: our own exact table.

General phone-number libraries do not know 112 or 115, and 0911, Ambon's area code, is one digit from 911. A
carrier may put the area code before a short number: 112 then arrives as 0911112, 911112 or +62911112.
"""

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote

from ivr.vocabulary import IntakeField

OURS = "112"
AMERICAN = "911"
REDIRECTED = ("110", "113", "115", "118", "119")
"""Police, fire, search and rescue, and ambulance twice: older numbers that may be redirected to 112."""
ENTRY_NUMBERS = (OURS, AMERICAN, *REDIRECTED)
OTHER = "other"
"""Everything else: letters, nothing, one digit, 200 characters."""

_USER_PARTS = re.compile(r"(?:sips?:([^@;>,\s]{1,64})@|tel:([^;>,\s]{1,64}))", re.IGNORECASE)
_MOST_HEADER = 4096


def normalise_dialled(text: str, area_code: str) -> str:
    """One of :data:`ENTRY_NUMBERS`, or :data:`OTHER`. ``area_code`` has its 0 (``0911``).

    911 has no form with an area code: +62911 is Ambon itself, and 0911911 is nobody's emergency number.
    """
    return dialled_forms(area_code).get(text.partition(";")[0], OTHER)


def entry_of(raw: Mapping[IntakeField, str], area_code: str) -> str:
    """The entry of a call: the number dialled, or the emergency number from which it was redirected to us."""
    dialled = normalise_dialled(raw.get(IntakeField.DIALLED, ""), area_code)
    if dialled not in (OURS, OTHER):
        return dialled
    for header in (IntakeField.DIVERSION, IntakeField.HISTORY_INFO):
        for user in user_parts(raw.get(header, "")):
            entry = normalise_dialled(user, area_code)
            if entry not in (OURS, OTHER):
                return entry
    return dialled


def user_parts(header: str) -> tuple[str, ...]:
    """The user parts of all SIP and tel addresses in a header, in order."""
    return tuple(unquote(sip or tel) for sip, tel in _USER_PARTS.findall(header[:_MOST_HEADER]))


@cache
def dialled_forms(area_code: str) -> Mapping[str, str]:
    """All that can be dialled for one of :data:`ENTRY_NUMBERS` → that number."""
    national = area_code.removeprefix("0")
    table = {number: number for number in ENTRY_NUMBERS}
    for number in (OURS, *REDIRECTED):
        for prefix in (area_code, national, f"62{national}", f"+62{national}"):
            table[prefix + number] = number
    return table
