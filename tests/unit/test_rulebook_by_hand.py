"""What people set by hand: who is out of service, how the centre is, and until when."""

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.commands.times import until_time
from ivr.errors import IvrError
from ivr.routing.loader import load_file
from ivr.routing.model import Facts, ServiceState
from ivr.routing.service_state import service_state
from ivr.rulebook.by_hand import ByHand, Mark, path_of, read_by_hand, write_by_hand
from ivr.settings import Settings

ROUTING = Path(__file__).parents[2] / "routing.yaml"
RULES = load_file(ROUTING)
AMBON = ZoneInfo("Asia/Jayapura")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""A Tuesday, 12:00 in Ambon."""
HOUR = timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("IVR_STATE", str(tmp_path))
    monkeypatch.setenv("IVR_ROUTING", str(ROUTING))
    return Settings(state=tmp_path, routing=ROUTING)


def ivr(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, result.output
    return result.output


def test_a_mark_ends_by_itself() -> None:
    marks = ByHand().take_out("damkar", Mark("admin", NOW, "fuel", NOW + HOUR))
    marks = marks.take_out("bpbd", Mark("admin", NOW, "flood"))
    assert marks.out_of_service(NOW) == {"damkar", "bpbd"}
    assert marks.out_of_service(NOW + HOUR) == {"bpbd"}
    assert marks.take_back("bpbd").out_of_service(NOW + HOUR) == frozenset()
    busy = ByHand(service=(ServiceState.PARTIAL, Mark("admin", NOW, "", NOW + HOUR)))
    assert busy.service_state(NOW) is ServiceState.PARTIAL
    assert busy.service_state(NOW + HOUR) is None


def test_marks_survive_the_file_and_those_that_ended_do_not(settings: Settings) -> None:
    long = Mark("admin", NOW, "api — “fire”")
    marks = ByHand(
        {"damkar": long, "bpbd": Mark("x", NOW, "", NOW + HOUR)}, (ServiceState.DOWN, Mark("x", NOW, "y"))
    )
    write_by_hand(settings, marks, NOW + HOUR)
    assert read_by_hand(settings) == ByHand({"damkar": long}, marks.service)
    assert path_of(settings).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"out": {"damkar": 1}, "service": null}', '{"out": {}}'])
def test_a_damaged_file_is_told_with_its_remedy(settings: Settings, text: str) -> None:
    path_of(settings).parent.mkdir()
    path_of(settings).write_text(text)
    with pytest.raises(IvrError, match="remove it"):
        read_by_hand(settings)


@pytest.mark.parametrize(
    ("operators", "longest_wait", "state"),
    [
        (2, 0, ServiceState.NORMAL),
        (0, 0, ServiceState.UNSTAFFED),
        (0, 90, ServiceState.UNSTAFFED),
        (2, 90, ServiceState.OVERLOADED),
        (None, 0, ServiceState.NORMAL),
    ],
)
def test_the_centres_state_is_worked_out(
    operators: int | None, longest_wait: float, state: ServiceState
) -> None:
    facts = Facts(operators=operators, longest_wait=longest_wait)
    assert service_state(RULES, facts, NOW) is state


def test_until_is_the_next_time_on_the_citys_clocks() -> None:
    assert until_time("14:00", AMBON, NOW) == datetime(2026, 11, 24, 14, 0, tzinfo=AMBON)
    assert until_time("11:59", AMBON, NOW) == datetime(2026, 11, 25, 11, 59, tzinfo=AMBON)
    assert until_time("12:00", AMBON, NOW) == datetime(2026, 11, 25, 12, 0, tzinfo=AMBON)
    assert until_time("2026-12-25T14:00", AMBON, NOW) == datetime(2026, 12, 25, 14, 0, tzinfo=AMBON)
    for wrong in ("25:00", "soon", "14", "2026-11-24T11:00"):
        with pytest.raises(IvrError, match="--until"):
            until_time(wrong, AMBON, NOW)


def test_until_holds_over_a_change_of_the_clocks() -> None:
    """In Berlin the night of 25 October 2026 has 25 hours: until 14:00 stays 14:00."""
    berlin = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 10, 24, 15, 0, tzinfo=berlin)
    until = until_time("14:00", berlin, evening.astimezone(UTC))
    assert until.astimezone(UTC) == datetime(2026, 10, 25, 13, 0, tzinfo=UTC)


def test_an_agency_goes_out_and_comes_back(settings: Settings) -> None:
    said = ivr("agency", "out", "damkar", "--until", "14:00", "--reason", "no fuel")
    assert "14:00" in said
    assert read_by_hand(settings).out["damkar"].by == getpass.getuser()
    assert "no fuel" in ivr("agency", "list")
    ivr("agency", "out", "bpbd-1", "--reason", "broken phone")
    assert set(read_by_hand(settings).out) == {"damkar", "bpbd-1"}
    ivr("agency", "back", "damkar")
    assert set(read_by_hand(settings).out) == {"bpbd-1"}
    assert "was not out of service" in ivr("agency", "back", "damkar")
    ivr("agency", "back", "bpbd-1")
    assert "everything is in service" in ivr("agency", "list")


def test_unknown_names_are_refused_with_the_nearest_one(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments in (("out", "damkr", "--reason", "x"), ("back", "damkr")):
        said = ivr("agency", *arguments, status=1)
        assert "did you mean damkar?" in said + capfd.readouterr().err
    said = ivr("service", "majorincident", status=1)
    assert "did you mean MajorIncidentInProgress?" in said + capfd.readouterr().err
    assert not path_of(settings).exists()


def test_taking_out_the_last_of_the_last_resort_is_warned_of_loudly(settings: Settings) -> None:
    first, *others = RULES.last_resort
    assert "WARNING" not in ivr("agency", "out", first, "--reason", "x")
    for name in others:
        said = ivr("agency", "out", name, "--reason", "x")
    assert "WARNING" in said
    assert "WARNING" in ivr("agency", "list")


def test_the_state_of_the_centre_is_set_and_given_back(settings: Settings) -> None:
    assert "worked out" in ivr("service")
    said = ivr("service", "MajorIncidentInProgress", "--reason", "earthquake", "--until", "23:59")
    assert "MajorIncidentInProgress" in said
    ivr("agency", "out", "damkar", "--reason", "x")
    assert read_by_hand(settings).service_state(datetime.now(UTC)) is ServiceState.MAJOR_INCIDENT_IN_PROGRESS
    assert "worked out" in ivr("service", "auto")
    assert set(read_by_hand(settings).out) == {"damkar"}
