"""Prompts are spoken by the real espeak-ng; what goes wrong costs one prompt, never a call."""
# ruff: noqa: ASYNC240  (a test may wait for its own small files)

import asyncio
import errno
import os
import shutil
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

import ivr.prompts.catalogue
from ivr.prompts import DEFAULT_VOICES, Catalogue, load_catalogue, render_prompts, too_long
from ivr.prompts.hold import hold_dir
from ivr.prompts.sound import PEAK_LIMIT, SPEECH_LEVEL, active_level
from ivr.prompts.wav import read_samples, write_samples

MENU = (
    "Satu satu dua. Tekan: Kebakaran, satu. Ambulans, dua. Polisi, tiga. Bencana, empat. "
    "Lainnya, lima. Atau tunggu."
)
NEEDED = {
    ("id", "menu-main"): MENU,
    ("id", "hold"): "Jangan tutup telepon. Petugas segera menjawab.",
    ("en", "menu-main"): "One one two. Press: fire, one. Ambulance, two. Police, three. Or wait.",
    ("en", "hold"): "Do not hang up. An operator will answer soon.",
}


class Place:
    """One installation's directories, and rendering into them."""

    def __init__(self, root: Path) -> None:
        self.prompts = root / "prompts"
        self.recorded = root / "recorded"

    async def render(
        self,
        needed: dict[tuple[str, str], str] = NEEDED,
        voices: dict[str, str | None] | None = None,
        **options: object,
    ) -> Catalogue:
        voices = dict(DEFAULT_VOICES) if voices is None else voices
        # A busy machine is no fault of the speech.
        options = {"job_seconds": 120, "deadline_seconds": 300, **options}
        return await render_prompts(needed, self.prompts, self.recorded, voices, **options)  # type: ignore[arg-type]

    def load(self, needed: dict[tuple[str, str], str] = NEEDED) -> Catalogue:
        return load_catalogue(needed, self.prompts, self.recorded, DEFAULT_VOICES)

    def record(self, language: str, name: str, seconds: float = 0.5, rate: int = 8000) -> Path:
        path = self.recorded / language / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 5000 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(tone.astype("<i2").tobytes())
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="session")
def spoken_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prompts were spoken, for all tests of this process."""
    root = tmp_path_factory.mktemp("spoken")
    catalogue = asyncio.run(Place(root).render())
    assert catalogue.problems == ()
    return root


@pytest.fixture
def spoken(place: Place, spoken_once: Path) -> Place:
    """An installation that has its prompts: a copy."""
    shutil.copytree(spoken_once / "prompts", place.prompts, symlinks=True)
    return place


def sound(path: str | Path) -> np.ndarray:
    file = path if isinstance(path, Path) else Path(f"{path}.wav")
    return np.frombuffer(read_samples(file), dtype="<i2") / 32768


def fake_worker(root: Path, body: str) -> tuple[str, ...]:
    """A worker of our own: ``body`` handles ``job`` and may call ``done(error)``."""
    script = root / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "def done(error=None): print(json.dumps({'error': error}), flush=True)\n"
        f"for line in sys.stdin:\n    job = json.loads(line)\n    {body}\n"
    )
    return (sys.executable, str(script))


# what is spoken


async def test_the_menu_is_speech_at_the_level_of_a_telephone(spoken: Place) -> None:
    catalogue = await spoken.render()
    assert catalogue.problems == ()
    assert catalogue.warnings == ()
    for key, file in catalogue.files.items():
        samples = sound(file)
        assert 20 * np.log10(active_level(samples) / SPEECH_LEVEL) == pytest.approx(0, abs=0.5), key
        assert np.abs(samples).max() <= PEAK_LIMIT + 1e-3
        assert samples[0] == samples[-1] == 0
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / 8000)
        assert spectrum[hertz < 100].sum() < 0.01 * spectrum.sum()
        speech = np.square(samples[: len(samples) // 160 * 160].reshape(-1, 160)).mean(axis=1)
        active = float((speech > (SPEECH_LEVEL / 6) ** 2).mean())
        assert 0.4 < active < 0.98, f"{key}: words with pauses between them, not {active:.0%} of sound"
        assert catalogue.durations[key] == pytest.approx(len(samples) / 8000)
    assert 6 < catalogue.durations["id", "menu-main"] < 10


async def test_digits_are_spoken_as_their_words(tmp_path: Path) -> None:
    spoken = []
    for text in ("Anda menelepon 112.", "Anda menelepon satu satu dua."):
        catalogue = await Place(tmp_path / str(len(spoken))).render({("id", "a"): text})
        spoken.append(sound(catalogue.path("id", "a")))
    assert np.array_equal(*spoken)


async def test_a_voice_sounds_like_its_language(place: Place) -> None:
    needed = {(language, "same"): "Petugas segera menjawab" for language in ("id", "en")}
    catalogue = await place.render(needed)
    assert len(sound(catalogue.path("id", "same"))) != len(sound(catalogue.path("en", "same")))


async def test_a_menu_over_the_limit_is_found(spoken: Place) -> None:
    catalogue = await spoken.render()
    seconds = catalogue.durations["id", "menu-main"]
    assert too_long(catalogue, ["menu-main", "absent"], 10) == {}
    assert too_long(catalogue, ["menu-main"], seconds - 0.1) == {("id", "menu-main"): seconds}


# the cache


async def test_what_exists_is_not_spoken_again(spoken: Place, tmp_path: Path) -> None:
    first = await spoken.render()
    nobody = fake_worker(tmp_path, "done('asked to speak ' + job['text'])")
    second = await spoken.render(command=nobody)
    assert second.problems == ()
    assert second.files == first.files == spoken.load().files
    changed = await spoken.render(NEEDED | {("en", "hold"): "Please wait."}, command=nobody)
    assert [problem.partition(":")[0] for problem in changed.problems] == ["en/hold"]


async def test_text_voice_and_processing_each_make_another_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {("id", "wait"): "Tunggu."}
    paths = [(await place.render(needed)).path("id", "wait")]
    paths.append((await place.render({("id", "wait"): "Mohon tunggu."})).path("id", "wait"))
    paths.append((await place.render(needed, {"id": "id+f3"})).path("id", "wait"))
    monkeypatch.setattr(ivr.prompts.catalogue, "PROCESSING_VERSION", 999)
    paths.append((await place.render(needed)).path("id", "wait"))
    assert len(set(paths)) == 4
    assert all(Path(f"{path}.wav").exists() for path in paths), "calls may still be hearing the older ones"


async def test_the_stable_name_follows_the_text(place: Place) -> None:
    stable = place.prompts / "id" / "wait.wav"
    for text in ("Tunggu.", "Mohon tunggu sebentar."):
        catalogue = await place.render({("id", "wait"): text})
        assert stable.samefile(f"{catalogue.path('id', 'wait')}.wav")
        assert os.stat(stable).st_mode & 0o044 == 0o044, "Asterisk may run as another user"


async def test_a_path_is_absolute_and_without_ending(spoken: Place) -> None:
    path = (await spoken.render()).path("id", "hold")
    assert Path(path).is_absolute()
    assert not path.endswith(".wav")
    assert Path(f"{path}.wav").exists()


async def test_a_file_cut_off_by_a_power_failure_is_made_again(place: Place) -> None:
    needed = {("id", "wait"): "Tunggu."}
    file = Path(f"{(await place.render(needed)).path('id', 'wait')}.wav")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert place.load(needed).path("id", "wait") == ""
    await place.render(needed)
    assert file.read_bytes() == whole


async def test_old_files_go_a_week_after_they_were_current_and_never_before(place: Place) -> None:
    def age(file: Path, days: float) -> None:
        os.utime(file, (time.time() - days * 86400,) * 2)

    old = Path(f"{(await place.render({('id', 'wait'): 'Tunggu.'})).path('id', 'wait')}.wav")
    leftover = old.with_name(".wait.wav.0123.tmp")
    leftover.touch()
    age(old, 30)  # spoken a month ago, current until now
    age(leftover, 30)
    current = {("id", "wait"): "Mohon tunggu."}
    await place.render(current)
    assert old.exists()
    assert not leftover.exists()
    age(old, 6.9)
    await place.render(current)
    assert old.exists()
    age(old, 7.1)
    catalogue = await place.render(current)
    assert not old.exists()
    assert catalogue.path("id", "wait")


# recordings


async def test_a_recording_comes_before_speech_and_may_be_replaced_or_removed(spoken: Place) -> None:
    speech = (await spoken.render()).path("id", "hold")
    recording = spoken.record("id", "hold", seconds=0.5)
    first = await spoken.render()
    assert first.durations["id", "hold"] == 0.5
    assert first.path("id", "hold").startswith(str(spoken.prompts)), "a copy: it may be heard while replaced"
    spoken.record("id", "hold", seconds=0.7)
    second = await spoken.render()
    assert second.durations["id", "hold"] == 0.7
    assert Path(f"{first.path('id', 'hold')}.wav").exists()
    assert spoken.load().files == second.files
    recording.unlink()
    assert (await spoken.render()).path("id", "hold") == speech


async def test_a_recording_in_a_wrong_format_is_named_and_speech_is_used(spoken: Place) -> None:
    recording = spoken.record("id", "hold", rate=44100)
    catalogue = await spoken.render()
    assert catalogue.problems == ()
    (warning,) = catalogue.warnings
    assert str(recording) in warning
    assert "sox " in warning
    assert catalogue.durations["id", "hold"] > 2
    assert spoken.load().warnings == catalogue.warnings


async def test_a_language_without_voice_has_its_recordings_and_else_the_first_language(place: Place) -> None:
    place.record("abs", "hold")
    catalogue = await place.render(voices={"id": "id", "abs": None})
    assert catalogue.problems == ()
    assert "/abs/hold." in catalogue.path("abs", "hold")
    assert catalogue.path("abs", "menu-main") == catalogue.path("id", "menu-main") != ""
    assert catalogue.path("mad", "hold") == catalogue.path("id", "hold")
    assert catalogue.path("id", "unheard-of") == ""
    stable = place.prompts / "abs" / "menu-main.wav"
    assert stable.samefile(f"{catalogue.path('id', 'menu-main')}.wav")
    changed = await place.render(
        NEEDED | {("id", "menu-main"): "Tekan: Kebakaran, satu."}, {"id": "id", "abs": None}
    )
    assert stable.samefile(f"{changed.path('id', 'menu-main')}.wav")


# what goes wrong


async def test_an_unknown_voice_is_said_and_the_first_language_stands_in(place: Place) -> None:
    catalogue = await place.render(voices={"id": "id", "en": "xx-none"})
    (problem,) = catalogue.problems
    assert problem.startswith("en/menu-main, en/hold: espeak-ng has no voice 'xx-none'")
    assert catalogue.path("en", "hold") == catalogue.path("id", "hold") != ""


async def test_a_text_with_nothing_to_say_costs_only_itself(spoken: Place) -> None:
    catalogue = await spoken.render(NEEDED | {("id", "blank"): " … "})
    assert [problem.partition(":")[0] for problem in catalogue.problems] == ["id/blank"]
    assert len(catalogue.files) == len(NEEDED)


async def test_strange_texts_are_spoken(place: Place) -> None:
    texts = ("a\0b", "\ud800 halo", "<speak>halo</speak>", "[[h@l'oU]]", "halo " * 300)
    needed = {("id", f"strange-{number}"): text for number, text in enumerate(texts)}
    catalogue = await place.render(needed)
    assert catalogue.problems == ()
    assert len(catalogue.durations) == len(texts)
    assert all(seconds > 0.2 for seconds in catalogue.durations.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(9) if 'Tunggu' in job['text'] else done()", "died (exit status 9)"),
        ("os.abort() if 'Tunggu' in job['text'] else done()", "died (exit status -6)"),
        ("time.sleep(600) if 'Tunggu' in job['text'] else done()", "did not answer within 5 s"),
        ("sys.exit('no numpy here') if 'Tunggu' in job['text'] else done()", "no numpy here"),
    ],
)
async def test_a_text_that_kills_or_hangs_the_worker_costs_only_itself_and_old_files_stay(
    spoken: Place, tmp_path: Path, body: str, said: str
) -> None:
    before = await spoken.render({("id", "wait"): "Sebentar."})
    needed = {("id", "wait"): "Tunggu.", ("id", "then"): "Lalu."}
    catalogue = await spoken.render(needed, command=fake_worker(tmp_path, body), job_seconds=5)
    assert any(problem.startswith("id/wait:") and said in problem for problem in catalogue.problems)
    assert not any("id/then" in problem for problem in catalogue.problems)
    assert catalogue.path("id", "wait") == "", "older words may not fit the keys"
    old = Path(f"{before.path('id', 'wait')}.wav")
    assert old.exists()
    assert (spoken.prompts / "id" / "wait.wav").samefile(old), "the hand-written dialplan keeps what it had"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/nonexistent/python",), "No such file or directory"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "exit status 3"),
    ],
)
async def test_a_worker_that_never_works_is_given_up_soon(
    spoken: Place, command: tuple[str, ...], said: str
) -> None:
    before = await spoken.render()
    needed = NEEDED | {("id", f"more-{number}"): f"Nomor {number}" for number in range(40)}
    catalogue = await spoken.render(needed, command=command)
    assert catalogue.files == before.files
    assert len(catalogue.problems) == 2, "the same reason is not said forty times"
    assert said in catalogue.problems[-1]
    assert "ivr doctor" in catalogue.problems[-1]


async def test_at_the_deadline_the_rest_is_left_undone(place: Place, tmp_path: Path) -> None:
    slow = fake_worker(tmp_path, "time.sleep(0.2), done()")
    catalogue = await place.render(command=slow, deadline_seconds=0.1)
    (problem,) = catalogue.problems
    assert "not made within 0.1 s" in problem
    assert "render again" in problem


async def test_a_cancelled_rendering_leaves_no_worker(place: Place, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = f"print(os.getpid(), file=open({str(note)!r}, 'x'), flush=True); time.sleep(600)"
    task = asyncio.create_task(place.render(command=fake_worker(tmp_path, body), job_seconds=300))
    async with asyncio.timeout(60):
        while not (note.exists() and note.read_text()):  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


async def test_a_directory_that_cannot_be_written_is_one_problem_and_what_is_there_plays(
    spoken: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await spoken.render()

    def read_only(
        path: Path, *_args: object, **_kwargs: object
    ) -> None:  # also for root, whom modes do not stop
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "touch", read_only)
    catalogue = await spoken.render(NEEDED | {("id", "new"): "Baru."})
    (problem,) = catalogue.problems
    assert str(spoken.prompts) in problem
    assert "Read-only file system" in problem
    assert "IVR_STATE" in problem
    assert catalogue.files == before.files


async def test_a_directory_that_is_a_file_is_a_problem_and_no_exception(place: Place) -> None:
    place.prompts.write_text("in the way")
    catalogue = await place.render()
    assert len(catalogue.problems) == 1
    assert catalogue.path("id", "hold") == ""


async def test_a_full_disk_is_one_problem_and_nothing_broken_is_left(place: Place, tmp_path: Path) -> None:
    needed = {("id", f"a{number}"): "Tunggu." * 200 for number in range(5)}
    limited = fake_worker_with_small_files(tmp_path)
    catalogue = await place.render(needed, command=limited)
    assert any(
        "id/a0, id/a1, id/a2 and 2 more: File too large: free space" in text for text in catalogue.problems
    )
    assert catalogue.files == {}
    assert not list((place.prompts / "id").iterdir())


def fake_worker_with_small_files(root: Path) -> tuple[str, ...]:
    """The real worker, which may write no file over 20 kB: the kernel refuses as it does on a full disk."""
    script = root / "limited.py"
    script.write_text(
        "import resource, runpy, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "runpy.run_module('ivr.prompts', run_name='__main__')\n"
    )
    return (sys.executable, str(script))


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", ".hidden", "a&b", "a b"])
async def test_a_name_that_leaves_the_directory_is_refused(place: Place, name: str) -> None:
    catalogue = await place.render({("id", name): "Halo."})
    assert catalogue.files == {}
    assert "cannot name a prompt" in catalogue.problems[0]


async def test_a_directory_asterisk_cannot_name_is_said_at_once(tmp_path: Path) -> None:
    catalogue = await Place(tmp_path / "a,b").render()
    assert "IVR_STATE" in catalogue.problems[0]
    assert not (tmp_path / "a,b").exists()


def test_an_empty_installation_loads_as_an_empty_catalogue(place: Place) -> None:
    catalogue = place.load()
    assert catalogue.files == {}
    assert catalogue.path("id", "hold") == ""


# on hold


async def test_on_hold_the_message_comes_first_then_quiet_music(spoken: Place) -> None:
    catalogue = await spoken.render()
    for language in ("id", "en"):
        message, music = sorted(hold_dir(spoken.prompts, language).iterdir())
        assert np.array_equal(sound(message), sound(catalogue.path(language, "hold")))
        samples = sound(music)
        cycle = (len(sound(message)) + len(samples)) / 8000
        assert 10 < cycle < 15, "seconds until the message is heard again"
        assert active_level(samples) < SPEECH_LEVEL / 2
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / 8000)
        assert spectrum[(hertz > 280) & (hertz < 3450)].sum() > 0.99 * spectrum.sum()


async def test_hold_files_are_replaced_only_when_they_change(spoken: Place) -> None:
    await spoken.render()
    files = sorted(spoken.prompts.glob("hold/*/*.wav"))
    before = [file.stat().st_ino for file in files]
    await spoken.render()
    assert [file.stat().st_ino for file in files] == before
    await spoken.render(NEEDED | {("id", "hold"): "Mohon tunggu, petugas segera menjawab."})
    changed = [file for file, inode in zip(files, before, strict=True) if file.stat().st_ino != inode]
    assert changed == [hold_dir(spoken.prompts, "id") / "1-message.wav"]
    assert sorted(spoken.prompts.glob("hold/*/*")) == files


async def test_a_recording_is_heard_on_hold_too(spoken: Place) -> None:
    spoken.record("en", "hold")
    await spoken.render()
    write_samples(spoken.prompts / "expected.wav", read_samples(spoken.recorded / "en" / "hold.wav"))
    message = hold_dir(spoken.prompts, "en") / "1-message.wav"
    assert message.read_bytes() == (spoken.prompts / "expected.wav").read_bytes()
