"""Every version of the rules is kept, put in place as a whole, and can come back."""

import errno
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.errors import IvrError
from ivr.rulebook import bundle as bundles
from ivr.rulebook import install
from ivr.rulebook.bundle import Bundle, read_bundle
from ivr.rulebook.versions import Action, Versions
from ivr.settings import Settings

GOOD = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "live").mkdir()
    return Settings(state=tmp_path / "state", routing=tmp_path / "live" / "routing.yaml")


@pytest.fixture
def versions(settings: Settings) -> Versions:
    return Versions(settings.routing_state)


def draft(settings: Settings, priority: int = 9, name: str = "draft.yaml") -> Path:
    path = settings.routing.parents[1] / "drafts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(GOOD.replace("priority: 9", f"priority: {priority}"))
    return path


def apply(settings: Settings, priority: int) -> int | None:
    return install.apply(settings, draft(settings, priority), "admin", "a reason", NOW).event.number


def in_place(settings: Settings) -> str:
    """The priority in the file in place tells which of the drafts it is."""
    found = re.search(r"^    priority: ([0-9]+)$", settings.routing.read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_an_applied_file_is_in_place_and_kept_with_who_when_and_why(
    settings: Settings, versions: Versions
) -> None:
    assert apply(settings, 10) == 1
    assert in_place(settings) == "10"
    (event,) = versions.history()
    assert (event.number, event.action, event.author, event.reason, event.at) == (
        *(1, Action.APPLIED, "admin", "a reason", NOW),
    )
    assert versions.bundle(event).digest == read_bundle(settings.routing).digest == event.digest


def test_a_wrong_file_changes_nothing(settings: Settings, versions: Versions) -> None:
    apply(settings, 10)
    path = draft(settings)
    path.write_text(GOOD.replace("lead: damkar", "lead: damkr").replace("lead: perkim", "lead: perkm"))
    with pytest.raises(IvrError) as refused:
        install.apply(settings, path, "admin", "x", NOW)
    assert str(refused.value).count("did you mean") == 2
    assert in_place(settings) == "10"
    assert len(versions.history()) == 1


def test_a_line_that_is_an_operators_phone_is_refused_before_anything_changes(settings: Settings) -> None:
    settings.generated.mkdir(parents=True)
    (settings.generated / "pjsip-phones.conf").write_text("[op1](operator)\n")
    path = draft(settings)
    path.write_text(GOOD.replace("[perkim-1 20s]", "[perkim-1 20s phone=op1]"))
    with pytest.raises(IvrError, match="op1: both an operator's phone and a line"):
        install.apply(settings, path, "admin", "x", NOW)
    assert not settings.routing.exists()


def test_what_is_in_place_already_is_signed_for(settings: Settings, versions: Versions) -> None:
    apply(settings, 10)
    done = install.apply(settings, settings.routing, "chief", "seen and approved", NOW)
    assert (done.event.number, done.changed) == (1, False)
    assert [(event.number, event.author) for event in versions.history()] == [(1, "admin"), (1, "chief")]


def test_roll_back_goes_one_version_back_at_each_step(settings: Settings, versions: Versions) -> None:
    """Also after a roll-back: it does not bring back what the one before took away."""
    for priority in (10, 11, 12):
        apply(settings, priority)
    for wanted, origin in (("11", 2), ("10", 1)):
        done, found = install.roll_back(settings, None, "admin", "", NOW)
        assert (in_place(settings), found, done.event.of) == (wanted, origin, origin)
    with pytest.raises(IvrError, match="Version 1 is the first"):
        install.roll_back(settings, None, "admin", "", NOW)
    install.roll_back(settings, 3, "admin", "", NOW)
    assert in_place(settings) == "12"
    assert [event.number for event in versions.history()] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(IvrError, match="no version 99"):
        install.roll_back(settings, 99, "admin", "", NOW)


@pytest.mark.parametrize("broken", ["city: [", GOOD + "\n# edited and not applied\n", None])
def test_roll_back_of_an_edit_that_is_no_version_brings_the_last_version_back(
    settings: Settings, broken: str | None
) -> None:
    apply(settings, 10)
    apply(settings, 11)
    if broken is None:
        settings.routing.unlink()
    else:
        settings.routing.write_text(broken)
    _, origin = install.roll_back(settings, None, "admin", "", NOW)
    assert (origin, in_place(settings)) == (2, "11")


def split(settings: Settings, *names: str) -> Path:
    """A draft whose agencies stand in files of their own."""
    head, rest = GOOD.split("\nagencies:\n")
    agencies, tail = rest.split("\nlast_resort:")
    path = draft(settings)
    path.write_text(f"include: [agencies/*.yaml]\n{head}\nlast_resort:{tail}")
    blocks = agencies.split("\n  satpol-pp:\n")
    texts = [blocks[0], "  satpol-pp:\n" + blocks[1]]
    (path.parent / "agencies").mkdir(exist_ok=True)
    for name, text in zip(names, texts, strict=True):
        (path.parent / "agencies" / name).write_text(f"agencies:\n{text}\n")
    return path


def test_included_files_come_along_and_those_that_are_gone_go(settings: Settings) -> None:
    first = split(settings, "a.yaml", "b.yaml")
    install.apply(settings, first, "admin", "x", NOW)
    agencies = settings.routing.parent / "agencies"
    assert sorted(path.name for path in agencies.iterdir()) == ["a.yaml", "b.yaml"]
    (first.parent / "agencies" / "b.yaml").rename(first.parent / "agencies" / "c.yaml")
    install.apply(settings, first, "admin", "x", NOW)
    assert sorted(path.name for path in agencies.iterdir()) == ["a.yaml", "c.yaml"]
    install.roll_back(settings, None, "admin", "", NOW)
    assert sorted(path.name for path in agencies.iterdir()) == ["a.yaml", "b.yaml"]


def test_a_stray_file_that_would_be_included_is_told_before_anything_changes(
    settings: Settings, versions: Versions
) -> None:
    stray = settings.routing.parent / "agencies" / "stray.yaml"
    stray.parent.mkdir()
    stray.write_text("agencies: {}\n")
    with pytest.raises(IvrError, match=r"agencies/stray.yaml: in .* take it away"):
        install.apply(settings, split(settings, "a.yaml", "b.yaml"), "admin", "x", NOW)
    assert not settings.routing.exists()
    assert versions.history() == ()


def test_an_included_file_with_the_name_of_the_main_one_is_refused(settings: Settings) -> None:
    new = Bundle(b"", {"routing.yaml": b""})
    with pytest.raises(IvrError, match="another name"):
        bundles.put_in_place(new, settings.routing, None)


class FullDisk:
    """The disk takes so many syncs and then is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("after", range(6))
def test_a_full_disk_leaves_the_rules_as_they_were_or_as_they_shall_be(
    settings: Settings, versions: Versions, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """At whatever write it is full: no mixture is in place, the history is readable, and with space again the
    next command goes on."""
    install.apply(settings, split(settings, "a.yaml", "b.yaml"), "admin", "x", NOW)
    old = read_bundle(settings.routing)
    new = split(settings, "a.yaml", "c.yaml")
    (new.parent / "agencies" / "b.yaml").unlink()
    with monkeypatch.context() as patch:
        FullDisk(patch, after)
        with pytest.raises(IvrError, match="No space left"):
            install.apply(settings, new, "admin", "x", NOW)
    assert read_bundle(settings.routing).digest in (old.digest, read_bundle(new).digest)
    assert not list(settings.routing.parent.rglob(".*.new"))
    install.apply(settings, new, "admin", "x", NOW)
    assert read_bundle(settings.routing).digest == read_bundle(new).digest
    current = versions.current()
    assert current is not None
    assert current.digest == read_bundle(new).digest


@pytest.mark.parametrize("after", range(1, 6))
def test_a_process_that_was_killed_half_way_has_its_work_ended_by_the_next(
    settings: Settings, versions: Versions, after: int
) -> None:
    """Three files are to be replaced, then one is to go, then the history is to be told: the process is gone
    after one of these steps."""
    install.apply(settings, split(settings, "a.yaml", "b.yaml"), "admin", "x", NOW)
    new = split(settings, "a.yaml", "c.yaml")
    (new.parent / "agencies" / "b.yaml").unlink()
    for file in (new, *new.parent.glob("agencies/*")):
        file.write_text(file.read_text() + "# new\n")
    child = os.fork()
    if child == 0:
        steps = iter(range(after))

        def until_killed(act: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
            def step(*arguments: Any, **options: Any) -> Any:
                if counts(*arguments) and next(steps, None) is None:
                    os._exit(9)
                return act(*arguments, **options)

            return step

        live = settings.routing.parent
        Path.replace = until_killed(Path.replace, lambda _, to: live in to.parents)  # type: ignore[method-assign]
        Path.unlink = until_killed(Path.unlink, lambda path: path.name == "b.yaml")  # type: ignore[method-assign]
        Versions.append = until_killed(Versions.append, lambda *_: True)  # type: ignore[method-assign]
        install.apply(settings, new, "admin", "killed", NOW)
        os._exit(9 if after == 5 else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with versions.lock():
        versions.recover(settings.routing)
    assert read_bundle(settings.routing).digest == read_bundle(new).digest
    assert [event.reason for event in versions.history()] == ["x", "killed"]


def test_a_line_of_the_history_that_was_cut_off_hides_no_other(
    settings: Settings, versions: Versions
) -> None:
    apply(settings, 10)
    path = settings.routing_state / "history.jsonl"
    path.write_bytes(path.read_bytes() + b'{"number": 2, "digest": "ab')
    apply(settings, 11)
    assert [event.number for event in versions.history()] == [1, 2]
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 2


def test_two_who_write_at_once_wait_for_each_other(
    settings: Settings, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.rulebook.versions.LOCK_SECONDS", 0.1)
    with versions.lock(), pytest.raises(IvrError, match="Another command"):
        apply(settings, 10)
    assert apply(settings, 10) == 1


def test_another_user_is_told_to_be_the_engines_user(
    settings: Settings, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(settings, 10)
    monkeypatch.setattr(os, "geteuid", lambda: settings.routing_state.stat().st_uid + 1)
    with pytest.raises(IvrError, match="sudo -u"):
        apply(settings, 11)


def test_a_link_in_place_of_the_file_stays_one(settings: Settings) -> None:
    target = settings.routing.parent / "city.yaml"
    target.write_text(GOOD)
    settings.routing.symlink_to(target)
    apply(settings, 10)
    assert settings.routing.is_symlink()
    assert "priority: 10" in target.read_text()
