"""``ivr diff`` in sentences: what changes for whom, by what both files decide."""

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cities import cities
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ivr.cli import app
from ivr.routing.boxes import boxes_where
from ivr.routing.decide import decide
from ivr.routing.diff import differences
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.partition import Partition, outcomes, rules_table
from ivr.routing.rules import Rules
from ivr.routing.space import DIMENSIONS, space_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "routing.yaml").read_text("utf-8")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DECIDED = {"mode", "queue", "priority", "lead", "else", "support", "mutual_aid", "notify", "clock", "lines"}


def put(*pairs: tuple[str, str]) -> Rules:
    text = TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return load(text, "new.yaml")


OLD = put()


def sentences(*pairs: tuple[str, str]) -> list[str]:
    """Indonesian, then English, of every difference."""
    found = differences(OLD, put(*pairs), NOW)
    return [text for one in found for text in (one.said.id, one.said.en)]


def with_rule(text: str) -> tuple[str, str]:
    return "\nrules:\n", f"\nrules:\n  - {text}\n"


def test_a_first_line_that_rings_shorter_brings_the_second_one_forward() -> None:
    assert sentences(("damkar-1 15s, damkar-2 20s", "damkar-1 10s, damkar-2 20s"))[:2] == [
        "Kebakaran, Tawuran: saluran ke-1 Pemadam Kebakaran (damkar-1) berdering 10 dtk (dulu: 15 dtk); "
        "saluran "
        "ke-2 Pemadam Kebakaran (damkar-2) mulai berdering setelah 10 dtk (dulu: 15 dtk); saluran ke-3 "
        "Pemadam "
        "Kebakaran (damkar-radio) mulai berdering setelah 30 dtk (dulu: 35 dtk).",
        "Fire, Brawl: Fire Brigade's first line (damkar-1) is rung for 10 s (was: 15 s); Fire Brigade's "
        "second "
        "line (damkar-2) is rung after 10 s (was: 15 s); Fire Brigade's third line (damkar-radio) is rung "
        "after "
        "30 s (was: 35 s).",
    ]


