"""The engine's log: one JSON object a line on standard error, without personal data."""

import io
import logging
import sys
from contextlib import suppress

import structlog


class _Lenient(io.StringIO):
    """Standard error that may fail (its disk is full, its reader gone): then a line of the log is lost, and
    not the work that wanted to tell of itself."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_log(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # The place of an error, not the values around it: those may hold a caller's number.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=_Lenient()),
        cache_logger_on_first_use=True,
    )
    # panoramisk logs what it reads, calls and numbers included.
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
