"""What ``scripts/setup`` installed, read from its ``.env`` files."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Phones:
    """The test phones: two programs and baresip's modules; and libfaketime."""

    sipp: Path
    baresip: Path
    baresip_modules: Path
    faketime: Path


def tools_directory() -> Path:
    """``IVR_TOOLS``, where scripts/setup puts everything it installs."""
    return Path(os.environ.get("IVR_TOOLS") or REPOSITORY / "var" / "tools")


@cache
def asterisk_binary() -> Path:
    """The launcher of Asterisk. Raises :class:`FileNotFoundError` that names the remedy."""
    return Path(read_env("asterisk")["ASTERISK_BIN"])


@cache
def phones() -> Phones:
    """The test phones. Raises :class:`FileNotFoundError` that names the remedy."""
    values = read_env("phones")
    # Empty in what an earlier scripts/setup wrote: only who wants another clock misses it.
    names = ("SIPP_BIN", "BARESIP_BIN", "BARESIP_MODULES", "FAKETIME")
    return Phones(*(Path(values.get(name, "")) for name in names))


def read_env(name: str) -> dict[str, str]:
    """The values of ``asterisk.env`` or ``phones.env``."""
    path = tools_directory() / f"{name}.env"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run scripts/setup{' --phones' * (name == 'phones')}")
    lines = (line.partition("=") for line in path.read_text().splitlines() if not line.startswith("#"))
    return {key: value for key, _, value in lines}
