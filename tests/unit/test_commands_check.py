"""``ivr check``: problems end with status 1, warnings alone with 0."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ivr.cli import app

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")


def check(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("IVR_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    Path("routing.yaml").write_text(text, "utf-8")
    return CliRunner().invoke(app, ["check", "routing.yaml"])


def test_a_right_file_is_called_right_and_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(tmp_path, AMBON, monkeypatch)
    assert done.exit_code == 0
    right, proved = done.stdout.splitlines()
    assert right.startswith("routing.yaml: benar / correct: 13 aturan / rules")
    assert proved.startswith("Terbukti / proved: ")


def test_warnings_are_said_and_do_not_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(tmp_path, AMBON.replace("  # abs: {recorded: yes}", "  abs: {recorded: yes} #"), monkeypatch)
    assert done.exit_code == 0
    warning, right, _ = done.stdout.splitlines()
    assert ": warning: abs has no speech and no recording for the menus main, other: " in warning
    assert right.startswith("routing.yaml: benar / correct: ")


def test_a_far_line_is_not_made_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = AMBON.replace(
        "  - rule: hearse\n    when: {category: hearse}\n    lead: perkim\n    priority: 3\n", ""
    )
    head, _, tail = text.partition("  hearse: []\n")
    blanks = "\n" * (999 - head.count("\n"))
    done = check(tmp_path, f"{head}{blanks}  hearse: []\n{tail}", monkeypatch)
    assert done.stdout.startswith("routing.yaml:1000:3: warning: ")


def test_a_wrong_file_is_refused_with_all_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = check(tmp_path, AMBON.replace("lead: damkar", "lead: damkr").replace("5m\n", "5 m\n"), monkeypatch)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) > 2
    assert all(line.startswith("routing.yaml:") and ": error: " in line for line in done.stderr.splitlines())
