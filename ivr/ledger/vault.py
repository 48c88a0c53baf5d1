"""Personal data sealed and opened again: the only place that has the keys.

Each sealing has a fresh key of its own (AES-256-GCM), kept wrapped by the master key of this installation.
Who destroys the wrapped key destroys what it sealed. A *commitment* proves what was sealed as long as the key
lives, and says nothing once it is gone.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import VaultError
from ivr.render.files import secret, write_atomic

SECRET = "personal-data"  # noqa: S105 - the file's name
_SECRET = re.compile(r"[0-9a-f]{32}")
_KEY_BYTES = 64
_HALF = 32
"""The first half of a key seals, the second one commits."""
_NONCE_BYTES = 12
_ONCE = bytes(_NONCE_BYTES)
"""A key that seals once needs no nonce of its own."""
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Sealed:
    """``wrapped`` (the key) and ``text`` are base64, ``commitment`` is hexadecimal."""

    id: str
    wrapped: str
    text: str
    commitment: str


@dataclass(frozen=True, slots=True)
class _Keys:
    wrapping: AESGCM
    index: bytes


class Vault:
    """Personal data of one installation. ``normalise`` gives the one form of a number by which it is found.

    Without its key it is locked (:attr:`problem` says why and what to do): it seals nothing, so that nothing
    is kept, and opens nothing. Calls go on.
    """

    def __init__(
        self, secrets: Path, known: Path, *, make: bool, normalise: Callable[[str], str] = str
    ) -> None:
        """``secrets`` holds the key; ``known`` is the file that tells which key has sealed here, so that a
        lost one is not taken for a first start. ``make``: a first start makes a key."""
        self._secrets = secrets
        self._known = known
        self._make = make
        self._normalise = normalise
        self._keys: _Keys | None = None
        self.problem: str | None = None
        self.unlock()

    @property
    def locked(self) -> bool:
        return self._keys is None

    def unlock(self) -> None:
        """Try to get the key, unless it is there; reads two small files."""
        if self._keys is None:
            try:
                self._keys = _keys(self._master())
                self.problem = None
            except VaultError as error:
                self.problem = str(error)

    def seal(self, about: str, values: Mapping[str, object]) -> Sealed:
        """``about`` (the call) is bound to it: what is copied to another call cannot be opened there.

        Raises :class:`VaultError` when locked.
        """
        keys = self._need()
        fresh, context = os.urandom(_KEY_BYTES + _NONCE_BYTES), about.encode()
        key, nonce = fresh[:_KEY_BYTES], fresh[_KEY_BYTES:]
        plain = _ENCODE(values).encode()
        return Sealed(
            id=token_hex(16),
            wrapped=_text(nonce + keys.wrapping.encrypt(nonce, key, context)),
            text=_text(AESGCM(key[:_HALF]).encrypt(_ONCE, plain, context)),
            commitment=_commitment(key, context, plain),
        )

    def open(self, about: str, wrapped: str, text: str) -> tuple[dict[str, object], str]:
        """What was sealed, and its commitment. Raises :class:`VaultError` when locked, or when this was
        damaged, or sealed with another key or about another call."""
        keys, context = self._need(), about.encode()
        try:
            box = base64.b64decode(wrapped)
            key = keys.wrapping.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], context)
            plain = AESGCM(key[:_HALF]).decrypt(_ONCE, base64.b64decode(text), context)
            return dict(json.loads(plain)), _commitment(key, context, plain)
        except (InvalidTag, ValueError) as error:
            raise VaultError(
                "Personal data cannot be opened: it is damaged, or it was sealed with another key than "
                f"{self._secrets / SECRET}. Put back the key of that time, from a backup."
            ) from error

    def index(self, number: str) -> str | None:
        """By which a number is found without being told: 64 hexadecimal digits. ``None`` for no number, and
        when locked."""
        form = self._normalise(number) if number and self._keys else ""
        return hmac.digest(self._need().index, form.encode(), "sha256").hex() if form else None

    def _need(self) -> _Keys:
        if self._keys is None:
            raise VaultError(self.problem or "")
        return self._keys

    def _master(self) -> str:
        path = self._secrets / SECRET
        try:
            known = self._known.read_text().strip() if self._known.exists() else None
            if known is None and self._make:
                master = secret(self._secrets, SECRET)
            else:
                master = path.read_text().strip()
            if not _SECRET.fullmatch(master) or known not in (None, _name(master)):
                raise VaultError(
                    f"{path} is not the key by which personal data was sealed here: put that back, from a "
                    f"backup. If it is lost for ever, remove {path} and {self._known}: a new key is made, "
                    "and what was sealed before stays unreadable."
                )
            if known is None and self._make:
                self._known.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._known, _name(master) + "\n")
            return master
        except FileNotFoundError as error:
            if known is None:
                raise VaultError(
                    f"There is no {path} yet: ivr serve makes it. Is IVR_STATE right?"
                ) from error
            raise VaultError(
                f"{path}, the key of all personal data, is gone: put it back, from a backup. If it is lost "
                f"for ever, remove {self._known}: a new key is made, and what was sealed before stays "
                "unreadable."
            ) from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text"
            raise VaultError(
                f"{path}, the key of all personal data, cannot be used ({reason}): the user that the engine "
                "runs as must be able to read it, and at the first start to write its directory."
            ) from error


def _keys(master: str) -> _Keys:
    raw = bytes.fromhex(master)
    return _Keys(AESGCM(_derived(raw, b"wrapping")), _derived(raw, b"index"))


def _derived(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, b"siaga112 " + use, "sha256")


def _name(master: str) -> str:
    """Tells keys apart and nothing else about them."""
    return hashlib.sha256(b"siaga112 name " + master.encode()).hexdigest()[:16]


def _commitment(key: bytes, context: bytes, plain: bytes) -> str:
    return hmac.digest(key[_HALF:], context + b"\0" + plain, "sha256").hex()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
