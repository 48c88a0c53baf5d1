"""The log itself must not stop what it tells of."""

import subprocess
import sys

PROGRAM = """
import structlog
from ivr.logs import configure_log
configure_log("info")
log = structlog.get_logger()
for _ in range(1000):
    log.error("disk full", much="x" * 1000)
try:
    raise RuntimeError("told, too")
except RuntimeError:
    log.exception("failed")
print("went on")
"""


def test_a_full_disk_under_the_log_stops_nothing() -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=full)
    assert result.stdout == b"went on\n"


def test_a_log_that_nobody_reads_any_more_stops_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout.read() == b"went on\n"
