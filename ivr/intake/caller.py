"""What the caller's number is worth. Nothing here is an identity: SIM-less phones may share one number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ivr.intake.numbers import user_parts
from ivr.routing.model import CallerClass
from ivr.routing.rules import City
from ivr.vocabulary import IntakeField

COUNTRY = "62"


class Trust(StrEnum):
    ASSERTED = "asserted"
    """The carrier says so (P-Asserted-Identity, RFC 3325, or Remote-Party-ID)."""
    CLAIMED = "claimed"
    """The caller's side says so."""


@dataclass(frozen=True, slots=True)
class Caller:
    """``number`` is in the form +628…, or ``None`` where there is none that could be called back."""

    caller_class: CallerClass
    number: str | None
    trust: Trust


_ANONYMOUS_USERS = {"anonymous", "restricted", "private", "withheld"}
_ANONYMOUS_HOST = re.compile(r"@anonymous\.invalid\b", re.IGNORECASE)
_HIDING = {"id", "user", "header", "critical"}
_HIDDEN_PARTY = re.compile(r";\s*privacy\s*=\s*\"?(full|name|uri)\b", re.IGNORECASE)
"""In Remote-Party-ID (draft-ietf-sip-privacy-04)."""
_SEPARATORS = str.maketrans("", "", " -.()")
_DIGITS = re.compile(r"\+?[0-9]{1,20}", re.ASCII)


def classify_caller(raw: Mapping[IntakeField, str], city: City) -> Caller:
    """Raw facts are hostile: any text of any length is classified, none raises."""
    asserted = _numbers(raw, IntakeField.ASSERTED_IDENTITY) or _numbers(raw, IntakeField.REMOTE_PARTY)
    claimed = (_digits(raw.get(IntakeField.CALLER_NUMBER, "")), *_numbers(raw, IntakeField.FROM))
    trust = Trust.ASSERTED if asserted else Trust.CLAIMED
    candidates = asserted or tuple(filter(None, claimed))
    if any(_is_simless(candidate, city.simless) for candidate in candidates):
        return Caller(CallerClass.SIMLESS, None, trust)
    number = next(filter(None, (international(candidate, city.area_code) for candidate in candidates)), None)
    if _is_hidden(raw):
        # An emergency centre may see a number that the network knows; it still belongs to somebody who hides.
        return Caller(CallerClass.ANONYMOUS, number if asserted else None, trust)
    if number is None:
        return Caller(CallerClass.MISSING, None, trust)
    return Caller(CallerClass.NUMBER, number, trust)


def international(digits: str, area_code: str) -> str | None:
    """``0812…``, ``62812…``, ``812…``, ``00…`` and local numbers as ``+…`` (E.164: 8 to 15 digits).

    ``None`` for what cannot be a subscriber's number, such as a short code or an extension.
    """
    match = re.fullmatch(
        r"(?P<plus>\+|00(?=[1-9]))?(?P<trunk>0(?=[1-9]))?(?P<rest>[1-9][0-9]*)", digits, re.ASCII
    )
    if match is None:
        return None
    rest = match["rest"]
    if match["plus"]:
        full = rest if not match["trunk"] else ""
    elif match["trunk"]:
        full = COUNTRY + rest
    elif rest.startswith(COUNTRY) and len(rest) >= 10:
        full = rest
    elif rest.startswith("8") and 9 <= len(rest) <= 12:
        # Indonesian carriers leave out the 0 of a mobile number.
        full = COUNTRY + rest
    elif 5 <= len(rest) <= 8:
        full = COUNTRY + area_code.removeprefix("0") + rest
    else:
        full = rest if len(rest) >= 10 else ""
    return f"+{full}" if 8 <= len(full) <= 15 else None


def subscriber(text: str, city: City) -> str | None:
    """A number, however written, as +628…; ``None`` for one made up for phones without SIM (it belongs to
    nobody in particular), and for what is none."""
    digits = _digits(text)
    if digits is None or _is_simless(digits, city.simless):
        return None
    return international(digits, city.area_code)


def canonical(text: str, city: City) -> str:
    """The one form of a number, however it is written: +628…, or its digits where it is no subscriber's.
    Empty for what has none."""
    digits = _digits(text)
    return "" if digits is None else international(digits, city.area_code) or digits


def display_name(header: str) -> str:
    """The name in a From header, without its quotes; empty when there is none."""
    name, bracket, _ = header.rpartition("<")
    return re.sub(r"\\(.)", r"\1", name.strip().removeprefix('"').removesuffix('"')) if bracket else ""


def _numbers(raw: Mapping[IntakeField, str], field: IntakeField) -> tuple[str, ...]:
    return tuple(filter(None, map(_digits, user_parts(raw.get(field, "")))))


def _digits(text: str) -> str | None:
    stripped = text.translate(_SEPARATORS) if len(text) <= 64 else ""
    return stripped if _DIGITS.fullmatch(stripped) else None


def _is_hidden(raw: Mapping[IntakeField, str]) -> bool:
    privacy = {word.strip().lower() for word in raw.get(IntakeField.PRIVACY, "").split(";")}
    sender = raw.get(IntakeField.FROM, "")
    users = {user.lower() for user in user_parts(sender)}
    return bool(
        privacy & _HIDING
        or _HIDDEN_PARTY.search(raw.get(IntakeField.REMOTE_PARTY, "")[:4096])
        or users & _ANONYMOUS_USERS
        or _ANONYMOUS_HOST.search(sender[:4096])
    )


def _is_simless(digits: str, patterns: tuple[str, ...]) -> bool:
    return any(_compiled(pattern).fullmatch(digits) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    count, words, _ = pattern.partition(" digits")
    if words:
        # As long as an IMEI, but a number with its country code is a number (no IMEI begins with 62).
        return re.compile(f"(?!{COUNTRY})[0-9]{{{count}}}")
    return re.compile(r"\+?" + pattern.replace("?", "[0-9]").replace("*", "[0-9]*"))
