"""The bookmark: found again as it was written, and never in the way."""

from pathlib import Path

import pytest

from ivr.asterisk.event_log import Place
from ivr.ledger.bookmark import Bookmark, load, save
from ivr.queueing.shifts import Duty


@pytest.mark.parametrize(
    "bookmark",
    [
        Bookmark(),
        Bookmark(Place(12, 345), {}),
        Bookmark(None, {("emergency", "op1"): Duty.ON, ("public", "op1"): Duty.PAUSED}),
    ],
)
def test_it_is_found_as_it_was_written(tmp_path: Path, bookmark: Bookmark) -> None:
    path = tmp_path / "ledger" / "bookmark.json"
    save(path, Bookmark(Place(1, 2), None))
    save(path, bookmark)
    assert load(path) == bookmark


@pytest.mark.parametrize(
    "text", [None, b"", b'{"read_to": {"ino', b"[]", b'{"read_to": 5, "duties": 1}', b"\xff"]
)
def test_one_that_is_torn_is_none(tmp_path: Path, text: bytes | None) -> None:
    path = tmp_path / "bookmark.json"
    if text is not None:
        path.write_bytes(text)
    assert load(path) == Bookmark()
