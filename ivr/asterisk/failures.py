"""What may be said about a failure in the log."""

import traceback

from ivr.errors import IvrError


def place(error: BaseException) -> dict[str, str]:
    """Kind and place of ``error`` for a log line. The text is given only of our own errors: that of others
    may hold a caller's number."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    kind = type(error).__name__
    return {"error": f"{kind}: {error}" if isinstance(error, IvrError) else kind, "where": where}
