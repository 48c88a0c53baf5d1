"""The bench's own arithmetic and drawing, and that it says in one line why it cannot go on."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import charts, full_call, ground, report
from benchmarks.__main__ import SECTIONS, arguments
from benchmarks.contestants import ALL, SIAGA, STATIC
from benchmarks.figures import Bars, Lines, Section, Table, percentile, text_of
from benchmarks.process import BenchError, cpu_seconds, size
from benchmarks.rounds import Round, first_of
from benchmarks.sink import Sink
from benchmarks.sipp import callers
from stack import installed
from stack.phones.scenario import TrunkCall
from stack.phones.sipp import Message

from ivr.routing.loader import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINE = report.Machine("2026-11-21", "a CPU", 2, 24.0, "6.1", "3.11", "22.10.1", {"aiohttp": "3"}, False)
BARS = Bars(
    "bars", "Cost & more", "ms", ["one way", "another"], {"Asterisk": [4.0, 8.0], "engine": [0.0, 2.0]}
)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50.0, 99.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) is None


def test_figures_are_shown_with_three_digits_and_nothing_as_a_dash() -> None:
    shown = [text_of(cell) for cell in (None, "text", 12345, 1234.5, 3.14159, 0.0123456, 0.0)]
    assert shown == ["–", "text", "12,345", "1,234", "3.14", "0.0123", "0.0"]


def one_round(asterisk: float, engine: float, lost: int = 0) -> Round:
    return Round(10, 10 - lost, asterisk, engine, (0.001, 0.003), (0.005,))


def test_the_ratio_is_taken_round_by_round() -> None:
    """A round in which the whole machine was slow does not move it."""
    results: full_call.Results = {(one.id, 20.0): [one_round(0.2, 0.0)] * 3 for one in ALL}
    results[STATIC.id, 20.0] = [one_round(seconds, 0.0) for seconds in (0.1, 0.9, 0.1)]
    results[SIAGA.id, 20.0] = [one_round(*cpu) for cpu in ((0.1, 0.05), (0.9, 0.45), (0.3, 0.1))]
    section = full_call.section(results, [20.0], 20.0)
    assert section.figures["ratio_to_static"] == pytest.approx(1.5)
    row = section.tables[0].rows[ALL.index(SIAGA)]
    assert row[2:5] == (pytest.approx(30.0), pytest.approx(10.0), pytest.approx(40.0))


def test_lost_calls_are_shown() -> None:
    results: full_call.Results = {(one.id, 20.0): [one_round(0.2, 0.0, lost=3)] for one in ALL}
    assert [row[-1] for row in full_call.section(results, [20.0], 20.0).tables[0].rows] == [3] * len(ALL)


def test_requests_are_told_apart_by_callers_number() -> None:
    def message(method: str, number: str, second: int, *, sent: bool) -> Message:
        text = f"{method} sip:112@127.0.0.1 SIP/2.0\r\nFrom: <sip:{number}@127.0.0.1>;tag=1\r\n\r\n"
        return Message(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC), sent, text)

    seen = [
        message("INVITE", "+621", 1, sent=True),
        message("INVITE", "+621", 2, sent=True),  # Repeated: the first counts.
        message("INVITE", "+622", 3, sent=False),
        message("BYE", "+621", 4, sent=True),
    ]
    assert first_of(seen, "INVITE", sent=True) == {"+621": seen[0].at.timestamp()}


@pytest.mark.parametrize(
    "chart",
    [
        BARS,
        Lines("lines", "Growth", "ms", "calls", [50, 200, 500], {"a": [1, 2, 3], "b": [0, 0, 0]}),
        Lines("lines", "Wide", "ms", "calls", [10_000, 1_000_000], {"a": [1.5, 2.5]}),
        Lines("lines", "Nothing", "ms", "calls", [], {"a": []}),
    ],
)
def test_a_chart_is_whole_and_stays_in_its_frame(chart: Bars | Lines) -> None:
    svg = ElementTree.fromstring(charts.draw(chart))
    texts = {element.text for element in svg.iter() if element.text}
    assert {*chart.series, f"{chart.title} ({chart.unit})"} <= texts
    for element in svg.iter():
        for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
            assert 0 <= float(element.get(name, "0")) <= charts.WIDTH


def test_bars_are_as_high_as_their_values() -> None:
    svg = ElementTree.fromstring(charts.draw(BARS))
    bars = [one for one in svg.iter("{http://www.w3.org/2000/svg}rect") if float(one.get("y", "0")) > 52]
    asterisk, engine, other, other_engine = (float(one.get("height", "0")) for one in bars)
    assert (other / asterisk, engine) == (pytest.approx(2, rel=0.01), 0)
    assert other_engine / other == pytest.approx(0.25, rel=0.01)


def test_the_page_has_a_place_for_each_section() -> None:
    marked = re.findall(
        r"<!-- bench: (\w+) -->\n(?s:.*?)<!-- end -->", (REPOSITORY / report.PAGE).read_text()
    )
    assert sorted(marked) == sorted([*SECTIONS, "machine"])


def test_tables_and_charts_go_to_their_places(tmp_path: Path) -> None:
    page = tmp_path / report.PAGE
    page.parent.mkdir()
    page.write_text(
        "before\n<!-- bench: load -->\nold\n<!-- end -->\nafter\n<!-- bench: machine -->\n<!-- end -->\n"
    )
    table = Table("Held", ("", "calls/s"), [("ours", 50.0), ("other", None)], "A note.")
    section = Section("load", "Load", (table,), {"held": 50}, (BARS,))
    report.write_pages([section], MACHINE, tmp_path)
    text = page.read_text()
    assert "| ours | 50.0 |\n| other | – |\n" in text
    assert text.startswith("before\n")
    assert "after\n" in text
    assert "old" not in text
    assert "Asterisk 22.10.1" in text
    assert (tmp_path / report.PICTURES / "bars.svg").exists()
    report.write_pages([section], MACHINE, tmp_path)
    assert page.read_text() == text
    with pytest.raises(BenchError, match="no place for 'memory'"):
        report.write_pages([replace(section, name="memory")], MACHINE, tmp_path)


def test_json_has_the_ratio_where_programs_look_for_it(tmp_path: Path) -> None:
    section = Section("full_call", "", (), {"ratio_to_static": 1.25})
    report.write_json([section], MACHINE, tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["full_call"]["ratio_to_static"] == 1.25


def test_cpu_time_is_that_of_proc_stat() -> None:
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    by_proc = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    assert cpu_seconds(os.getpid()) == pytest.approx(by_proc, abs=0.1)
    assert size(os.getpid()).handles >= 3


def test_a_process_that_is_gone_is_named() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for look in (cpu_seconds, size):
        with pytest.raises(BenchError, match=str(process.pid)):
            look(process.pid)


def test_the_sink_knows_when_the_first_packet_came() -> None:
    with Sink("127.0.0.1", 2) as sink, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        before = time.time()
        for _ in range(20):
            caller.sendto(b"x" * 172, ("127.0.0.1", sink.ports[0]))
        after = time.time()
        first, other = sink.first_packets()
    assert first is not None
    assert before <= first <= after
    assert other is None


def test_each_call_gets_its_audio_at_a_port_of_its_own() -> None:
    run = callers(
        TrunkCall(),
        ["+621", "+622"],
        10,
        "127.0.0.2:5060",
        "127.0.0.2",
        audio_ports=[4000, 4002],
        traced=True,
    )
    assert b"[media_port]" not in run.scenario
    assert "+622;4002" in "".join(run.files.values())


def test_peers_give_the_keys_the_priorities_of_the_rules() -> None:
    """Equal work: what the static dialplan says by hand is what routing.yaml says."""
    text = (REPOSITORY / "scripts" / "benchmarks" / "peers" / "contestants.conf").read_text()
    by_hand = {
        key: int(number) for key, number in re.findall(r"exten => (\d),1,Set\(QUEUE_PRIO=(\d+)\)", text)
    }
    rules = load_file(REPOSITORY / "routing.yaml")
    by_rule = {
        key: next(rule.priority for rule in rules.rules if target in str(rule.when))
        for key, target in rules.menus["main"].choices.items()
        if target in rules.categories
    }
    assert by_hand == by_rule


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fast"], "--fast"),
        (["--only", "nothing"], "nothing"),
        (["--quick", "--write-docs"], "whole run"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/bench", *words])
    with pytest.raises(SystemExit) as ended:
        arguments()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_without_sipp_it_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_TOOLS", str(tmp_path))
    installed.phones.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match="scripts/setup --phones"):
            ground.need_programs()
        (tmp_path / "phones.env").write_text(f"SIPP_BIN={tmp_path}/sipp\nBARESIP_BIN=b\nBARESIP_MODULES=m\n")
        (tmp_path / "asterisk.env").write_text(
            "\n".join(
                f"ASTERISK_{name}={sys.executable}"
                for name in ("BIN", "MODULES", "DATA", "VARLIB", "VERSION")
            )
        )
        with pytest.raises(BenchError, match=r"sipp \(SIPp\) is not a program: run scripts/setup --phones"):
            ground.need_programs()
    finally:
        installed.phones.cache_clear()
