"""Accounts of operators: who may log in to the queues from which phone.

The database keeps them; Asterisk's own database keeps a copy of what the dialplan needs to check a PIN, so
that a shift changes also while the engine is away. SHA-1 with a salt is what a dialplan can compute; only who
can read Asterisk's database can read the copy, and five wrong PINs close a phone's log-in for five minutes.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.errors import IvrError
from ivr.vocabulary import HIGHEST_PENALTY, LAYER_1_QUEUE, PHONE_NAME

PIN = re.compile(r"[0-9]{4,12}")
QUEUE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Operator:
    """``phone`` is the endpoint and the login (``op1``). ``penalty`` 0 is rung first. ``pin`` is
    ``salt:SHA-1(salt + PIN)``, both hexadecimal."""

    phone: str
    name: str
    pin: str
    penalty: int = 0
    queues: tuple[str, ...] = (LAYER_1_QUEUE,)

    def database_keys(self) -> Mapping[str, str]:
        """What dialplan/operators.conf reads below ``operator/<phone>``."""
        return {"pin": self.pin, "penalty": str(self.penalty), "queues": "&".join(self.queues)}


def make_operator(
    phone: str, name: str, pin: str, penalty: int = 0, queues: tuple[str, ...] = (LAYER_1_QUEUE,)
) -> Operator:
    """Check what an admin typed and hash the PIN. Raises :class:`IvrError` with the remedy."""
    if not PHONE_NAME.fullmatch(phone):
        raise IvrError(
            f"'{phone[:40]}' cannot be the name of a phone: 2 to 32 small letters, digits or hyphens, such "
            "as op1, and no word of Asterisk's configuration such as trunk."
        )
    if not PIN.fullmatch(pin):
        raise IvrError("A PIN has 4 to 12 digits.")
    if not name.strip() or len(name) > 100:
        raise IvrError("An operator has a name of 1 to 100 characters.")
    if not 0 <= penalty <= HIGHEST_PENALTY:
        raise IvrError(f"A penalty is 0 (rung first) to {HIGHEST_PENALTY}.")
    for queue in queues:
        if not QUEUE.fullmatch(queue):
            raise IvrError(f"'{queue[:40]}' is no queue: use the names in routing.yaml, such as emergency.")
    return Operator(phone, name.strip(), hash_pin(pin), penalty, queues)


def hash_pin(pin: str, salt: str | None = None) -> str:
    salt = salt or secrets.token_hex(16)
    # SHA-1 because the dialplan has no better (see above).
    return f"{salt}:{hashlib.sha1((salt + pin).encode()).hexdigest()}"  # noqa: S324