@pytest.mark.parametrize(
    ("pairs", "english"),
    [
        ([("priority: 9\n", "priority: 10\n")], ["Fire: priority: 10 (was: 9)."]),
        (
            [("lead: perkim\n", "lead: perkim\n    support: dinsos\n")],
            ["Hearse: support: Social Agency (was: none)."],
        ),
        (
            [
                with_rule(
                    "{rule: night fires, when: {category: fire, schedule: not office}, mode: "
                    "direct_if_swamped, "
                    "lead: [damkar, pdam], mutual_aid: [pdam-x, pln], notify: fire-heads, clock: 5m, "
                    "priority: 9}"
                ),
                ("mutual_aid: [pdam-x, pln]", "mutual_aid: pln"),
            ],
            [
                "Fire, outside office: lead agency: Fire Brigade, Water Company (was: Fire Brigade); mutual "
                "aid: "
                "Electricity Company (was: Water Company, Electricity Company)."
            ],
        ),
        (
            [
                with_rule(
                    "{rule: x, when: {category: fire, sub: [house, market], operators: under 2, entry: "
                    "[112, 113]}, "
                    "mode: direct_if_swamped, lead: damkar, mutual_aid: [pdam, pln], notify: fire-heads, "
                    "clock: 10m, priority: 9}"
                )
            ],
            ["Fire (house, market), number 112/113, 0 to 1 operators: clock (s): 600 (was: 300)."],
        ),
        (
            [
                with_rule(
                    "{rule: x, when: {out_of_service: damkar, category: fire}, mode: direct_if_swamped, "
                    "lead: bpbd, "
                    "mutual_aid: [pdam, pln], notify: fire-heads, clock: 5m, priority: 9}"
                )
            ],
            ["Fire, while damkar is out of service: lead agency: Disaster Agency (was: Fire Brigade)."],
        ),
        (
            [with_rule("{rule: x, when: {category: consultation, caller: simless}, priority: 1}")],
            ["Information, callers without SIM: queue: emergency (was: information)."],
        ),
        (
            [
                with_rule(
                    "{rule: x, when: {category: hearse, district: baguala, language: en}, lead: dinsos, "
                    "priority: 3}"
                )
            ],
            ["Hearse, language en, district baguala: lead agency: Social Agency (was: Housing Agency)."],
        ),
        (
            [("longest_wait: over 60s}", "longest_wait: over 90s}")],
            [
                "Fire, Disaster, Ambulance, Accident, Police, operators not known / 1 or more operators, "
                "wait over "
                "60 s, at most 90 s: now an operator answers first (was: the agency's phones ring at once)."
            ],
        ),
        (
            [with_rule("{rule: x, when: {service_state: Overloaded}, priority: 1}")],
            None,
        ),
        (
            [("mon-thu 08:00-16:00", "mon-thu 08:00-15:00")],
            [
                "Disaster, Social problem, mon-thu 15:00-16:00: lines of Social Agency: dinsos-2 20 s (was: "
                "dinsos-1 "
                "15 s, dinsos-2 20 s)."
            ],
        ),
        (
            [("  2026-12-25: Natal\n", "")],
            [
                "Disaster, Social problem, hours like 2026-12-25 08:00: lines of Social Agency: dinsos-1 15 "
                "s, "
                "dinsos-2 20 s (was: dinsos-2 20 s)."
            ],
        ),
        (
            [("    ring: together\n    lines: [polresta-1", "    lines: [polresta-1")],
            [
                "Accident, Police, Brawl, Missing person: lines of City Police: polresta-1 20 s, polresta-2 "
                "20 s "
                "(was: polresta-1 20 s + polresta-2 20 s)."
            ],
        ),
        (
            [
                (
                    "[20s supervisors, 40s lead, 80s last_resort]",
                    "[20s supervisors, 45s lead, 80s last_resort]",
                )
            ],
            [
                "During friday-prayer: queue emergency, then supervisors after 20 s, lead after 45 s, "
                "last_resort "
                "after 80 s (was: supervisors after 20 s, lead after 40 s, last_resort after 80 s)."
            ],
        ),
        (
            [("[45s supervisors, 75s", "[40s supervisors, 75s")],
            [
                "Outside friday-prayer and iftar: queue emergency, then supervisors after 40 s, lead after "
                "75 s, "
                "last_resort after 120 s (was: supervisors after 45 s, lead after 75 s, last_resort after "
                "120 s)."
            ],
        ),
        (
            [("supervisors: {ring: together, ring_for: 20s}", "supervisors: {ring_for: 25s, keep_free: 1}")],
            [
                "Queue supervisors, rings: in_turn (was: together).",
                "Queue supervisors, rings for (s): 25 (was: 20).",
                "Queue supervisors, operators kept free: 1 (was: 0).",
            ],
        ),
        (
            [
                ("113: {category: fire}", "113: {menu: main, language: en}"),
                ("  119: {category: medical}\n", ""),
            ],
            ["Number 119 is removed.", "Number 113: menu main, language en (was: category fire)."],
        ),
        (
            [("5: consultation, silence: 3s", "silence: 4s")],
            [
                "Menu other, key 5: none (was: consultation).",
                "Menu other, wait for a key (s): 4 (was: 3).",
                "Prompt menu-other (id): “Tekan: Kecelakaan, satu. Orang hilang, dua. Masalah sosial, tiga. "
                "Mobil "
                "jenazah, empat. Atau tunggu.” (was: “Tekan: Kecelakaan, satu. Orang hilang, dua. Masalah "
                "sosial, "
                "tiga. Mobil jenazah, empat. Informasi, lima. Atau tunggu.”).",
                "Prompt menu-other (en): “Press: Accident, one. Missing person, two. Social problem, three. "
                "Hearse, "
                "four. Or wait.” (was: “Press: Accident, one. Missing person, two. Social problem, three. "
                "Hearse, "
                "four. Information, five. Or wait.”).",
            ],
        ),
        (
            [
                ("hearse: []", "hearse: []\n  flood: []"),
                ("hearse: Mobil", "flood: Banjir\n      hearse: Mobil"),
            ],
            ["Category flood is new, decided by “cannot speak”, “everything else”."],
        ),
        (
            [("rescue, animal]", "rescue]")],
            ["Sub-categories of Fire: house, market, vehicle, land, rescue (was: "],
        ),
        (
            [("[pdam-1 20s]", "[pdam-1 20s number=+62811999 accept=answer dtmf=2]")],
            [
                "Line pdam-1: number +62811999 (was: phone pdam-1).",
                "Line pdam-1, accepts by: answer (was: press).",
                "Line pdam-1, keys sent: 2 (was: none).",
            ],
        ),
        (
            [("piket-112 30s", "piket-112 20s")],
            ["Last resort: piket-112 20 s, pos-satpol 30 s (was: piket-112 30 s, pos-satpol 30 s)."],
        ),
        ([("supervisors: [centre.supervisor]", "supervisors: [centre.supervisor, polresta]")], None),
        (
            [("late: [supervisors, leaders]", "late: leaders")],
            ["Told when it is late: leaders (was: supervisors, leaders)."],
        ),
        ([("marks: 3", "marks: 4")], None),
        ([("within: 10m", "within: 5m")], None),
        (
            [("\ncallers:\n", "\ncallers:\n  lists: {hospitals: [0911345678]}\n")],
            ["List of callers hospitals is new."],
        ),
        ([("baguala, ", "")], None),
        ([("[000*, ", "[00*, ")], None),
        (
            [("zone: Asia/Jayapura ", "zone: Asia/Makassar ")],
            ["Time zone: Asia/Makassar (was: Asia/Jayapura)."],
        ),
        ([("area_code: 0911", "area_code: 0912")], ["Area code: 0912 (was: 0911)."]),
        ([("name: Kota Ambon", "name: Ambon")], ["Name of the city: Ambon (was: Kota Ambon)."]),
        (
            [("en: Fire Brigade", "en: Fire Service")],
            ["Name of damkar: id: Pemadam Kebakaran, en: Fire Service (was: "],
        ),
        ([("  # abs: {recorded: yes}", "  abs: {recorded: yes, penalty: 0-10} #")], ["Language abs is new."]),
    ],
)
def test_a_change_is_said(pairs: list[tuple[str, str]], english: list[str] | None) -> None:
    found = sentences(*pairs)
    assert found
    if english is None:
        return
    said = found[1::2]
    assert len(said) == len(english)
    assert all(text.startswith(start) for text, start in zip(said, english, strict=True))


