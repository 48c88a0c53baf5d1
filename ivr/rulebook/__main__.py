"""The process that makes rules ready: ``python -m ivr.rulebook``, started by :mod:`ivr.rulebook.worker`.

One pickled :class:`ivr.rulebook.taking.Job` at a time on stdin, one answer each on stdout, both behind their
length. It ends with its stdin.
"""

import os
import pickle
import signal
import sys

from ivr.rulebook.taking import Job, take
from ivr.rulebook.worker import JOB_SECONDS, LENGTH


def main() -> None:
    os.nice(5)  # calls on the same machine come first
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine says when to end
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    while head := sys.stdin.buffer.read(LENGTH.size):
        job = pickle.loads(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))  # noqa: S301 (from our own engine)
        assert isinstance(job, Job)  # noqa: S101
        signal.alarm(int(JOB_SECONDS * 2))  # ends a process that loops after its engine was killed
        answer = pickle.dumps(take(job))
        signal.alarm(0)
        try:
            answers.write(LENGTH.pack(len(answer)) + answer)
            answers.flush()
        except BrokenPipeError:
            return


main()
