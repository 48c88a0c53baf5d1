"""Is every port of the settings free, or held by our own Asterisk and engine?"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import combinations
from pathlib import Path

from ivr.health.checks.scene import Scene, Verdict, worst
from ivr.health.status import Level
from ivr.settings import Settings

_LOOPBACK = ip_address("127.0.0.1")
_LISTEN = "0A"
_OTHER = "pilih yang lain / choose another"


@dataclass(frozen=True, slots=True)
class Use:
    """One port of the settings. ``owner``: ``Asterisk`` or ``engine``."""

    setting: str
    kind: str
    """``tcp`` or ``udp``."""
    address: IPv4Address | IPv6Address
    port: int
    owner: str

    def __str__(self) -> str:
        return f"{self.setting} {self.address}:{self.port}/{self.kind}"


def uses(settings: Settings) -> tuple[Use, ...]:
    """Every port but those for audio, which calls take as they come."""
    trunk = "udp" if settings.trunk_transport == "udp" else "tcp"
    return (
        Use("IVR_TRUNK_PORT", trunk, settings.trunk_address, settings.trunk_port, "Asterisk"),
        Use("IVR_PHONES_PORT", "udp", settings.phones_address, settings.phones_port, "Asterisk"),
        Use("IVR_PHONES_PORT", "tcp", settings.phones_address, settings.phones_port, "Asterisk"),
        Use("IVR_AMI_PORT", "tcp", _LOOPBACK, settings.ami_port, "Asterisk"),
        Use("IVR_AGI_PORT", "tcp", _LOOPBACK, settings.agi_port, "engine"),
        Use("IVR_HEALTH_PORT", "tcp", _LOOPBACK, settings.health_port, "engine"),
        Use("IVR_CAPTURE_PORT", "udp", _LOOPBACK, settings.capture_port, "engine"),
    )


def check_ports(scene: Scene) -> Verdict:
    """Ports are tried by binding them for a moment; nobody is connected to."""
    settings = scene.settings
    wanted = uses(settings)
    pid = scene.asterisk_process()
    runs = {
        "Asterisk": bool((scene.asterisk and scene.asterisk.rights) or pid),
        "engine": scene.engine is not None,
    }
    problems = [*_clashes(wanted), *_audio(settings, wanted)]
    for use in wanted:
        problems += _problem(use, runs[use.owner], pid if use.owner == "Asterisk" else None)
    legs = (settings.rtp_end - settings.rtp_start + 1) // 2
    return worst(
        problems, f"{len(wanted)} port bebas atau milik kita / free or ours; audio: {legs} saluran / legs"
    )


def _problem(use: Use, owner_runs: bool, pid: int | None) -> Iterator[Verdict]:
    """What is wrong with this port, if anything. ``pid`` is its owner's, when that is known."""
    code = _bind(use)
    if code == errno.EADDRINUSE:
        holders = _holders(use)
        if owner_runs and (pid is None or not holders or pid in holders):
            return
        who = ", ".join(f"{name} ({holder})" for holder, name in holders.items())
        text = f"dipakai / held by {who or 'program lain / another program'} → hentikan / end it, {_OTHER}"
    elif code == errno.EADDRNOTAVAIL:
        text = "bukan alamat mesin ini / not an address of this machine → lihat / see: ip address"
    elif code == errno.EACCES:
        text = "tidak diizinkan / not permitted → port ≥ 1024, atau / or CAP_NET_BIND_SERVICE"
    elif code:
        text = f"{os.strerror(code)} → {_OTHER}"
    elif owner_runs:
        text = (
            f"{use.owner} berjalan tetapi tidak mendengarkan / runs but does not listen here → lihat lognya, "
            "ivr render, mulai ulang / see its log, ivr render, restart it"
        )
    else:
        return
    yield Level.BAD, f"{use}: {text}"


def _bind(use: Use) -> int:
    """0, or the errno with which the port cannot be had."""
    family = socket.AF_INET6 if use.address.version == 6 else socket.AF_INET
    kind = socket.SOCK_STREAM if use.kind == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as probe:
            if use.kind == "tcp":
                # Connections that ended a minute ago hold nothing.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((str(use.address), use.port))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _clashes(wanted: tuple[Use, ...]) -> Iterator[Verdict]:
    for one, other in combinations(wanted, 2):
        if (one.kind, one.port, one.address.version) == (other.kind, other.port, other.address.version) and (
            one.address == other.address or one.address.is_unspecified or other.address.is_unspecified
        ):
            yield Level.BAD, f"{one} = {other} → pilih port lain / choose another port"


def _audio(settings: Settings, wanted: tuple[Use, ...]) -> Iterator[Verdict]:
    if settings.rtp_end <= settings.rtp_start:
        yield Level.BAD, "IVR_RTP_END ≤ IVR_RTP_START → lebih besar / a greater one"
    for use in wanted:
        if use.kind == "udp" and settings.rtp_start <= use.port <= settings.rtp_end:
            yield (
                Level.BAD,
                f"{use}: di dalam / inside IVR_RTP_START–IVR_RTP_END → pilih port lain / choose another port",
            )


def _holders(use: Use) -> dict[int, str]:
    """Processes that have this port, with their names: those that we may look into (our own user's)."""
    inodes = {
        f"socket:[{inode}]"
        for table in (use.kind, f"{use.kind}6")
        for inode in _inodes(Path(f"/proc/net/{table}"), use.port, use.kind)
    }
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(handle) in inodes for handle in (process / "fd").iterdir()):
                found[int(process.name)] = (process / "comm").read_text().strip()
    return found


def _inodes(table: Path, port: int, kind: str) -> Iterator[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        # proc_net(5): sl, local address, remote address, state, …, inode
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and (kind == "udp" or fields[3] == _LISTEN):
            yield fields[9]
