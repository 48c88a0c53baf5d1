"""The deployment settings: each one documented, each wrong one refused with its name."""

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ivr.errors import SettingsError
from ivr.render.install import repository
from ivr.settings import Settings, load_settings

PAGE = (repository() / "docs" / "settings.md").read_text()


def row(name: str, field: FieldInfo) -> str:
    """The line of docs/settings.md for one setting."""
    assert field.default is not PydanticUndefined, f"{name}: an installation starts without settings"
    value = f"{field.default:g}" if isinstance(field.default, float) else field.default
    default = "(none)" if value in (None, "") else f"`{value}`"
    description = (field.description or "").replace("<", "\\<")
    return f"| `IVR_{name.upper()}` | {default} | {description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert row(name, field) in PAGE.splitlines()


def test_the_page_names_no_setting_that_does_not_exist() -> None:
    named = set(re.findall(r"^\| `(IVR_\w+)` \|", PAGE, re.MULTILINE))
    assert named - {f"IVR_{name.upper()}" for name in Settings.model_fields} == of_the_scripts()


def of_the_scripts() -> set[str]:
    """What scripts/ takes from the environment beside the settings: ``${IVR_X:-…}``."""
    files = [
        path
        for path in (repository() / "scripts").rglob("*")
        if path.suffix in {"", ".sh"} and path.is_file()
    ]
    found = {name for path in files for name in re.findall(r"\$\{(IVR_[A-Z_]+):-", path.read_text())}
    return found - {f"IVR_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"IVR_{name.upper()}", raising=False)


def test_an_installation_needs_no_setting() -> None:
    settings = load_settings()
    assert settings.root == Path("var").absolute()
    assert settings.database == f"sqlite+aiosqlite:///{settings.root}/siaga112.sqlite3"


def test_everything_listens_on_loopback_until_somebody_decides_otherwise() -> None:
    settings = load_settings()
    assert settings.trunk_address.is_loopback
    assert settings.phones_address.is_loopback
    assert settings.trunk_address != settings.phones_address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IVR_AGI_PORT", "seventy"),
        ("IVR_AGI_PORT", "0"),
        ("IVR_AMI_PORT", "65536"),
        ("IVR_TRUNK_ADDRESS", "carrier.example"),
        ("IVR_PHONES_ADDRESS", "127.0.0"),
        ("IVR_TRUNK_TRANSPORT", "sctp"),
        ("IVR_STEP_SECONDS", "0"),
        ("IVR_BUDGET_SECONDS", "31"),
        ("IVR_ENGINE_CALLS", "0"),
        ("IVR_DRAIN_SECONDS", "-1"),
        ("IVR_LOG_LEVEL", "loud"),
        ("IVR_RTP_START", "1000"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name}: .*docs/settings\.md") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_AGI_PORT", "x")
    monkeypatch.setenv("IVR_LOG_LEVEL", "x")
    with pytest.raises(SettingsError, match=r"IVR_AGI_PORT: .*; IVR_LOG_LEVEL: "):
        load_settings()


def test_what_is_no_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_TOOLS", "/somewhere")
    monkeypatch.setenv("IVR_SOMETHING_ELSE", "x")
    assert load_settings() == Settings()


def test_the_carriers_addresses_are_known_where_they_are_addresses() -> None:
    settings = Settings(trunk_peers="192.0.2.1, 198.51.100.7/24,2001:db8::/64, sip.example.net,")
    assert list(map(str, settings.carrier)) == ["192.0.2.1/32", "198.51.100.0/24", "2001:db8::/64"]
