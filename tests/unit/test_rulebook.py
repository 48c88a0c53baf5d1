"""A broken routing.yaml never goes live, and stops a start only when there was never a good one."""

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.routing import decide as deciding
from ivr.rulebook import open_rulebook, read_rulebook, voices
from ivr.rulebook.install import apply
from ivr.rulebook.taking import Job, Refused, take
from ivr.rulebook.versions import Action, Versions
from ivr.settings import Settings

GOOD = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
BROKEN = GOOD.replace("lead: damkar", "lead: damkr")
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state", routing=tmp_path / "routing.yaml")


def test_a_good_file_is_used_and_kept_as_a_version_once(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    for _ in range(2):
        book = open_rulebook(settings)
        assert (book.source, book.number, book.refused) == (settings.routing, 1, ())
    (event,) = Versions(settings.routing_state).history()
    assert (event.number, event.action, event.author) == (1, Action.EDITED, ME)
    assert (settings.routing_state / "versions" / "1" / "routing.yaml").read_text() == GOOD
    assert settings.routing_state.stat().st_mode & 0o077 == 0


def test_a_broken_file_is_refused_and_the_newest_good_version_used(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    good = open_rulebook(settings).rules
    settings.routing.write_text(BROKEN)
    for _ in range(2):
        book = open_rulebook(settings)
        assert (book.rules.digest, book.number) == (good.digest, 1)
        assert "did you mean damkar" in book.refused[0]
    refusals = [event for event in Versions(settings.routing_state).history() if event.number is None]
    assert len(refusals) == 1
    assert refusals[0].problems == book.refused


def test_rules_by_which_a_call_might_reach_nobody_do_not_go_live_by_any_way(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the proof sees it: the file reads well. What was accepted once is not proved again at a start."""
    settings.routing.write_text(GOOD)
    open_rulebook(settings)
    monkeypatch.setattr(deciding, "plan", lambda *_: ())
    assert open_rulebook(settings).refused == ()
    other = settings.routing.with_name("other.yaml")
    other.write_text(GOOD.replace("damkar-1 15s", "damkar-1 16s"))
    with pytest.raises(IvrError, match="a call may reach nobody by the rule"):
        apply(settings, other, "me", "why", datetime.now(UTC))
    settings.routing.write_text(other.read_text())
    answer = take(Job(settings, live=1))
    assert isinstance(answer, Refused)
    assert "a call may reach nobody by the rule" in answer.problems[0]
    book = open_rulebook(settings)
    assert (book.number, "a call may reach nobody" in book.refused[0]) == (1, True)


def test_a_version_that_is_not_whole_is_passed_over(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    open_rulebook(settings)
    settings.routing.write_text(GOOD.replace("damkar-1 15s", "damkar-1 16s"))
    open_rulebook(settings)
    (settings.routing_state / "versions" / "2" / "routing.yaml").write_text("city: [")
    settings.routing.write_text(BROKEN)
    assert open_rulebook(settings).number == 1


def test_a_file_that_is_gone_is_no_reason_to_stop(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    open_rulebook(settings)
    settings.routing.unlink()
    assert "cannot be read" in open_rulebook(settings).refused[0]


def test_without_a_good_version_every_problem_is_told(settings: Settings) -> None:
    settings.routing.write_text("city: {}\n")
    with pytest.raises(IvrError, match=r"routing\.yaml:1:\d+: error: "):
        open_rulebook(settings)


@pytest.mark.parametrize("full", ["keep", "lock"])
def test_a_disk_that_takes_no_version_does_not_stop_anything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    settings.routing.write_text(GOOD)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Versions, full, no_space)
    book = open_rulebook(settings)
    assert (book.rules.city.name, book.number) == ("Kota Ambon", None)


def test_reading_writes_nothing(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    assert read_rulebook(settings).number is None
    assert not settings.root.exists()


def test_a_language_of_recordings_only_has_no_voice(settings: Settings) -> None:
    with_abs = GOOD.replace("  # abs: {recorded: yes}", "  abs: {recorded: yes}  #")
    settings.routing.write_text(with_abs)
    assert voices(open_rulebook(settings).rules) == {"id": "id", "en": "en-us", "abs": None}
