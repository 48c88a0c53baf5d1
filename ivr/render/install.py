"""Where this machine's Asterisk has its parts."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import SettingsError


@dataclass(frozen=True, slots=True)
class AsteriskInstall:
    """What scripts/setup found or fetched, as it wrote it to ``asterisk.env``."""

    binary: Path
    modules: Path
    data: Path
    """Sounds and documentation; read only."""
    varlib: Path
    version: str


def repository() -> Path:
    """The directory that holds ``asterisk-conf/`` and ``dialplan/``."""
    for root in (Path(__file__).resolve().parents[2], Path(sys.prefix) / "share" / "siaga112"):
        if (root / "dialplan" / "extensions.conf").is_file():
            return root
    raise SettingsError(
        "dialplan/extensions.conf is missing beside the ivr package: install it again (pip install siaga112, "
        "or a whole clone of the repository)."
    )


def find_install() -> AsteriskInstall:
    """Read ``asterisk.env`` from IVR_TOOLS (default: ``var/tools`` of the repository).

    Raises :class:`SettingsError` if it is missing or incomplete.
    """
    tools = Path(os.environ.get("IVR_TOOLS") or repository() / "var" / "tools")
    path = tools / "asterisk.env"
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): run scripts/setup first.") from error
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    try:
        return AsteriskInstall(
            binary=Path(values["ASTERISK_BIN"]),
            modules=Path(values["ASTERISK_MODULES"]),
            data=Path(values["ASTERISK_DATA"]),
            varlib=Path(values["ASTERISK_VARLIB"]),
            version=values["ASTERISK_VERSION"],
        )
    except KeyError as error:
        raise SettingsError(
            f"{path} lacks {error.args[0]}: remove it and run scripts/setup again."
        ) from error
