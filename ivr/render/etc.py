"""Assemble Asterisk's runtime directory: the repository's files, the generated ones, the directories."""

import os
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from ivr.errors import SettingsError
from ivr.render import generated
from ivr.render.files import refuse_special, secret, write_atomic
from ivr.render.generated import Phone
from ivr.render.install import AsteriskInstall, repository
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.model import Facts
from ivr.routing.rules import Rules
from ivr.settings import Settings

_SOCKET_PATH_LIMIT = 100
"""A Unix socket's path may have 107 characters (unix(7)); Asterisk's control socket has a suffix."""


def render(
    settings: Settings, rules: Rules, operators: Collection[str], install: AsteriskInstall
) -> tuple[Path, ...]:
    """Write everything Asterisk reads at start below IVR_STATE/asterisk and return the files that changed.

    ``operators`` are the names of operators' phones. Nothing of the repository is written to. Files that
    nothing needs any more are removed from the assembled directory.
    """
    _check(settings, rules, operators)
    _directories(settings, install)
    wanted = _hand_written() | _generated(settings, rules, operators)
    asterisk_conf = generated.directories(settings, install.modules, install.data, install.binary.parent)
    wanted["asterisk.conf"] = asterisk_conf + "\n" + wanted["asterisk.conf"]
    changed = [
        settings.etc / name
        for name, text in wanted.items()
        if write_atomic(settings.etc / name, text, 0o600 if name in _SECRET else 0o644)
    ]
    for path in settings.etc.rglob("*.conf"):
        if str(path.relative_to(settings.etc)) not in wanted:
            path.unlink()
            changed.append(path)
    return tuple(changed)


_SECRET = frozenset(
    {"generated/manager-accounts.conf", "generated/pjsip-phones.conf", "generated/pjsip-trunk.conf"}
)


def _check(settings: Settings, rules: Rules, operators: Collection[str]) -> None:
    refuse_special(settings.root, "IVR_STATE")
    socket = settings.root / "asterisk" / "run" / "asterisk.ctl"
    if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
        raise SettingsError(
            f"IVR_STATE: {settings.root} is too long a path for Asterisk's control socket; choose one of at "
            f"most {_SOCKET_PATH_LIMIT - len('/asterisk/run/asterisk.ctl')} characters."
        )
    if (
        settings.trunk_address == settings.phones_address
        and settings.trunk_port == settings.phones_port
        and settings.trunk_transport != "tls"
    ):
        raise SettingsError(
            f"the trunk and the phones both use {settings.trunk_address}:{settings.trunk_port}: choose "
            "another IVR_TRUNK_ADDRESS or IVR_TRUNK_PORT, so that neither is taken for the other."
        )
    if settings.rtp_end <= settings.rtp_start:
        raise SettingsError("IVR_RTP_END must be greater than IVR_RTP_START (two ports a leg).")
    if settings.trunk_transport == "tls" and not (settings.trunk_certificate and settings.trunk_key):
        raise SettingsError("IVR_TRUNK_TRANSPORT=tls needs IVR_TRUNK_CERTIFICATE and IVR_TRUNK_KEY.")
    both = sorted({line.phone for line in rules.lines.values() if line.phone} & set(operators))
    if both:
        raise SettingsError(
            f"{', '.join(both)}: both an operator's phone and a line of routing.yaml; "
            "give one of them another name (ivr operator, or agencies: in routing.yaml)."
        )


def _directories(settings: Settings, install: AsteriskInstall) -> None:
    base = settings.root / "asterisk"
    for name in ("etc/generated", "etc/dialplan", "run", "log/cel-custom", "db", "var/keys", "var/agi-bin"):
        (base / name).mkdir(parents=True, exist_ok=True)
    for name in ("monitor", "tmp", "outgoing", "voicemail"):
        (base / "spool" / name).mkdir(parents=True, exist_ok=True)
    if install.varlib.is_dir() and not (base / "var" / "sounds").exists():
        shutil.copytree(
            install.varlib,
            base / "var",
            dirs_exist_ok=True,
            ignore=lambda _, names: [name for name in names if name.endswith(".sqlite3") or name == "keys"],
        )
    settings.recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.prompts.mkdir(parents=True, exist_ok=True)


def _hand_written() -> dict[str, str]:
    root = repository()
    files = {path.name: path.read_text() for path in sorted((root / "asterisk-conf").glob("*.conf"))}
    for path in sorted((root / "dialplan").glob("*.conf")):
        name = path.name if path.name == "extensions.conf" else f"dialplan/{path.name}"
        files[name] = path.read_text()
    return files


def _generated(settings: Settings, rules: Rules, operators: Collection[str]) -> dict[str, str]:
    agency_phones = {line.phone for line in rules.lines.values() if line.phone is not None}
    phones = [
        Phone(name, template, secret(settings.secrets / "phones", name))
        for template, names in (("operator", operators), ("agency", agency_phones))
        for name in sorted(names)
    ]
    return {
        f"generated/{name}.conf": text
        for name, text in {
            "globals": generated.globals_conf(settings, lifeline_plan(rules)),
            "lines": generated.lines(settings, rules.lines.values()),
            "queues": generated.queues(rules),
            "musiconhold": generated.music_on_hold(settings, rules.languages),
            "pjsip-transports": generated.transports(settings),
            "pjsip-trunk": generated.trunk(settings, _trunk_password(settings)),
            "pjsip-phones": generated.phones(settings, phones),
            "rtp": generated.rtp(settings),
            "manager-general": generated.manager_general(settings),
            "manager-accounts": generated.manager_accounts(
                secret(settings.secrets, "ami-engine"), secret(settings.secrets, "ami-reload")
            ),
        }.items()
    }


def lifeline_plan(rules: Rules) -> str:
    """The plan of a call about which nothing is known, for the dialplan to use without the engine."""
    facts = Facts()
    now = datetime.now(UTC)
    return encode_plan(plan(rules, decide(rules, facts, now), facts, now))


def _trunk_password(settings: Settings) -> str:
    if not settings.trunk_username:
        return ""
    if settings.trunk_password_file is None:
        raise SettingsError(
            "IVR_TRUNK_USERNAME needs IVR_TRUNK_PASSWORD_FILE, a file with the password in it."
        )
    try:
        return settings.trunk_password_file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"IVR_TRUNK_PASSWORD_FILE: {settings.trunk_password_file} cannot be read ({error.strerror})."
        ) from error
