"""The scripts that make the machine ready: what they accept, and the one line they say when they cannot."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "scripts"
LIBRARY = f'. "{SCRIPTS}/lib/all.sh"; '
NEEDED = (
    "bash sh readlink dirname basename cat cut grep sed awk sha256sum mkdir flock df find head stat sort tail"
)
NEEDED += " mv rm chmod ls env printf tr"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """An IVR_TOOLS with a blank in its path."""
    return tmp_path / "the tools"


def path_with(tmp_path: Path, **programs: str) -> str:
    """A PATH with the plainest tools and these shell scripts, and nothing else of this machine."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in NEEDED.split():
        found = shutil.which(name)
        assert found, name
        (directory / name).symlink_to(found)
    for name, text in programs.items():
        (directory / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name.replace("_", "-")).chmod(0o755)
    return str(directory)


def bash(command: str, tools: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    plain: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(tools), "IVR_TOOLS": str(tools)}
    return subprocess.run(
        [shutil.which("bash") or "bash", "-c", command],
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fake_asterisk(root: Path, version: str) -> Path:
    """An installed Asterisk, as far as set-up looks at it."""
    for name in ("sbin", "lib/asterisk/modules", "share/asterisk/documentation"):
        (root / name).mkdir(parents=True)
    (root / "lib/asterisk/modules/app_queue.so").touch()
    (root / "share/asterisk/documentation/core-en_US.xml").touch()
    binary = root / "sbin" / "asterisk"
    binary.write_text(f"#!/bin/sh\necho 'Asterisk {version}'\n")
    binary.chmod(0o755)
    return binary


@pytest.mark.parametrize(
    "version", ["22.10.1", "22.10.2", "22.11.0", "23.4.1", "23.10.0", "24.0.0", "20.20.1", "21.12.3"]
)
def test_versions_with_the_security_fixes_are_accepted(version: str, tools: Path) -> None:
    assert bash(f"{LIBRARY} new_enough {version}", tools).returncode == 0


@pytest.mark.parametrize(
    "version", ["22.10.0", "22.9.1", "22.1.10", "23.4.0", "20.6.0", "21.12.2", "18.26.4", "19.9.9", "''"]
)
def test_versions_with_known_holes_are_refused(version: str, tools: Path) -> None:
    assert bash(f"{LIBRARY} new_enough {version}", tools).returncode != 0


def test_the_named_asterisk_is_used_and_python_learns_of_it(tmp_path: Path, tools: Path) -> None:
    binary = fake_asterisk(tmp_path / "it's here", "22.10.1+dfsg")
    done = bash(f"{LIBRARY} prepare_asterisk", tools, IVR_ASTERISK=str(binary))
    assert done.returncode == 0, done.stderr
    values = dict(
        line.split("=", 1)
        for line in (tools / "asterisk.env").read_text().splitlines()
        if not line.startswith("#")
    )
    assert values["ASTERISK_VERSION"] == "22.10.1"
    assert Path(values["ASTERISK_MODULES"]) == binary.parents[1] / "lib/asterisk/modules"
    assert Path(values["ASTERISK_DATA"]) == binary.parents[1] / "share/asterisk"
    said = subprocess.run([values["ASTERISK_BIN"], "-V"], capture_output=True, text=True, check=True)
    assert said.stdout == "Asterisk 22.10.1+dfsg\n"


def test_a_second_set_up_does_nothing_until_asterisk_changes(tmp_path: Path, tools: Path) -> None:
    binary = fake_asterisk(tmp_path / "asterisk", "22.10.1")
    prepare = f"{LIBRARY} prepare_asterisk"
    assert bash(prepare, tools, IVR_ASTERISK=str(binary)).returncode == 0
    before = (tools / "asterisk.env").stat().st_ino
    assert bash(prepare, tools, IVR_ASTERISK=str(binary)).returncode == 0
    assert (tools / "asterisk.env").stat().st_ino == before
    binary.write_text("#!/bin/sh\necho 'Asterisk 22.11.0 (upgraded)'\n")
    assert bash(prepare, tools, IVR_ASTERISK=str(binary)).returncode == 0
    assert "ASTERISK_VERSION=22.11.0" in (tools / "asterisk.env").read_text()


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed script said: exactly one line of ours."""
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("siaga112: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_old_asterisk_that_was_named_is_refused(tmp_path: Path, tools: Path) -> None:
    binary = fake_asterisk(tmp_path / "old", "20.6.0")
    assert "20.6.0" in one_line(bash(f"{LIBRARY} prepare_asterisk", tools, IVR_ASTERISK=str(binary)))
    assert not (tools / "asterisk.env").exists()


def test_a_named_asterisk_that_is_none(tmp_path: Path, tools: Path) -> None:
    said = one_line(bash(f"{LIBRARY} prepare_asterisk", tools, IVR_ASTERISK=str(tmp_path / "none")))
    assert "unset it" in said


def test_without_apt_the_remedy_is_an_asterisk_of_ones_own(tmp_path: Path, tools: Path) -> None:
    path = path_with(tmp_path)
    said = one_line(bash(f"{LIBRARY} PATH='{path}' prepare_asterisk", tools, PATH=path))
    assert "apt-get" in said
    assert "IVR_ASTERISK" in said


def test_without_a_recent_python_the_remedy_is_named(tmp_path: Path, tools: Path) -> None:
    path = path_with(tmp_path, python3="exit 1")
    said = one_line(bash(f"{LIBRARY} prepare_python run", tools, PATH=path, IVR_PYTHON="python3"))
    assert "apt install python3" in said


def test_a_full_disk_is_noticed_before_the_work(tmp_path: Path, tools: Path) -> None:
    path = path_with(tmp_path, python3="echo /usr/bin/python3")
    os.unlink(f"{path}/df")
    Path(path, "df").write_text("#!/bin/sh\necho head\necho disk 100 90 10000 90% /\n")
    Path(path, "df").chmod(0o755)
    said = one_line(bash(f"{LIBRARY} prepare_python run", tools, PATH=path, IVR_PYTHON="python3"))
    assert "9 MB are free" in said


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="this system has no Python of its own")
def test_the_systems_own_python_comes_before_one_in_path(tmp_path: Path, tools: Path) -> None:
    path = path_with(tmp_path, python3="echo /opt/python")
    assert bash(f"{LIBRARY} find_python", tools, PATH=path).stdout.startswith("/usr/bin/python3")
    assert bash(f"{LIBRARY} find_python", tools, PATH=path, IVR_PYTHON="python3").stdout == "/opt/python\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_tools_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert "set IVR_TOOLS" in one_line(bash(f"{LIBRARY} prepare_phones", tmp_path / "tools"))


def test_tools_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "set IVR_TOOLS" in one_line(bash(f"{LIBRARY} prepare_phones", tmp_path / "file" / "tools"))


def test_a_failing_step_shows_the_end_of_its_log(tools: Path) -> None:
    done = bash(
        f"{LIBRARY} work() {{ echo what went wrong; false; echo never; }}; step work Kerja work", tools
    )
    assert "what went wrong" in done.stderr
    assert "never" not in done.stderr
    assert str(tools / "log" / "work.log") in one_line(done)


def test_a_set_up_waits_for_another(tools: Path) -> None:
    """It says so, and works when the other has ended."""
    tools.mkdir()
    with (tools / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            ["bash", "-c", f"{LIBRARY} locked echo worked"],
            env={"PATH": os.environ["PATH"], "IVR_TOOLS": str(tools)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert "Waiting for another setup" in second.stderr.readline()
    output, _ = second.communicate(timeout=60)
    assert output == "worked\n"


def test_the_mirror_is_the_machines_own(tmp_path: Path, tools: Path) -> None:
    """Without updates, security and backports, each once."""
    uris = "\n".join(
        f"'http://mirror.example/{path}/InRelease' name 0"
        for path in (
            "debian/dists/bookworm",
            "debian/dists/bookworm-updates",
            "debian-security/dists/bookworm-security",
            "debian-security/dists/bookworm/updates",
            "debian/dists/trixie",
            "other/dists/stable",
        )
    )
    path = path_with(tmp_path, apt_get=f"cat <<'X'\n{uris}\nX")
    if "ID=debian" not in Path("/etc/os-release").read_text():
        pytest.skip("reads /etc/os-release: on Debian only")
    done = bash(f"{LIBRARY} debian_mirrors", tools, PATH=path)
    assert done.stdout.split() == ["http://mirror.example/debian", "http://mirror.example/other"]


def test_nothing_of_ours_is_taken_from_the_working_directory(tmp_path: Path, tools: Path) -> None:
    """A folder named ivr where somebody happens to stand is not the engine."""
    done = bash(f"{LIBRARY} env", tools)
    settings = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert settings["PYTHONSAFEPATH"] == "1"
    assert settings["PYTHONPATH"] == str(REPOSITORY)
    assert settings["PYTHONPYCACHEPREFIX"].startswith(str(tools))
    assert settings["IVR_STATE"] == str(REPOSITORY / "var")


@pytest.mark.parametrize(
    "script",
    ["setup", "ivr", "run", "test", "lib/common.sh", "lib/debian.sh", "lib/asterisk.sh", "lib/python.sh"],
)
def test_every_script_is_read_by_bash(script: str) -> None:
    subprocess.run(["bash", "-n", SCRIPTS / script], check=True)


def test_an_unknown_argument_is_told_what_there_is(tools: Path) -> None:
    assert "--phones" in one_line(bash(f'"{SCRIPTS}/setup" --nonsense', tools))
