"""`ivr doctor` on a whole installation: well when it is well, and a line with a remedy for each fault."""

import io
import re
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import select, text

from ivr.health import doctor
from ivr.health.checks import machine
from ivr.health.checks.modules import listed_modules
from ivr.health.doctor import CHECKS, examine, show_findings
from ivr.health.status import Level, Part
from ivr.prepare import prepare
from ivr.render.install import repository
from ivr.settings import Settings
from ivr.store.engine import create_engine
from ivr.store.tables import callers

RATHER_OTHERS = {"disk", "clock", "host-name", "file-handles"}
"""Parts that depend on the machine of the test; they have tests of their own."""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts, which take a second to speak; each test has a copy."""
    return tmp_path_factory.mktemp("p") / "prompts"


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Path:
    """What scripts/setup would have left: an Asterisk that can only tell its version, and its modules."""
    tools = tmp_path_factory.mktemp("t")
    (tools / "modules").mkdir()
    for module in listed_modules(Settings(state=tools)):
        (tools / "modules" / module).touch()
    (tools / "asterisk").write_text("#!/bin/sh\necho Asterisk 22.10.1+dfsg\n")
    (tools / "asterisk").chmod(0o755)
    (tools / "asterisk.env").write_text(
        f"# key\nASTERISK_BIN={tools}/asterisk\nASTERISK_VERSION=22.10.1\nASTERISK_MODULES={tools}/modules\n"
        f"ASTERISK_DATA={tools}\nASTERISK_VARLIB={tools}/none\n"
    )
    monkeypatch.setenv("IVR_TOOLS", str(tools))
    return tools


@pytest.fixture
async def settings(tmp_path_factory: pytest.TempPathFactory, spoken: Path, tools: Path) -> Settings:
    """An installation as `ivr render` leaves it; neither Asterisk nor the engine runs."""
    home = tmp_path_factory.mktemp("d")
    shutil.copy(repository() / "routing.yaml", home / "routing.yaml")
    _copy_prompts(spoken, home / "var" / "prompts")
    sockets = [socket.socket() for _ in range(6)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    trunk, phones, agi, ami, health, capture = (each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    settings = Settings(
        state=home / "var",
        routing=home / "routing.yaml",
        trunk_port=trunk,
        phones_port=phones,
        agi_port=agi,
        ami_port=ami,
        health_port=health,
        capture_port=capture,
        rtp_start=2000,
        rtp_end=2100,
    )
    prepared = await prepare(settings)
    assert prepared.warnings == ()
    _copy_prompts(settings.prompts, spoken)
    return settings


def _copy_prompts(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        shutil.copytree(source, target, symlinks=True)


async def findings(settings: Settings) -> dict[str, Part]:
    return {part.name: part for part in await examine(settings)}


async def test_an_installation_that_is_well_has_no_fault(settings: Settings) -> None:
    found = await findings(settings)
    assert set(found) == {*CHECKS, "database"}
    unwell = {name for name, part in found.items() if part.level is not Level.OK} - RATHER_OTHERS
    # Nothing runs, and the doctor says so.
    assert unwell == {"ami", "engine"}, [found[name].text for name in unwell]


async def test_nothing_is_changed_on_disk(settings: Settings) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {
            path: (path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in settings.root.rglob("*")
            # A database that is opened keeps its own books.
            if not path.name.startswith("siaga112.sqlite3")
        }

    before = state()
    await examine(settings)
    assert {path for path, _ in state().items() ^ before.items()} <= {settings.root}
    engine = create_engine(settings.database)
    async with engine.connect() as connection:
        assert (await connection.execute(select(callers))).all() == []
    await engine.dispose()


async def test_before_the_first_render_the_remedy_is_to_render(tmp_path: Path, tools: Path) -> None:
    settings = Settings(state=tmp_path / "var", routing=repository() / "routing.yaml")
    found = await findings(settings)
    for name in ("configuration", "prompts", "secrets", "event-log", "database"):
        assert found[name].level is not Level.OK, name
        assert "ivr render" in found[name].text, name
    assert not settings.root.exists()


async def test_before_the_set_up_the_remedy_is_to_set_up(settings: Settings, tools: Path) -> None:
    (tools / "asterisk.env").unlink()
    found = await findings(settings)
    for name in ("asterisk", "modules"):
        assert found[name].level is Level.BAD
        assert "scripts/setup" in found[name].text


def _remove(path: Callable[[Settings, Path], Path]) -> Callable[[Settings, Path], object]:
    return lambda settings, tools: path(settings, tools).unlink()


def _break_routing(settings: Settings, _: Path) -> None:
    settings.routing.write_text("city: [")


def _lose_routing(settings: Settings, tools: Path) -> None:
    _break_routing(settings, tools)
    shutil.rmtree(settings.routing_state)


def _old_rtp(settings: Settings, _: Path) -> None:
    (settings.generated / "rtp.conf").write_text("rtpstart=1\n")


def _old_rules(settings: Settings, _: Path) -> None:
    rules = settings.routing.read_text().replace("piket-112 30s accept=answer", "piket-112 30s")
    settings.routing.write_text(rules)


def _cut_globals(settings: Settings, _: Path) -> None:
    path = settings.generated / "globals.conf"
    path.write_text(re.sub(r"IVR_LIFELINE=(\w{4})\w*", r"IVR_LIFELINE=\1", path.read_text()))


def _cut_lifeline(settings: Settings, _: Path) -> None:
    path = settings.generated / "lifeline.conf"
    path.write_text(path.read_text()[:5000])


def _open_secret(settings: Settings, _: Path) -> None:
    (settings.secrets / "ami-engine").chmod(0o644)


def _drop_module(settings: Settings, _: Path) -> None:
    path = settings.etc / "modules.conf"
    path.write_text(path.read_text().replace("load=app_exec.so", ";load=app_exec.so"))


def _old_asterisk(_: Settings, tools: Path) -> None:
    (tools / "asterisk").write_text("#!/bin/sh\necho Asterisk 20.6.0\n")


def _no_prompts(settings: Settings, _: Path) -> None:
    for path in (settings.prompts / "id").glob("menu-main*"):
        path.unlink()


def _no_hold(settings: Settings, _: Path) -> None:
    (settings.prompts / "hold" / "id" / "1-message.wav").write_bytes(b"")


def _no_event_log(settings: Settings, _: Path) -> None:
    (settings.root / "asterisk" / "log" / "cel-custom").rmdir()


def _no_database(settings: Settings, _: Path) -> None:
    (settings.root / "siaga112.sqlite3").write_bytes(b"this is no database, it is a text of some length" * 99)


@pytest.mark.parametrize(
    ("breaks", "name", "level", "words"),
    [
        (_old_asterisk, "asterisk", Level.BAD, "20.6.0"),
        (_remove(lambda _, tools: tools / "asterisk"), "asterisk", Level.BAD, "scripts/setup"),
        (_remove(lambda _, tools: tools / "modules" / "app_exec.so"), "modules", Level.BAD, "app_exec.so"),
        (_remove(lambda _, tools: tools / "modules" / "codec_amr.so"), "modules", Level.WARN, "codec_amr.so"),
        (lambda _, tools: shutil.rmtree(tools / "modules"), "modules", Level.BAD, "scripts/setup"),
        (_drop_module, "dialplan", Level.BAD, "ExecIf (app_exec)"),
        (
            _remove(lambda settings, _: settings.generated / "lines.conf"),
            "configuration",
            Level.BAD,
            "generated/lines.conf",
        ),
        (
            _remove(lambda settings, _: settings.etc / "dialplan" / "queue.conf"),
            "configuration",
            Level.BAD,
            "dialplan/queue.conf",
        ),
        (_cut_globals, "configuration", Level.BAD, "IVR_LIFELINE"),
        (_cut_lifeline, "configuration", Level.BAD, "lifeline.conf"),
        (_old_rtp, "configuration", Level.WARN, "generated/rtp.conf"),
        (_old_rules, "configuration", Level.WARN, "generated/lines.conf"),
        (_break_routing, "routing", Level.WARN, "routing.yaml:1:"),
        (_lose_routing, "routing", Level.BAD, "ivr check"),
        (_open_secret, "secrets", Level.BAD, "chmod 600"),
        (_no_prompts, "prompts", Level.BAD, "id/menu-main"),
        (_no_hold, "prompts", Level.BAD, "hold/id/1-message"),
        (_no_event_log, "event-log", Level.BAD, "ivr render"),
        (_no_database, "database", Level.BAD, "IVR_DATABASE_URL"),
    ],
)
async def test_a_fault_is_found_and_its_remedy_named(
    settings: Settings,
    tools: Path,
    breaks: Callable[[Settings, Path], object],
    name: str,
    level: Level,
    words: str,
) -> None:
    breaks(settings, tools)
    part = (await findings(settings))[name]
    assert part.level is level, part.text
    assert words in part.text
    assert "→" in part.text or "scripts/setup" in part.text


@pytest.mark.parametrize(
    ("revision", "level", "words"), [("9999", Level.BAD, "newer"), (None, Level.WARN, "ivr render")]
)
async def test_a_database_of_another_release_is_told(
    settings: Settings, revision: str | None, level: Level, words: str
) -> None:
    engine = create_engine(settings.database)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
        if revision:
            await connection.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
    await engine.dispose()
    part = (await findings(settings))["database"]
    assert part.level is level
    assert words in part.text


async def test_a_database_that_somebody_holds_is_bad(settings: Settings) -> None:
    engine = create_engine(settings.database)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        part = (await findings(settings))["database"]
    await engine.dispose()
    assert part.level is Level.BAD
    assert "cannot be written" in part.text


async def test_the_password_of_the_database_is_never_shown(settings: Settings) -> None:
    for url in ("postgresql+asyncpg://ivr:s3cret@127.0.0.1:1/x", "nonsense s3cret"):
        part = (await findings(settings.model_copy(update={"database_url": url})))["database"]
        assert part.level is Level.BAD
        assert "s3cret" not in part.text


async def test_no_secret_is_shown_whatever_is_broken(settings: Settings) -> None:
    secrets = {path.read_text().strip() for path in settings.secrets.rglob("*") if path.is_file()}
    (settings.secrets / "ami-engine").chmod(0o644)
    (settings.generated / "manager-accounts.conf").write_text("; other\n")
    shown = "\n".join(part.text for part in await examine(settings))
    assert secrets
    assert not any(secret in shown for secret in secrets)


async def test_a_missing_time_zone_is_a_warning(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(machine, "ZONES", tmp_path)
    part = (await findings(settings))["time-zone"]
    assert part.level is Level.WARN
    assert "tzdata" in part.text


async def test_a_check_that_fails_or_hangs_is_a_line_and_stops_no_other(
    settings: Settings, monkeypatch
) -> None:
    never = threading.Event()

    def fails(_: object) -> None:
        raise ValueError("with s3cret in it")

    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(
        doctor, "CHECKS", {"fails": fails, "hangs": lambda _: never.wait(), "disk": CHECKS["disk"]}
    )
    found = await findings(settings)
    never.set()
    assert found["fails"].level is found["hangs"].level is Level.BAD
    assert "ValueError" in found["fails"].text
    assert "s3cret" not in found["fails"].text
    assert "GB" in found["disk"].text or "MB" in found["disk"].text


@pytest.mark.parametrize(
    ("level", "mark", "well"), [(Level.OK, "✓", True), (Level.WARN, "!", True), (Level.BAD, "✗", False)]
)
def test_each_finding_is_one_line_with_a_mark(level: Level, mark: str, well: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, width=40, highlight=False)
    words = "salah [red] / wrong " + "word " * 30
    assert show_findings((Part("disk", Level.OK, "ok"), Part("ami", level, words)), console) is well
    lines = output.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{mark} ami ")
    assert "[red]" in lines[1]


def test_the_page_names_every_check() -> None:
    page = (repository() / "docs" / "doctor.md").read_text()
    for name in (*CHECKS, "database"):
        assert f"| `{name}` |" in page
