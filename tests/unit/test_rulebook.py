"""A broken routing.yaml never goes live, and stops a start only when there was never a good one."""

from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.rulebook import open_rulebook, voices
from ivr.settings import Settings

GOOD = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state", routing=tmp_path / "routing.yaml")


def test_a_good_file_is_used_and_a_copy_of_it_kept(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    book = open_rulebook(settings)
    assert book.source == settings.routing
    assert not book.refused
    assert settings.last_good_routing.read_text() == GOOD


def test_a_broken_file_is_refused_and_the_last_good_copy_used(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    good = open_rulebook(settings).rules
    settings.routing.write_text(GOOD.replace("lead: damkar", "lead: damkr"))
    book = open_rulebook(settings)
    assert book.rules.digest == good.digest
    assert "did you mean damkar" in book.refused[0]
    assert settings.last_good_routing.read_text() == GOOD


def test_a_file_that_is_gone_is_no_reason_to_stop(settings: Settings) -> None:
    settings.routing.write_text(GOOD)
    open_rulebook(settings)
    settings.routing.unlink()
    assert "cannot be read" in open_rulebook(settings).refused[0]


@pytest.mark.parametrize("copy", [None, "", "city: ["])
def test_without_a_good_copy_every_problem_is_told(settings: Settings, copy: str | None) -> None:
    settings.routing.write_text("city: {}\n")
    if copy is not None:
        settings.last_good_routing.parent.mkdir(parents=True)
        settings.last_good_routing.write_text(copy)
    with pytest.raises(IvrError, match=r"routing\.yaml:1:\d+: error: "):
        open_rulebook(settings)


def test_a_disk_that_takes_no_copy_does_not_stop_anything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.routing.write_text(GOOD)

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr.rulebook.write_atomic", full)
    assert open_rulebook(settings).rules.rules


def test_a_language_of_recordings_only_has_no_voice(settings: Settings) -> None:
    with_abs = GOOD.replace("  # abs: {recorded: yes}", "  abs: {recorded: yes}  #")
    settings.routing.write_text(with_abs)
    assert voices(open_rulebook(settings).rules) == {"id": "id", "en": "en-us", "abs": None}