def test_one_rule_for_everybody_takes_few_sentences() -> None:
    found = sentences(with_rule("{rule: x, when: {caller: simless, longest_wait: over 90s}, priority: 1}"))[
        1::2
    ]
    assert (
        "All calls but Information, callers without SIM, wait over 90 s: priority: 1 (was: various)." in found
    )
    assert len(found) < 12


@pytest.mark.parametrize(
    "pairs",
    [
        [("# Who answers", "# Tell who answers")],
        [("  - rule: fire\n", "  - rule: fires\n")],
        [("  2027-12-25: Natal\n", "  2027-12-25: Hari Natal\n")],
        # A holiday on a Sunday, when the office is closed anyway.
        [("  2027-01-01", "  2027-01-03: Libur\n  2027-01-01")],
        # The same by other words.
        [("when: {category: fire}", "when: {category: [fire]}")],
        [("{operators: none, longest_wait", "{operators: under 1, longest_wait")],
        [("mon-thu 08:00-16:00,", "mon-tue 08:00-16:00, wed-thu 08:00-12:00, wed-thu 12:00-16:00,")],
    ],
)
def test_what_nobody_notices_is_no_difference(pairs: list[tuple[str, str]]) -> None:
    assert sentences(*pairs) == []


def test_another_schedule_of_the_same_name_is_told_by_its_hours() -> None:
    rule = with_rule("{rule: x, when: {category: hearse, schedule: office}, lead: dinsos, priority: 3}")
    (change,) = [
        one.said.en
        for one in differences(put(rule), put(rule, ("fri 08:00-11:30", "fri 08:00-11:00")), NOW)
        if "lead" in one.said.en
    ]
    assert change == ("Hearse, fri 11:00-11:30: lead agency: Housing Agency (was: Social Agency).")


@given(cities())
@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
def test_a_file_is_no_different_from_itself(text: str) -> None:
    assert differences(load(text, "a"), load(text, "b"), NOW) == ()


