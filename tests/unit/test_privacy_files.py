"""Numbers in Asterisk's event log and recordings: found, blanked in place, gone when their time is over."""

import csv
import os
from datetime import UTC, date, datetime
from pathlib import Path

from ivr.privacy.files import (
    blank_events,
    expire_events,
    expire_recordings,
    recordings_of,
    rotate_events,
)

NUMBER = "+628110004242"
AT = int(datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC).timestamp())
CALL = f"siaga-{AT}.7"


def event(call: str, number: str = NUMBER, name: str = 'Bu "Sari", x', at: int = AT) -> list[str]:
    return ["ANSWER", f"{at}.123456", "{}", call, call, "PJSIP/trunk-1", number, name, "112", "intake", ""]


def write(path: Path, *events: list[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(events)


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_numbers_and_names_of_a_call_are_blanked_in_place(tmp_path: Path) -> None:
    other = event(f"{CALL}7", "+628119999999", "Pak Budi")
    for name in ("master.csv", "master.csv.2026-03-01"):
        write(tmp_path / name, event(CALL), other, event(CALL, "", ""))
        with (tmp_path / name).open("ab") as file:
            file.write(f'"ANSWER","17723","{{}}","{CALL}"'.encode())  # torn
        os.utime(tmp_path / name, ns=(5, 5))
    size = (tmp_path / "master.csv").stat().st_size
    assert blank_events(tmp_path, [CALL]) == 4
    for path in tmp_path.iterdir():
        first, second, third, torn = read(path)
        assert (first[6].strip(), first[7].strip()) == ("", "")
        assert first[:6] == event(CALL)[:6]
        assert (second, third) == (other, event(CALL, "", ""))
        assert torn[3] == CALL
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (size, 5)
        assert b"8110004242" not in path.read_bytes()
        assert b"Sari" not in path.read_bytes()
    assert blank_events(tmp_path / "none", [CALL]) == 0


def test_the_raw_facts_of_a_first_menu_are_blanked_too(tmp_path: Path) -> None:
    advice, facts = "2|menu|main|id|0|3|id/menu-main.0a|112|number|0123456789ab|end", "OjExMg==.Ok9+/g=="
    first = ["first-menu", f"{AT}.2", f'{{"extra":"{advice}|{facts}"}}', *event(CALL)[3:]]
    other = ["first-menu", f"{AT}.2", f'{{"extra":"{advice}|{facts}"}}', *event(f"{CALL}7")[3:]]
    write(tmp_path / "master.csv", first, other)
    assert blank_events(tmp_path, [CALL]) == 1
    blanked, untouched = read(tmp_path / "master.csv")
    assert blanked[2] == f'{{"extra":"{advice}|{" " * len(facts)}"}}'
    assert blanked[6].strip() == ""
    assert untouched == other


def test_the_raw_facts_of_a_call_that_the_engine_never_knew_are_blanked_too(tmp_path: Path) -> None:
    told = ["lifeline", f"{AT}.2", '{"extra":"no-answer|OjExMg==.Ok9+/g=="}', *event(CALL)[3:]]
    plain = ["lifeline", f"{AT}.2", '{"extra":"no-answer"}', *event(CALL)[3:]]
    write(tmp_path / "master.csv", told, plain)
    assert blank_events(tmp_path, [CALL]) == 2
    extras = [row[2] for row in read(tmp_path / "master.csv")]
    assert extras == [f'{{"extra":"no-answer|{" " * 17}"}}', plain[2]]


def test_the_event_log_is_renamed_once_a_day_and_kept_so_long(tmp_path: Path) -> None:
    current = tmp_path / "master.csv"
    assert rotate_events(tmp_path, date(2026, 3, 2)) is None
    write(current, event(CALL), event(CALL, at=AT + 60))
    assert rotate_events(tmp_path, date(2026, 3, 1)) is None
    inode = current.stat().st_ino
    assert rotate_events(tmp_path, date(2026, 3, 2)) == tmp_path / "master.csv.2026-03-02"
    assert (tmp_path / "master.csv.2026-03-02").stat().st_ino == inode
    write(current, event(CALL))
    assert rotate_events(tmp_path, date(2026, 3, 2)) is None  # nothing is overwritten
    (tmp_path / "master.csv.2026-02-27.by-hand").touch()
    assert expire_events(tmp_path, date(2026, 3, 2)) == 0
    assert expire_events(tmp_path, date(2026, 3, 3)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["master.csv", "master.csv.2026-02-27.by-hand"]


def recorded(root: Path, day: str, *names: str) -> None:
    (root / day).mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / day / name).touch()


def test_a_calls_recordings_are_found_also_past_midnight_and_no_others(tmp_path: Path) -> None:
    recorded(tmp_path, "2026/03/02", f"{CALL}.wav", f"{CALL}0.wav", "siaga-1.7.wav")
    recorded(tmp_path, "2026/03/01", f"{CALL}.txt")
    found = {str(path.relative_to(tmp_path)) for path in recordings_of(tmp_path, CALL)}
    assert found == {f"2026/03/02/{CALL}.wav", f"2026/03/01/{CALL}.txt"}
    assert recordings_of(tmp_path, "no id") == recordings_of(tmp_path / "none", CALL) == ()


def test_recordings_of_old_days_go_the_oldest_first_in_pieces(tmp_path: Path) -> None:
    recorded(tmp_path, "2025/12/31", "a.wav", "b.wav")
    recorded(tmp_path, "2026/02/28", "c.wav")
    recorded(tmp_path, "2026/03/01", "d.wav")
    assert expire_recordings(tmp_path, date(2026, 3, 1), 2) == 2
    assert not (tmp_path / "2025" / "12" / "31" / "a.wav").exists()
    assert expire_recordings(tmp_path, date(2026, 3, 1), 2) == 1
    assert expire_recordings(tmp_path, date(2026, 3, 1), 2) == 0
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.wav")] == ["2026/03/01/d.wav"]
    assert not (tmp_path / "2025").exists()
