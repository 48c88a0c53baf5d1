"""The doctor looks at ports, host name, clock, disk and limits, and names the remedy for each fault."""

import os
import resource
import socket
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from ipaddress import ip_address
from pathlib import Path

import pytest

from ivr.health.checks import machine, ports
from ivr.health.checks.scene import Asterisk, Engine, Scene
from ivr.health.status import Level
from ivr.settings import Settings

LOOPBACK = "127.0.0.1"
UP = Asterisk(rights={"engine": frozenset()}, refused={})


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    trunk, phones, agi, ami, health, capture = free_ports(6)
    settings = Settings(
        state=tmp_path,
        trunk_port=trunk,
        phones_port=phones,
        agi_port=agi,
        ami_port=ami,
        health_port=health,
        capture_port=capture,
        rtp_start=2000,
        rtp_end=2100,
    )
    return Scene(settings, None, None, None, None, None)


def with_settings(scene: Scene, **changes: object) -> Scene:
    return replace(scene, settings=scene.settings.model_copy(update=changes))


@contextmanager
def held(port: int, kind: int = socket.SOCK_STREAM) -> Iterator[None]:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind((LOOPBACK, port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield


def test_free_ports_are_well_while_nothing_runs(scene: Scene) -> None:
    level, text = ports.check_ports(scene)
    assert level is Level.OK, text


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("phones_port", socket.SOCK_STREAM),
        ("phones_port", socket.SOCK_DGRAM),
        ("ami_port", socket.SOCK_STREAM),
        ("agi_port", socket.SOCK_STREAM),
        ("health_port", socket.SOCK_STREAM),
        ("capture_port", socket.SOCK_DGRAM),
    ],
)
def test_a_port_that_another_program_holds_is_named_with_its_holder(
    scene: Scene, setting: str, kind: int
) -> None:
    port = getattr(scene.settings, setting)
    with held(port, kind):
        level, text = ports.check_ports(scene)
    assert level is Level.BAD
    assert f"IVR_{setting.upper()} {LOOPBACK}:{port}" in text
    assert f"({os.getpid()})" in text


def test_ports_held_by_our_own_engine_are_well(scene: Scene) -> None:
    running = replace(scene, engine=Engine({}))
    settings = scene.settings
    capture = held(settings.capture_port, socket.SOCK_DGRAM)
    with held(settings.agi_port), held(settings.health_port), capture:
        level, text = ports.check_ports(running)
    assert level is Level.OK, text


def test_an_engine_or_asterisk_that_runs_and_does_not_listen_is_bad(scene: Scene) -> None:
    level, text = ports.check_ports(replace(scene, asterisk=UP))
    assert level is Level.BAD
    assert "IVR_TRUNK_PORT" in text
    assert "IVR_AGI_PORT" not in text


def test_a_port_held_by_a_process_that_is_not_our_asterisk_is_bad(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(Scene, "asterisk_process", lambda _: os.getpid() + 1)
    with held(scene.settings.ami_port):
        level, text = ports.check_ports(replace(scene, asterisk=UP))
    assert level is Level.BAD
    assert f"IVR_AMI_PORT {LOOPBACK}:{scene.settings.ami_port}/tcp: dipakai" in text


def test_an_address_of_another_machine_is_bad(scene: Scene) -> None:
    level, text = ports.check_ports(with_settings(scene, trunk_address=ip_address("192.0.2.1")))
    assert level is Level.BAD
    assert "not an address of this machine" in text


def test_two_settings_with_one_port_are_bad(scene: Scene) -> None:
    level, text = ports.check_ports(with_settings(scene, agi_port=scene.settings.ami_port))
    assert level is Level.BAD
    assert "IVR_AMI_PORT" in text
    assert "IVR_AGI_PORT" in text


def test_a_sip_port_among_those_for_audio_is_bad(scene: Scene) -> None:
    port = scene.settings.phones_port
    level, text = ports.check_ports(with_settings(scene, rtp_start=port - 1, rtp_end=port + 1))
    assert level is Level.BAD
    assert "IVR_RTP_START" in text


def test_a_host_name_that_does_not_resolve_is_bad(scene: Scene, monkeypatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "gethostname", lambda: "siaga-baru")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    level, text = machine.check_host_name(scene)
    assert level is Level.BAD
    assert "/etc/hosts: 127.0.1.1 siaga-baru" in text


def test_a_host_name_that_takes_too_long_is_bad(scene: Scene, monkeypatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(machine, "NAME_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: never.wait())
    level, text = machine.check_host_name(scene)
    never.set()
    assert level is Level.BAD
    assert "/etc/hosts" in text


def test_a_host_name_that_resolves_is_well(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    level, text = machine.check_host_name(scene)
    assert level is Level.OK, text


class _Before:
    @staticmethod
    def now(zone: tzinfo) -> datetime:
        return datetime(1970, 1, 1, 0, 3, tzinfo=zone)


def test_a_clock_that_was_never_set_is_bad(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(machine, "datetime", _Before)
    level, text = machine.check_clock(scene)
    assert level is Level.BAD
    assert "1970-01-01" in text


@pytest.mark.parametrize(("synchronised", "expected"), [(True, "ok"), (False, "warn"), (None, "ok")])
def test_a_clock_that_nobody_sets_is_a_warning(
    scene: Scene, monkeypatch, synchronised: bool | None, expected: str
) -> None:
    monkeypatch.setattr(machine, "clock_is_synchronised", lambda: synchronised)
    assert machine.check_clock(scene)[0] == expected


def test_the_kernel_can_be_asked_about_its_clock() -> None:
    assert machine.clock_is_synchronised() in {True, False, None}


Room = namedtuple("Room", "f_bavail f_frsize f_files f_favail")


@pytest.mark.parametrize(
    ("megabytes", "files", "inodes", "expected"),
    [
        (6000, 10**6, 10**6, Level.OK),
        (4999, 10**6, 10**6, Level.WARN),
        (499, 10**6, 10**6, Level.BAD),
        (0, 10**6, 10**6, Level.BAD),
        (6000, 10**6, 49_999, Level.WARN),
        (6000, 10**6, 999, Level.BAD),
        (6000, 0, 0, Level.OK),
    ],
)
def test_a_disk_that_fills_is_told_in_time(
    scene: Scene, monkeypatch, megabytes: int, files: int, inodes: int, expected: Level
) -> None:
    monkeypatch.setattr(machine.os, "statvfs", lambda _: Room(megabytes * 1000, 1000, files, inodes))
    assert machine.check_disk(scene)[0] is expected


def test_the_disk_is_looked_at_before_the_state_directory_exists(scene: Scene) -> None:
    level, text = machine.check_disk(with_settings(scene, state=scene.settings.root / "not" / "yet"))
    assert "GB" in text or level is not Level.OK


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 1024, Level.WARN),
        (1024, 65536, Level.OK),
        (4096, 4096, Level.OK),
        (1024, resource.RLIM_INFINITY, Level.OK),
    ],
)
def test_too_few_file_handles_are_a_warning(
    scene: Scene, monkeypatch, soft: int, hard: int, expected: Level
) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (soft, hard))
    assert machine.check_file_handles(scene)[0] is expected