@given(cities(), cities(), st.booleans(), st.data())
@settings(max_examples=settings().max_examples // 5, suppress_health_check=list(HealthCheck))
def test_whose_decision_differs_is_named(one: str, other: str, alike: bool, data: st.DataObject) -> None:
    old, new = load(one, "old"), load(other, "new")
    if alike:
        # The same city but for its rules.
        usable = {name: new.lines[name] for name in new.lines}
        new = replace(new, agencies=old.agencies, lines={**usable, **old.lines}, last_resort=old.last_resort)
    found = differences(old, new, NOW)
    for _ in range(8):
        at = NOW + timedelta(minutes=data.draw(st.integers(0, 60 * 24 * 60)))
        facts = Facts(
            entry=data.draw(st.sampled_from(sorted(old.numbers.keys() & new.numbers.keys()))),
            category=data.draw(st.sampled_from(sorted(old.categories.keys() & new.categories.keys()))),
            language=data.draw(st.sampled_from(sorted(old.languages))),
            caller=data.draw(st.sampled_from(CallerClass)),
            cannot_speak=data.draw(st.booleans()),
            operators=data.draw(st.none() | st.integers(0, 9)),
            longest_wait=data.draw(st.floats(0, 500)),
            service_state=data.draw(st.sampled_from(ServiceState)),
        )
        decisions = [replace(decide(rules, facts, at), rule="", why=()) for rules in (old, new)]
        if decisions[0] != decisions[1]:
            assert any(
                facts.category in difference.of.get("category", [facts.category])
                for difference in found
                if any(change.about in DECIDED for change in difference.changes)
            )


@given(cities(), st.data())
@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
def test_boxes_hold_the_wanted_calls_and_no_others(text: str, data: st.DataObject) -> None:
    space = space_of([load(text, "r")], NOW.date())
    partition = Partition(space, [rules_table(load(text, "r"))], DIMENSIONS, lambda places: places[0])
    rules = sorted(outcomes(partition.root))
    wanted = data.draw(st.sets(st.sampled_from(rules)))
    boxes = boxes_where(partition.root, wanted.__contains__, [len(parts) for parts in partition.parts])
    for _ in range(10):
        call = {
            level: data.draw(st.integers(0, len(parts) - 1)) for level, parts in enumerate(partition.parts)
        }
        (rule,) = outcomes(partition.root, {level: frozenset({part}) for level, part in call.items()})
        inside = any(all(call[level] in parts for level, parts in box.items()) for box in boxes)
        assert inside == (rule in wanted)


def test_every_part_of_a_file_has_its_place_in_a_diff() -> None:
    code = "".join(
        (ROOT / "ivr" / "routing" / name).read_text("utf-8")
        for name in ("diff.py", "diff_parts.py", "space.py", "partition.py")
    )
    # Holidays count by the schedules that they are part of; the digest is of the text.
    parts = {field.name for field in fields(Rules) if field.init} - {"holidays", "digest"}
    assert {part for part in parts if not re.search(rf"\.{part}\b", code)} == set()


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    (tmp_path / "old.yaml").write_text(TEXT, "utf-8")
    (tmp_path / "new.yaml").write_text(TEXT.replace("lead: perkim\n    priority: 3", "lead: dinsos"), "utf-8")
    return [str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]


def test_the_command_says_both_languages(pair: list[str]) -> None:
    done = CliRunner().invoke(app, ["diff", *pair])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Mobil jenazah: prioritas: 5 (dulu: 3); instansi utama: Dinas Sosial (dulu: Dinas Perkim).",
        "  Hearse: priority: 5 (was: 3); lead agency: Social Agency (was: Housing Agency).",
    ]


def test_the_command_says_it_for_programs(pair: list[str]) -> None:
    done = CliRunner().invoke(app, ["diff", *pair, "--json"])
    assert json.loads(done.stdout) == [
        {
            "who": {"category": ["hearse"]},
            "changes": [
                {"about": "priority", "name": "", "was": "3", "now": "5"},
                {"about": "lead", "name": "", "was": "Housing Agency", "now": "Social Agency"},
            ],
            "id": "Mobil jenazah: prioritas: 5 (dulu: 3); instansi utama: Dinas Sosial (dulu: Dinas Perkim).",
            "en": "Hearse: priority: 5 (was: 3); lead agency: Social Agency (was: Housing Agency).",
        }
    ]


def test_the_command_says_that_nothing_changes(pair: list[str]) -> None:
    done = CliRunner().invoke(app, ["diff", pair[0], pair[0]])
    assert done.stdout == "Tidak ada yang berubah bagi siapa pun. / Nothing changes for anybody.\n"


def test_the_page_shows_what_is_really_said() -> None:
    page = (ROOT / "docs" / "routing-check.md").read_text("utf-8")
    said = sentences(
        ("damkar-1 15s, damkar-2 20s", "damkar-1 10s, damkar-2 20s"),
        ("mon-thu 08:00-16:00", "mon-thu 08:00-15:00"),
        ("lead: perkim\n    priority: 3", "lead: perkim\n    support: dinsos\n    priority: 4"),
    )
    _, _, after = page.partition("$ ivr diff routing.yaml new.yaml\n")
    assert [line.strip() for line in after.splitlines()[: len(said)]] == said
