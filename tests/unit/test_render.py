"""Asterisk's runtime directory is assembled whole, safely and without touching the repository."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.errors import SettingsError
from ivr.intake.numbers import dialled_forms
from ivr.render import generated
from ivr.render.etc import of_rules, render
from ivr.render.files import secret, write_atomic
from ivr.render.install import AsteriskInstall, find_install
from ivr.render.reload_note import to_reload
from ivr.routing.loader import load, load_file
from ivr.routing.rules import Rules
from ivr.settings import Settings
from ivr.vocabulary import FIRST_MENU

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_file(REPOSITORY / "routing.yaml")


@pytest.fixture
def install(tmp_path: Path) -> AsteriskInstall:
    return AsteriskInstall(
        tmp_path / "bin" / "asterisk",
        tmp_path / "modules",
        tmp_path / "data",
        tmp_path / "varlib",
        "22.10.1",
    )


def settings(state: Path, **more: object) -> Settings:
    return Settings(state=state, routing=REPOSITORY / "routing.yaml", **more)


def text(where: Settings, name: str) -> str:
    return (where.etc / name).read_text()


def test_everything_is_written_once_and_nothing_the_second_time(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    where = settings(tmp_path / "state")
    first = render(where, rules, ["op1"], install)
    assert {path.name for path in first} >= {
        "asterisk.conf",
        "extensions.conf",
        "queue.conf",
        "pjsip-phones.conf",
    }
    assert render(where, rules, ["op1"], install) == ()


def test_an_asterisk_that_may_have_read_what_changes_is_to_reload_it(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    """Not the first time: no Asterisk can run on files that were not there."""
    where = settings(tmp_path / "state")
    render(where, rules, ["op1"], install)
    assert to_reload(where) == ()
    now = load(
        (REPOSITORY / "routing.yaml").read_text().replace("damkar-1 15s", "damkar-1 16s"), "routing.yaml"
    )
    render(where, now, ["op1"], install)
    assert to_reload(where) == ("pbx_config.so",)
    render(where, now, ["op1", "op2"], install)
    assert to_reload(where) == ("pbx_config.so", "res_pjsip.so")


def test_what_nothing_needs_any_more_is_removed(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    where = settings(tmp_path / "state")
    render(where, rules, [], install)
    stale = where.generated / "old.conf"
    stale.write_text("[old]\n")
    assert render(where, rules, [], install) == (stale,)
    assert not stale.exists()


def test_only_numbers_and_phones_of_routing_yaml_can_be_dialled(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    where = settings(tmp_path / "state")
    render(where, rules, ["op1"], install)
    dialled = {
        line.partition("LINE_DIAL=")[2].rstrip(")")
        for line in text(where, "generated/lines.conf").splitlines()
        if "LINE_DIAL=" in line
    }
    assert dialled == {f"PJSIP/{line.phone}" for line in rules.lines.values()}
    assert "PJSIP/op1" not in dialled


def test_a_number_is_rung_at_the_carrier(tmp_path: Path, rules: Rules, install: AsteriskInstall) -> None:
    where = settings(tmp_path / "state", trunk_server="sip.carrier.example:5080", trunk_transport="tcp")
    hand_set = replace(rules.lines["damkar-1"], phone=None, number="+62911*7#")
    render(where, replace(rules, lines={**rules.lines, "damkar-1": hand_set}), [], install)
    uri = r"sip:+62911*7%23@sip.carrier.example:5080\;transport=tcp"
    assert f"damkar-1,1,Set(LINE_DIAL=PJSIP/trunk/{uri})\n" in text(where, "generated/lines.conf")


def test_secrets_are_readable_by_their_owner_only_and_stay(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    where = settings(tmp_path / "state")
    render(where, rules, ["op1"], install)
    for path in [*where.secrets.rglob("*"), where.generated / "pjsip-phones.conf"]:
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    before = secret(where.secrets, "ami-engine")
    assert len(before) == 32
    assert secret(where.secrets, "ami-engine") == before


def test_trunk_by_registration_names_server_user_and_password(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    password = tmp_path / "password"
    password.write_text("hush\n")
    where = settings(
        tmp_path / "state",
        trunk_server="sip.carrier.example:5080",
        trunk_transport="tcp",
        trunk_username="city112",
        trunk_password_file=password,
    )
    render(where, rules, [], install)
    trunk = text(where, "generated/pjsip-trunk.conf")
    assert "server_uri=sip:sip.carrier.example:5080\\;transport=tcp" in trunk
    assert "password=hush" in trunk
    assert "protocol=tcp" in text(where, "generated/pjsip-transports.conf")


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ({"trunk_address": "127.0.0.1"}, "IVR_TRUNK_ADDRESS or IVR_TRUNK_PORT"),
        ({"rtp_start": 12000, "rtp_end": 11000}, "IVR_RTP_END must be greater"),
        ({"trunk_transport": "tls"}, "IVR_TRUNK_CERTIFICATE and IVR_TRUNK_KEY"),
        ({"trunk_username": "x"}, "IVR_TRUNK_PASSWORD_FILE"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_remedy(
    tmp_path: Path, rules: Rules, install: AsteriskInstall, more: dict[str, object], remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy):
        render(settings(tmp_path / "state", **more), rules, [], install)


@pytest.mark.parametrize("name", ["a;b", "a,b", "a&b", "${x}"])
def test_a_state_directory_that_asterisk_would_misread_is_refused(
    tmp_path: Path, rules: Rules, install: AsteriskInstall, name: str
) -> None:
    with pytest.raises(SettingsError, match="choose a directory without it"):
        render(settings(tmp_path / name), rules, [], install)


def test_a_state_directory_too_long_for_a_socket_is_refused(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    with pytest.raises(SettingsError, match="too long a path"):
        render(settings(tmp_path / ("x" * 90)), rules, [], install)


def test_a_phone_cannot_be_an_operators_and_an_agencys(
    tmp_path: Path, rules: Rules, install: AsteriskInstall
) -> None:
    with pytest.raises(SettingsError, match="damkar-1: both"):
        render(settings(tmp_path / "state"), rules, ["damkar-1"], install)


def test_other_queues_take_the_template_that_fits(rules: Rules) -> None:
    written = generated.queues(rules.queues.values())
    assert "[information](keep-free)" in written
    assert "[supervisors](together)" in written
    assert "[emergency]" not in written


def test_a_line_that_only_lost_its_hyphen_is_the_new_one_for_earlier_plans_too(
    tmp_path: Path, rules: Rules
) -> None:
    """To Asterisk damkar-1 and damkar1 are one extension, and the first of two in the file would count."""
    text = (REPOSITORY / "routing.yaml").read_text()
    now = load(text.replace("damkar-1 15s", "damkar1 15s"), "routing.yaml")
    parts = of_rules(settings(tmp_path), now, [], [rules], lambda phone: "x")
    lines = parts["generated/lines.conf"]
    assert "exten => damkar1,1,Set(LINE_DIAL=PJSIP/damkar1)" in lines
    assert "damkar-1" not in lines


def test_the_lifeline_has_a_generation_for_the_rules_in_force_and_each_before(
    tmp_path: Path, rules: Rules
) -> None:
    text = (REPOSITORY / "routing.yaml").read_text()
    now = load(text.replace("damkar-1 15s", "damkar-1 16s"), "routing.yaml")
    parts = of_rules(settings(tmp_path), now, [], [rules], lambda phone: "x")
    globals_ = parts["generated/globals.conf"].splitlines()
    assert globals_[-1] == f"IVR_LIFELINE={now.digest}", "cut off, the file leaves no first menu that counts"
    menus = dict(line.split("=") for line in globals_ if line.startswith(FIRST_MENU))
    assert set(menus) == {f"{FIRST_MENU}{form}" for form in dialled_forms("0911")}
    assert menus[f"{FIRST_MENU}112"].endswith(f"|112|number|{now.digest}|end")
    assert menus[f"{FIRST_MENU}113"] == "", "empty, but there: Asterisk would keep an older one"
    lifeline = parts["generated/lifeline.conf"]
    assert lifeline.index(f"[lifeline-{now.digest}-whole]") < lifeline.index(f"[lifeline-{rules.digest}]")
    assert f"[lifeline-{rules.digest}-whole]" in lifeline
    assert list(parts).index("generated/lifeline.conf") < list(parts).index("generated/globals.conf")


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_set_up_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_TOOLS", str(tmp_path))
    with pytest.raises(SettingsError, match="run scripts/setup first"):
        find_install()
    (tmp_path / "asterisk.env").write_text("ASTERISK_BIN=/x\n")
    with pytest.raises(SettingsError, match="lacks ASTERISK_MODULES"):
        find_install()
