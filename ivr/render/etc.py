"""Assemble Asterisk's runtime directory: the repository's files, the generated ones, the directories."""

import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ivr.errors import SettingsError
from ivr.lifeline import compile_lifeline
from ivr.menu.answer import first_menus
from ivr.render import generated
from ivr.render.files import refuse_special, secret, write_atomic
from ivr.render.generated import Phone
from ivr.render.install import AsteriskInstall, repository
from ivr.render.reload_note import note_to_reload
from ivr.render.spoken import prompt_paths
from ivr.routing.rules import Rules
from ivr.settings import Settings

_OPERATOR = re.compile(r"^\[([a-z0-9-]+)\]\(operator\)$", re.MULTILINE)
_SOCKET_PATH_LIMIT = 100
"""A Unix socket's path may have 107 characters (unix(7)); Asterisk's control socket has a suffix."""


def render(
    settings: Settings,
    rules: Rules,
    operators: Collection[str],
    install: AsteriskInstall,
    earlier: Sequence[Rules] = (),
) -> tuple[Path, ...]:
    """Write everything Asterisk reads at start below IVR_STATE/asterisk and return the files that changed.

    ``operators`` are the names of operators' phones; ``earlier`` are rules that calls in progress still go
    by. Nothing of the repository is written to. Files that nothing needs any more are removed from the
    assembled directory.
    """
    check(settings, rules, operators)
    _directories(settings, install)
    parts = of_rules(settings, rules, operators, earlier, phone_password(settings))
    wanted = _hand_written() | _generated(settings) | parts
    # An Asterisk that runs may have read them.
    there = {name: text for name, text in parts.items() if (settings.etc / name).exists()}
    note_to_reload(settings, modules_to_reload(settings, there))
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


def check(settings: Settings, rules: Rules, operators: Collection[str]) -> None:
    """Whether settings, rules and operators fit together. Raises :class:`SettingsError`."""
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


def _generated(settings: Settings) -> dict[str, str]:
    """What the settings alone say."""
    return {
        f"generated/{name}.conf": text
        for name, text in {
            "pjsip-transports": generated.transports(settings),
            "pjsip-trunk": generated.trunk(settings, _trunk_password(settings)),
            "rtp": generated.rtp(settings),
            "hep": generated.sip_capture(settings),
            "manager-general": generated.manager_general(settings),
            "manager-accounts": generated.manager_accounts(
                secret(settings.secrets, "ami-engine"), secret(settings.secrets, "ami-reload")
            ),
        }.items()
    }


def phone_password(settings: Settings) -> Callable[[str], str]:
    """The SIP password of each phone, made on first use."""
    return lambda phone: secret(settings.secrets / "phones", phone)


def of_rules(
    settings: Settings,
    rules: Rules,
    operators: Collection[str],
    earlier: Sequence[Rules],
    password: Callable[[str], str],
) -> dict[str, str]:
    """What the rules say: path below Asterisk's directory → text. ``password`` gives that of a phone.

    Lines, their phones, queues and languages that only ``earlier`` rules have go on existing: plans of calls
    in progress name them. What both have is as ``rules`` say. The lifeline has a generation for each.
    """
    lines, queues, languages = dict(rules.lines), dict(rules.queues), dict(rules.languages)
    for before in reversed(earlier):
        # Asterisk takes a-1 and a1 for the same extension: what an earlier plan calls so is the newer line.
        alike = {name.replace("-", "") for name in lines}
        lines |= {name: line for name, line in before.lines.items() if name.replace("-", "") not in alike}
        queues = {**before.queues, **queues}
        languages = {**before.languages, **languages}
    agency_phones = {line.phone for line in lines.values() if line.phone is not None} - set(operators)
    phones = [
        Phone(name, template, password(name))
        for template, names in (("operator", operators), ("agency", agency_phones))
        for name in sorted(names)
    ]
    # The rules in force come first: whatever becomes of the rest of the file, they are in it.
    generations = {one.digest: (one, prompt_paths(settings, one)) for one in (rules, *reversed(earlier))}
    return {
        f"generated/{name}.conf": text
        for name, text in {
            "lifeline": generated.lifeline(
                compile_lifeline(one, prompts) for one, prompts in generations.values()
            ),
            "globals": generated.globals_conf(
                settings, first_menus(*generations[rules.digest]), rules.digest
            ),
            "lines": generated.lines(settings, lines.values()),
            "queues": generated.queues(queues.values()),
            "musiconhold": generated.music_on_hold(settings, languages),
            "pjsip-phones": generated.phones(settings, phones),
        }.items()
    }


RELOADED_BY = {
    "generated/pjsip-phones.conf": "res_pjsip.so",
    "generated/musiconhold.conf": "res_musiconhold.so",
    "generated/queues.conf": "app_queue.so",
    "generated/lines.conf": "pbx_config.so",
    "generated/lifeline.conf": "pbx_config.so",
    "generated/globals.conf": "pbx_config.so",
}
"""The files of :func:`of_rules`, and the module that reads each: phones before what names them."""


def modules_to_reload(settings: Settings, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """The modules whose files differ on disk from ``wanted``, in the order in which to reload them."""
    return tuple(
        dict.fromkeys(
            module
            for name, module in RELOADED_BY.items()
            if name in wanted and _text(settings.etc / name) != wanted[name]
        )
    )


def write_parts(settings: Settings, wanted: Mapping[str, str]) -> None:
    """Write files of :func:`of_rules`. Raises :class:`OSError`: those written so far are whole."""
    for name, text in wanted.items():
        write_atomic(settings.etc / name, text, 0o600 if name in _SECRET else 0o644)


def operators_of_last_time(settings: Settings) -> tuple[str, ...]:
    """Names of operators' phones as they were written last: nobody has to ask the database."""
    return tuple(_OPERATOR.findall(_text(settings.generated / "pjsip-phones.conf") or ""))


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


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
