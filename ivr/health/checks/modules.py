"""Is Asterisk new enough, are its modules there, and is everything that the dialplan uses in one of them?"""

import re
import subprocess
from collections.abc import Iterable

from ivr.asterisk.conf_file import read_conf
from ivr.health.checks.dialplan import PROVIDED_BY, uses
from ivr.health.checks.scene import Scene, Verdict, dialplan_files, modules_conf, some, worst
from ivr.health.status import Level
from ivr.render.install import AsteriskInstall, find_install
from ivr.settings import Settings

FLOORS = ((20, 20, 1), (21, 12, 3), (22, 10, 1), (23, 4, 1))
"""The oldest release of each branch without known holes: those of 25 June 2026, which fix CVE-2024-42365,
CVE-2025-57767 and CVE-2026-57191, too. scripts/lib/asterisk.sh has the same; a test compares them."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_LOADING = frozenset({"load", "preload", "require", "preload-require"})
_NOT_EVERYWHERE = re.compile(r"codec_(?!alaw|ulaw)|res_format_attr_|res_hep")
"""Not built by every distribution; without one a carrier that offers this codec and no other is refused,
or refused calls are not counted."""
_START_AGAIN = "mulai ulang Asterisk / restart Asterisk"


def version_of(text: str) -> tuple[int, int, int] | None:
    """``Asterisk 22.10.1+dfsg`` → ``(22, 10, 1)``. None for certified releases: they were not tried."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found and "certified" not in text else None


def new_enough(version: tuple[int, int, int]) -> bool:
    """At or above the floor of its branch; branches after the last one have the fixes from their start."""
    for floor in FLOORS:
        if version[0] == floor[0]:
            return version >= floor
    return version[0] > FLOORS[-1][0]


def check_version(scene: Scene) -> Verdict:
    """The Asterisk that scripts/setup chose, as it is now, and the one that runs."""
    install = scene.install or find_install()
    installed = version_of(_ask_version(install))
    if installed is None:
        return Level.BAD, (
            f"{install.binary} tidak menyebut versinya / does not tell its version → scripts/setup, "
            "atau sebut yang lain / or name another in IVR_ASTERISK"
        )
    versions = {"terpasang / installed": installed}
    if scene.asterisk and (running := version_of(scene.asterisk.version)):
        versions["berjalan / running"] = running
    known = ", ".join(f"{_shown(version)} {where}" for where, version in versions.items())
    if not all(map(new_enough, versions.values())):
        floors = ", ".join(map(_shown, FLOORS))
        return Level.BAD, (
            f"{known}: ada celah keamanan / known security holes; paling lama / at least one of {floors} → "
            f"perbarui, scripts/setup / update, scripts/setup; {_START_AGAIN}"
        )
    if len(set(versions.values())) > 1:
        return Level.WARN, f"{known} → {_START_AGAIN}"
    return Level.OK, known


def _ask_version(install: AsteriskInstall) -> str:
    try:
        return subprocess.run(
            [install.binary, "-V"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _shown(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def listed_modules(settings: Settings) -> list[str]:
    """The modules that modules.conf loads: ``app_queue.so``, …"""
    said = read_conf(modules_conf(settings))
    return list(dict.fromkeys(item.value for item in said if item.name in _LOADING))


def check_modules(scene: Scene) -> Verdict:
    """Every module of modules.conf is in the directory and, if Asterisk runs, loaded."""
    install = scene.install or find_install()
    listed = listed_modules(scene.settings)
    if not install.modules.is_dir():
        return Level.BAD, f"{install.modules}: tidak ada / is missing → scripts/setup"
    problems: list[Verdict] = []
    absent = [name for name in listed if not (install.modules / name).is_file()]
    for level, names in _by_weight(absent):
        problems.append(
            (
                level,
                f"tidak ada di / not in {install.modules}: {some(names)} → pasang / install, scripts/setup",
            )
        )
    idle = (scene.asterisk and scene.asterisk.not_loaded) or frozenset()
    for level, names in _by_weight(name for name in listed if name in idle and name not in absent):
        problems.append(
            (level, f"tidak dimuat / not loaded: {some(names)} → lihat / see log/messages; {_START_AGAIN}")
        )
    return worst(problems, f"{len(listed)} modul / modules")


def _by_weight(names: Iterable[str]) -> list[tuple[Level, list[str]]]:
    found = sorted(names)
    needed = [name for name in found if not _NOT_EVERYWHERE.match(name)]
    others = [name for name in found if _NOT_EVERYWHERE.match(name)]
    return [(level, some) for level, some in ((Level.BAD, needed), (Level.WARN, others)) if some]


def check_dialplan(scene: Scene) -> Verdict:
    """An application that is not there ends the call that meets it: everything used must be provided."""
    files = dialplan_files(scene.settings)
    used = sorted(set().union(*(uses(path.read_text()) for path in files)))
    loaded = {name.removesuffix(".so") for name in listed_modules(scene.settings)}
    lost = [
        f"{name} ({PROVIDED_BY[name]})" for name in used if PROVIDED_BY.get(name) not in {None, "", *loaded}
    ]
    unknown = [name for name in used if name not in PROVIDED_BY]
    problems: list[Verdict] = []
    if lost:
        problems.append(
            (Level.BAD, f"tanpa modul / without a module: {some(lost)} → tambahkan ke / add to modules.conf")
        )
    if unknown:
        problems.append(
            (
                Level.WARN,
                f"modulnya tidak dikenal / module not known: {some(unknown)} → periksa / check modules.conf",
            )
        )
    return worst(
        problems, f"{len(files)} berkas / files, {len(used)} aplikasi dan fungsi / applications and functions"
    )
