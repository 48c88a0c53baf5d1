"""The speech worker: ``python -m ivr.prompts``, started by :mod:`ivr.prompts.worker`.

One JSON object a line on stdin (:class:`ivr.prompts.worker.Job`), one a line on stdout: ``{"error": null}``
when the file is there, else the reason. It ends with its stdin.
"""

import json
import os
import signal
import sys
from pathlib import Path

from ivr.errors import PromptError
from ivr.prompts.music import hold_music
from ivr.prompts.sound import as_pcm, for_telephone
from ivr.prompts.speech import Speaker
from ivr.prompts.spelling import spell_digits
from ivr.prompts.wav import write_samples

_JOB_SECONDS = 60
"""The engine gives up far earlier; this ends a worker that loops after its engine was killed."""


def main() -> None:
    os.nice(10)  # calls on the same machine come first
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the library prints is no answer
    speaker: Speaker | None = None
    for line in sys.stdin:
        signal.alarm(_JOB_SECONDS)
        job = json.loads(line)
        path, voice, error = Path(job["path"]), job["voice"], None
        try:
            if voice is None:
                samples = hold_music()
            else:
                speaker = speaker or Speaker()
                speech = speaker.speak(spell_digits(job["text"], voice), voice)
                samples = for_telephone(speech, speaker.sample_rate)
            write_samples(path, as_pcm(samples))
        except PromptError as failure:
            error = str(failure)
        except OSError as failure:
            reason = failure.strerror or failure
            error = f"{reason}: free space in {path.parent}, or let this user write there"
        signal.alarm(0)
        print(json.dumps({"error": error}), file=answers)


main()
