"""Make the prompts that are missing. What exists stays usable, whatever goes wrong."""

import asyncio
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ivr.errors import PromptError
from ivr.prompts.catalogue import (
    Catalogue,
    Prompt,
    PromptKey,
    load_catalogue,
    look,
    plan_prompts,
    playable_seconds,
)
from ivr.prompts.hold import lay_out_hold, music_file
from ivr.prompts.wav import read_samples, temporary_for, write_samples
from ivr.prompts.worker import JOB_SECONDS, WORKER_COMMAND, Job, Worker, WorkerLostError

DEADLINE_SECONDS = 120.0
"""For everything. A whole city's prompts take about two seconds."""
KEPT_DAYS = 7
"""A file that is no longer current is kept so long: calls may play it, older rules may come back."""

_HASHED = re.compile(r".+\.[0-9a-f]{12}\.wav")
_TEMPORARY = re.compile(r"\..+\.tmp")


class _Problems:
    """What went wrong, each reason once with all that it hit: a full disk is one problem, not sixty."""

    def __init__(self) -> None:
        self._hit: dict[str, list[str]] = {}

    def add(self, what: str, error: Exception) -> None:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        self._hit.setdefault(reason, []).append(what)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PromptError, OSError) as error:
            self.add(what, error)

    def texts(self) -> tuple[str, ...]:
        return tuple(
            f"{', '.join(hit[:3])}{f' and {len(hit) - 3} more' if len(hit) > 3 else ''}: {reason}"
            for reason, hit in self._hit.items()
        )


def render(
    needed: Mapping[PromptKey, str],
    prompts_dir: Path,
    recorded_dir: Path,
    voices: Mapping[str, str | None],
) -> Catalogue:
    """:func:`render_prompts` for a command line."""
    return asyncio.run(render_prompts(needed, prompts_dir, recorded_dir, voices))


async def render_prompts(
    needed: Mapping[PromptKey, str],
    prompts_dir: Path,
    recorded_dir: Path,
    voices: Mapping[str, str | None],
    *,
    command: Sequence[str] = WORKER_COMMAND,
    job_seconds: float = JOB_SECONDS,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Catalogue:
    """Make every prompt that is missing and say what can be played.

    ``needed`` is (language, name) → text. ``voices`` is language → espeak-ng voice, in the rules' order: the
    first language stands in for the others; one without a voice has recordings only. A recording
    ``<recorded_dir>/<language>/<name>.wav`` comes before speech. Never raises because of a prompt: what could
    not be made is in ``problems``, each with its remedy.
    """
    try:
        prompts, warnings = await asyncio.to_thread(plan_prompts, needed, prompts_dir, recorded_dir, voices)
        await asyncio.to_thread(_make_directories, prompts_dir, voices)
    except PromptError as error:
        catalogue = await asyncio.to_thread(load_catalogue, needed, prompts_dir, recorded_dir, voices)
        return replace(catalogue, problems=tuple(dict.fromkeys((*catalogue.problems, str(error)))))
    problems = _Problems()
    jobs = await asyncio.to_thread(_missing, prompts, prompts_dir, problems)
    await _make(jobs, problems, Worker(command, job_seconds), deadline_seconds)
    catalogue = await asyncio.to_thread(_finish, prompts, prompts_dir, voices, problems)
    return replace(catalogue, problems=problems.texts(), warnings=tuple(warnings))


def _make_directories(prompts_dir: Path, languages: Iterable[str]) -> None:
    """Raises :class:`PromptError` when nothing can be written there at all."""
    probe = prompts_dir / f".probe.{os.getpid()}.tmp"
    try:
        for directory in ("hold", *languages):
            (prompts_dir / directory).mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PromptError(
            f"No prompt can be written to {prompts_dir}: {error.strerror or error}. Let this user write "
            "there, or set IVR_STATE to another directory."
        ) from error


def _missing(prompts: Iterable[Prompt], prompts_dir: Path, problems: _Problems) -> list[tuple[str, Job]]:
    """Copy new recordings; say what else must be made, each with its name for people."""
    jobs = []
    music = music_file(prompts_dir.absolute())
    if not playable_seconds(music):
        jobs.append(("hold music", Job(str(music))))
    for prompt in prompts:
        what = f"{prompt.language}/{prompt.name}"
        if prompt.target is None or playable_seconds(prompt.target):
            continue
        if prompt.recorded and prompt.recording:
            with problems.of(what):
                write_samples(prompt.recorded, read_samples(prompt.recording))
        else:
            jobs.append((what, Job(str(prompt.target), prompt.text, prompt.voice)))
    return jobs


async def _make(jobs: Sequence[tuple[str, Job]], problems: _Problems, worker: Worker, seconds: float) -> None:
    """Do the jobs in order. At the deadline, or when the worker cannot be used, the rest is not done."""
    deadline = time.monotonic() + seconds
    async with worker:
        for done, (what, job) in enumerate(jobs):
            try:
                if time.monotonic() > deadline:
                    raise WorkerLostError(
                        f"not made within {seconds:g} s: the machine is too busy, render again"
                    )
                await worker.make(job)
            except WorkerLostError as error:
                for rest, _ in jobs[done:]:
                    problems.add(rest, error)
                return
            except PromptError as error:
                problems.add(what, error)


def _finish(
    prompts: Sequence[Prompt], prompts_dir: Path, voices: Mapping[str, str | None], problems: _Problems
) -> Catalogue:
    """Put links and hold directories right, remove what is long out of use, and look what there is."""
    catalogue = look(prompts, voices)
    for prompt in prompts:
        with problems.of(f"link {prompt.language}/{prompt.name}.wav"):
            _link(prompt, catalogue, prompts_dir)
    for language in voices:
        with problems.of(f"hold/{language}"):
            lay_out_hold(catalogue, prompts_dir, language)
    with problems.of("removing old prompts"):
        _remove_old(catalogue, prompts_dir)
    return catalogue


def _link(prompt: Prompt, catalogue: Catalogue, prompts_dir: Path) -> None:
    """Point ``<language>/<name>.wav`` to its current file. Where it cannot be made, an older file of this
    language stays (the dialplan's own words do not depend on keys), or else the first language stands in."""
    link = prompts_dir / prompt.language / f"{prompt.name}.wav"
    old = Path(os.readlink(link)) if link.is_symlink() else None
    file = catalogue.files.get(prompt.key)
    if file is None:
        stand_in = catalogue.files.get((catalogue.first_language, prompt.name))
        if stand_in is None or (old and len(old.parts) == 1 and playable_seconds(link)):
            return
        file = stand_in
    new = Path(os.path.relpath(file, link.parent))
    if new != old:
        with suppress(OSError):
            os.utime(link)  # the file it points to was current until now: the days it is kept begin
        temporary = temporary_for(link)
        temporary.symlink_to(new)
        temporary.replace(link)


def _remove_old(catalogue: Catalogue, prompts_dir: Path) -> None:
    """Files that nothing points to and that nobody has used for :data:`KEPT_DAYS`."""
    current = {file.resolve() for file in catalogue.files.values()}
    current |= {link.resolve() for link in prompts_dir.glob("*/*.wav") if link.is_symlink()}
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for file in [*prompts_dir.glob("*/*"), *prompts_dir.glob("hold/*/.*.tmp")]:
        if (
            (_HASHED.fullmatch(file.name) or _TEMPORARY.fullmatch(file.name))
            and not file.is_symlink()
            and file.resolve() not in current
            and file.stat().st_mtime < oldest
        ):
            file.unlink(missing_ok=True)
