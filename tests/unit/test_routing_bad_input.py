"""Whatever an admin saves, the answer is rules or a clear message with its place, never anything else."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.routing.loader import load, load_bytes, load_file
from ivr.routing.problems import MOST_PROBLEMS, RoutingError
from ivr.routing.rules import RuleMode

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
FORM = re.compile(r"routing\.yaml:\d+:\d+: error: \S.*", re.DOTALL)


def problems(data: str | bytes) -> list[tuple[int, int, str]]:
    """Line, column and message of each problem of a file that must not be accepted."""
    with pytest.raises(RoutingError) as caught:
        load(data, "routing.yaml") if isinstance(data, str) else load_bytes(data, "routing.yaml")
    assert all(FORM.fullmatch(line) for line in str(caught.value).splitlines())
    return [(problem.line, problem.column, problem.message) for problem in caught.value.problems]


def changed(*replacements: tuple[str, str]) -> str:
    """Ambon's file with these places written differently."""
    text = AMBON
    for old, new in replacements:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def place_of(text: str, piece: str) -> tuple[int, int]:
    index = text.index(piece)
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (b"", (1, 1), "empty"),
        (b"# nothing but words\n", (1, 1), "empty"),
        (b"\xef\xbb\xbfcity: x\n", (1, 1), "byte-order mark"),
        ("city: x".encode("utf-16"), (1, 1), "UTF-16"),
        (b"city:\n  name: Kota\xe9\n", (2, 13), "0xe9 is not UTF-8"),
        (b"city:\n\tname: x\n", (2, 1), "tab"),
        (b"city: {name: x}\na: \x07\n", (2, 4), "U+0007"),
        (b"x" * 10_000_000, (1, 1), "more than 1,000,000 bytes"),
        ("city:\n  name: “Kota Ambon”\n".encode(), (2, 9), "straight ones"),
        (b"open: Tekan: satu\n", (1, 12), "straight quotes"),
        (b"main: {1: fire, , 2: medical}\n", (1, 17), "spare comma"),
        (b"main: {1: fire, : medical}\n", (1, 17), "spare comma"),
        (b"*: next\n", (1, 2), "bare *"),
        (b"city:\n    name: x\n  zone: y\n", (3, 3), "does not fit its block"),
        (b"choice: {what}, {key}.\n", (1, 15), "begins with {"),
        (b"rules: - rule: x\n", (1, 8), "begin it below"),
        (b"name: 'Kota\n", (1, 7), "not closed"),
        (b"lines: [a, b\n", (2, 1), "brackets of line 1 are not closed"),
        (b"main: {a: b\n", (2, 1), "braces of line 1 are not closed"),
        (b"# no line break at the end\nlines: [a, b", (2, 13), "brackets of line 2 are not closed"),
        (b"name: @home\n", (1, 7), "straight quotes"),
        (b"a: b\n---\nc: d\n", (2, 1), "second document"),
        (b"a: *damkar\n", (1, 4), "no anchor above"),
        (b"a: &x [*x]\n", (1, 8), "inside its own anchor"),
        (b"- a\n- b\n", (1, 1), "begin with city:"),
        (b"a: {b: x, c\n", (2, 1), "braces of line 1"),
        (b"rules:\n  -rule: x\n   when: y\n", (2, 3), "a - without a blank"),
        ("rules:\n  – rule: x\n    when: y\n".encode(), (2, 3), "no hyphen"),
        ("city:\n  name：Kota\n  zone: x\n".encode(), (2, 7), "not the usual one"),
        (b"city:\n  name:Kota\n  zone: x\n", (2, 7), "a colon without a blank"),
        (b"city:\n  name: 'Rumah Sakit Ma'ruf\n", (2, 9), "an apostrophe ends the text"),
        ("city:\n\u00a0 name: x\n".encode(), (2, 1), "U+00A0"),
        ("city: {name: Kota\u200b}\n".encode(), (1, 14), "U+200B"),
        ("“city”: {name: x}\n".encode(), (1, 1), "straight ones"),
        ("city: {name: ‘Kota Ambon’}\n".encode(), (1, 14), "straight ones"),
        (b"<<<<<<< HEAD\ncity: x\n=======\ncity: y\n>>>>>>> z\n", (1, 1), "two versions"),
        (b"%YAML 1.1\n---\ncity: x\n---\n", (4, 1), "second document"),
        (b"just words\n", (1, 1), "begin with city:"),
        (b"[" * 500_000, (1, 13), "12 levels"),
        (b"- " * 200_000, (1, 25), "12 levels"),
        (b"{a: " * 200_000, (1, 49), "12 levels"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read(data: bytes, place: tuple[int, int], said: str) -> None:
    found = problems(data)
    assert any((line, column) == place and said in message for line, column, message in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  fire: [house, market,", "  fire: [on, off, no, yes, null, market,"),
        ("damkar-1 15s", "damkar-1 15s number=0711123456"),
        ("damkar-1 15s", "damkar-1 15s number=+62711123456"),
        ("  iftar: ", "  early: 08:00-09:00\n  iftar: "),
    ],
)
def test_what_yaml_takes_for_something_else_stays_what_was_typed(old: str, new: str) -> None:
    rules = load(changed((old, new)), "routing.yaml")
    assert {"on", "off", "no", "yes", "null"} <= set(rules.categories["fire"]) or "fire: [" not in old
    assert rules.lines["damkar-1"].number == (new.partition("number=")[2] or None)


def test_windows_line_ends_are_as_good() -> None:
    assert load(AMBON.replace("\n", "\r\n"), "x").rules == load(AMBON, "x").rules


def test_billion_laughs_stop_at_a_bound() -> None:
    laughs = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "aliases counted" in problems("\n".join(laughs))[0][2]


def test_an_anchor_repeats_a_value() -> None:
    text = changed(
        ("friday-prayer: [20s", "friday-prayer: &thin [20s"),
        ("iftar: [20s supervisors, 40s lead, 80s last_resort]", "iftar: *thin"),
    )  # fmt: skip
    during = load(text, "routing.yaml").queues["emergency"].during
    assert during["iftar"] == during["friday-prayer"] != ()


CHANGES = [
    # (what stood there, what stands there now, where the problem is, what is said)
    ("name: Kota Ambon", "nama: Kota Ambon", "nama:", "did you mean name?"),
    ("name: Kota Ambon", "name: [Kota, Ambon]", "[Kota", "a list stands where"),
    ("name: Kota Ambon", "name: {Kota: Ambon}", "{Kota", "a block of keys stands where"),
    ("name: Kota Ambon", "name:", "name:", "nothing stands here"),
    ("name: Kota Ambon", 'name: ""', '""', "the text is empty"),
    ("name: Kota Ambon", "name: #1 Ambon", "name:", "in quotes if it begins with #"),
    ("cannot_speak: yes", "cannot_speak: on", "on}", "write yes or no"),
    ("mode: verify", "mode: off", "off,", "write verify or direct"),
    ("  # abs: {recorded: yes}", "  abs: {recorded: no}", "no}", "write yes"),
    ("clock: 5m", "clock: 08:00", "08:00", "like 15s or 5m"),
    ("priority: 9", "priority: 112", "112", "from 0 to 20"),
    ("{1: fire, 2:", '{"*": fire, 2:', '"*"', "* is the next language"),
    ("mon-thu 08:00-16:00", "mon-thu 08.00-16.00", "mon-thu 08", "no span of time"),
    ("rules:\n", "rules: ~\nrulez:\n", "rules: ~", "a list of 1 to 2000"),
    ("  hearse: []", "  hearse: {house: x}", "{house", "a block of keys stands where"),
    ("name: Kota Ambon", "name: Kota | Ambon", "Kota | Ambon", "leave them out"),
    ("name: Kota Ambon", "name: !!str Kota", "!!str", "write the value alone"),
    ("Asia/Jayapura", "WIT", "WIT", "Asia/Jayapura"),
    ("Asia/Jayapura", "../../etc/passwd", "../../etc", "Asia/Jayapura"),
    ("area_code: 0911", "area_code: 911", "911  ", "0911"),
    ("[000*,", "[0a0*,", "0a0*", "15 digits"),
    ("zone: Asia", "name: x\n  zone: Asia", "name: x", "stands twice, first in line 12"),
    ("{what}, {key}.", "{what}.", '"{what}."', "{key}"),
    ("{what}, {key}.", "{what}, {key}, {where}.", '"{what}, {key}, {where}', "no other braces"),
    ("[satu, dua, tiga, empat, lima, enam, tujuh]", "[satu, dua]", "[satu", "7 words"),
    ("      fire: Kebakaran\n", "", "disaster: Bencana", "id has no words for fire"),
    ("      fire: Kebakaran", "      fier: Kebakaran", "fier:", "did you mean fire?"),
    ("      stay: Tetap", "      stey: Tetap", "stey:", "did you mean stay?"),
    ("  112: {menu: main}\n", "", "911:", "112 is missing"),
    ("  other: {menu: main}", "", "112: {", "other is missing"),
    ("112: {menu: main}", "112: {menu: main, category: fire}", "{menu: main, c", "one of the two"),
    ("112: {menu: main}", "112: {menu: mian}", "mian", "did you mean main?"),
    ("911: {menu", "991: {menu", "991:", "did you mean 911?"),
    ("language: en}", "language: eng}", "eng}", "did you mean en?"),
    ("{1: fire, 2:", "{0: fire, 2:", "0: fire", "0 is always a person"),
    ("{1: fire, 2:", "{8: fire, 2:", "8: fire", "8 means I cannot speak"),
    ("{1: fire, 2:", "{9: fire, 2:", "9: fire", "write 1 to 7"),
    ("{1: fire, 2:", "{6: missing, 1: fire, 2:", "{6: missing", "1 to 5"),
    ("silence: 3s", "silence: 30s", "30s", "from 1s to 10s"),
    ("5: other,", "5: main,", "{1: fire", "main → main lead round in a circle"),
    ("1: accident,", "1: main,", "{1: fire", "main → other → main lead round in a circle"),
    ("  unknown: []", "", "fire: [house", "the category unknown is missing"),
    ("  other: {1: acc", "  fire: {1: acc", "fire: {1", "is a category already"),
    ("  hearse: []", "  Hearse: []", "Hearse: []", "small letters"),
    ("2026-12-25: Natal", "2026-12-32: Natal", "2026-12-32", "there is no day"),
    ("2026-12-25: Natal", "25/12/2026: Natal", "25/12", "like 2026-12-25"),
    ("mon-thu 08:00-16:00", "mon-thu 8:00-16:00", "mon-thu 8", "no span of time"),
    ("mon-thu 08:00-16:00", "mon-thu 08:00-25:00", "mon-thu 08:00-25", "no time of day"),
    ("fri 11:30-13:30", "fri 11:30-11:30", "fri 11:30-11:30", "has no length"),
    ("..2027-03-09", "..2027-01-09", "2027-02-08..2027-01", "ends before it begins"),
    ("longest_wait: over 60s}", "longest_wait: 60s}", "60s}", "over 60s"),
    ("operators: none,", "operators: off,", "off,", "write none, under 2"),
    ("operators: none,", "operators: under 0,", "under 0", "write none, under 2"),
    ("priority: 5}", "priority: 21}", "21}", "0 to 20"),
    ("priority: 5}", "priority: +5}", "+5}", "0 to 20"),
    ("mode: verify", "mode: verfy", "verfy", "did you mean verify?"),
    ("lead: damkar", "lead: damkr", "damkr", "did you mean damkar?"),
    ("notify: fire-heads", "notify: fire-head", "fire-head\n", "did you mean fire-heads?"),
    ("clock: 5m", "clock: 5 minutes", "5 minutes", "like 15s or 5m"),
    ("mutual_aid: [pdam, pln]", "mutual_aid: [pdam, pdam]", "pdam]", "stands twice"),
    ("mutual_aid: [pdam, pln]", "mutual_aid: damkar", "rule: fire", "two roles"),
    ("when: {category: fire}", "when: {categories: fire}", "categories", "did you mean category?"),
    ("when: {category: fire}", "when: {category: blaze}", "blaze", "write one of: accident"),
    ("when: {category: fire}", "when: {}", "{}", "when: always"),
    ("when: {category: fire}", "when: {caller: nobody}", "nobody", "write number or simless"),
    ("when: {category: fire}", "when: {schedule: not ofice}", "ofice", "did you mean office?"),
    ("when: {category: fire}", "when: {cannot_speak: true}", "true", "write yes or no"),
    ("when: {category: fire}", "when: always", "always", "only the last rule"),
    ("when: always", "when: {category: fire}", "{category: fire}\n    priority: 6", "when: always"),
    ("    when: always\n", "", "rule: everything else", "has no when"),
    ("  - rule: ambulance", "  - rule: fire", "rule: fire\n    when: {category: medical}", "stands twice"),
    ("    queue: information", "    queue: supervisors", "rule: information", "has no overflow"),
    ("queue: information", "queue: informtion", "informtion", "did you mean information?"),
    ("    lead: damkar\n", "", "direct_if_swamped", "write lead:"),
    ("[45s supervisors,", "[45 supervisors,", "45 supervisors", "no step of an overflow"),
    ("[45s supervisors,", "[45s supervisor,", "supervisor,", "did you mean supervisors?"),
    ("[45s supervisors, 75s", "[45s supervisors, 40s", "[45s supervisors, 40s", "do not grow"),
    ("75s lead, 2m last_resort]", "75s lead]", "[45s supervisors, 75s lead]", "ends with lead"),
    ("75s lead, 2m last_resort]", "75s last_resort, 2m lead]", "[45s", "nothing comes after last_resort"),
    ("75s lead, 2m last_resort]", "75s lead, 2m supervisors]", "[45s", "ends in the queue supervisors"),
    ("75s lead, 2m last_resort]", "75s lead, 2m information]", "overflow: [45s", "lead round in a circle"),
    ("[5m emergency]", "[5m information]", "keep_free: 1", "information → information"),
    ("    overflow: [45s supervisors, 75s lead, 2m last_resort]\n", "", "during:", "has no overflow"),
    ("  supervisors: {ring", "  lead: {ring", "lead: {ring", "has a meaning of its own"),
    ("    during:  ", "    ring: together\n    during:  ", "together\n    during", "queues.conf"),
    ("ring_for: 20s, keep", "ring_for: 20, keep", "20, keep", "like 15s or 5m"),
    ("name: {id: BPBD, en: D", "name: {en: D", "en: Disaster Agency", "no name in id"),
    ("name: {id: BPBD, en: D", "name: {id: BPBD, fr: D", "fr: D", "write one of: en, id"),
    ("damkar-1 15s", "damkar-1", "damkar-1,", "its ring time"),
    ("damkar-1 15s", "damkar-1 15", "15,", "its ring time"),
    ("damkar-1 15s", "damkar-1 15 detik", "15 detik", "its ring time"),
    ("damkar-1 15s", "damkar-1 08:00", "08:00", "its ring time"),
    ("damkar-1 15s", "damkar-1 15s number=+62 911 345", "911 345", "write number= without blanks"),
    ("damkar-1 15s", "damkar-1 999s", "999s", "its ring time"),
    ("damkar-1 15s", "Damkar-1 15s", "Damkar-1", "no name of a-z"),
    ("damkar-1 15s", "0711 15s number=0711 phone=x", "0711 15s", "a phone and a number"),
    ("damkar-1 15s", "damkar-1 15s accept=anser", "anser", "accept=press"),
    ("damkar-1 15s", "damkar-1 15s acept=answer", "acept", "did you mean accept=…?"),
    ("damkar-1 15s", "damkar-1 15s dtmf=2 dtmf=3", "dtmf=3", "stands twice"),
    ("damkar-1 15s", "damkar-1 15s dtmf=abc", "abc,", "keys to send"),
    ("damkar-1 15s", "damkar-1 15s number=damkar", "damkar, ", "digits"),
    ("damkar-1 15s", "damkar-1 15s phone=Damkar", "Damkar, ", "number="),
    ("damkar-1 15s", "damkar-1 15s number=+62911112", "[damkar-1", "leads back to this centre"),
    ("15s schedule=office", "15s schedule=offic", "offic,", "did you mean office?"),
    ("bpbd-1 20s", "damkar-1 20s", "damkar-1 20s", "first in line"),
    ("piket-112 30s", "piket-112 30s schedule=office", "piket-112", "at any hour"),
    ("last_resort: [piket", "last_resrt: [piket", "last_resrt", "did you mean last_resort?"),
    ("  leaders:\n", "  centre:\n", "centre:\n", "112 centre itself"),
    ("[damkar.head,", "[damkr.head,", "damkr.head", "did you mean damkar?"),
    ("[damkar.head,", "[damkar.Kepala Dinas,", "damkar.Kepala", "names no post"),
    ("half: supervisors", "half: supervisor", "supervisor,", "did you mean supervisors?"),
    ("Lainnya", "Lainnya dan sebagainya yang belum disebut", "{1: fire", "10 s; use fewer choices"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "said"), CHANGES)
def test_a_mistake_is_found_where_it_is(old: str, new: str, where: str, said: str) -> None:
    text = changed((old, new))
    lines = text.splitlines()
    found = [line for line, _, message in problems(text) if said in message]
    assert found, problems(text)
    assert any(where in "\n".join(lines[line - 1 : line + 1]) for line in found), [
        lines[line - 1] for line in found
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = changed(
        ("Asia/Jayapura", "Asia/Ambon"),
        ("1: fire,", "1: fier,"),
        ("lead: damkar", "lead: damkr"),
        ("damkar-1 15s", "damkar-1 15"),
        ("half: supervisors", "half: supervisor"),
    )
    found = problems(text)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    for piece in ("Asia/Ambon", "fier", "damkr", "15,", "supervisor,"):
        index = text.index(piece, text.index("1: fier") if piece != "Asia/Ambon" else 0)
        assert any(line == text.count("\n", 0, index) + 1 for line, _, _ in found), piece


def test_the_place_is_exact_to_the_column() -> None:
    text = changed(("damkar-2 20s", "damkar-2 20s schedule=offic"))
    assert (*place_of(text, "offic,"), 'there is no schedule "offic"; did you mean office?') in problems(text)


def test_a_plan_too_long_for_asterisk_is_refused() -> None:
    lines = ", ".join(f"a-very-long-name-of-a-line-{number} 20s" for number in range(10))
    text = changed(("[damkar-1 15s, damkar-2 20s, damkar-radio 10s accept=answer]", f"[{lines}]"))
    load(text, "routing.yaml")
    many = ", ".join(f"another-long-name-of-a-line-{number} 20s" for number in range(10))
    text = text.replace("[bpbd-1 20s, bpbd-2 20s]", f"[{many}]").replace(
        "lead: damkar\n", "lead: damkar\n    else: bpbd\n", 1
    )
    assert [message for _, _, message in problems(text) if "rings so many lines" in message]


def test_thousands_of_mistakes_are_cut_off() -> None:
    assert len(problems("".join(f"key{number}: x\n" for number in range(5000)))) <= MOST_PROBLEMS


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RoutingError, match="cannot be read"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(RoutingError, match="cannot be read"):
        load_file(tmp_path)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_end_in_problems(data: bytes) -> None:
    assert problems(data)


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_ends_in_problems(text: str) -> None:
    assert problems(text)


PIECES = st.sampled_from(
    ["\n", "  ", "\t", ": ", "- ", "{", "}", "[", "]", ",", "&a ", "*a", "!x ", "'", '"', "|\n", ">\n", "#",
     "? ", "%", "---\n", "<<: ", "~", "null", "yes", "0911", "city", "rules", "when", "\ufeff", "\x00",
     "\u2028", "\ud800"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=3 * settings().max_examples)
def test_any_mixture_of_yaml_ends_in_problems(text: str) -> None:
    assert problems(text)


@given(st.integers(0, len(AMBON) - 1), st.integers(0, 12), st.text(max_size=6) | PIECES)
@settings(max_examples=3 * settings().max_examples)
def test_any_slip_of_the_hand_in_the_real_file_ends_in_rules_or_problems(
    at: int, cut: int, typed: str
) -> None:
    rules, found = None, ()
    try:
        rules = load(AMBON[:at] + typed + AMBON[at + cut :], "routing.yaml")
    except RoutingError as error:
        found = error.problems
    assert bool(found) != (rules is not None and rules.rules[-1].when == ())
    assert all(FORM.fullmatch(str(problem)) for problem in found)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("lines: [trunk 15s]", "begins with no name of a-z"),
        ("lines: [operator 15s]", "begins with no name of a-z"),
        ("lines: [x 15s]", "begins with no name of a-z"),
        ("lines: [damkar-1 15s, damkar1 20s]", "hyphens do not count"),
        ("lines: [damkar-1 15s phone=trunk-auth]", "phone= takes a phone of this PBX"),
    ],
)
def test_names_that_asterisk_would_take_for_something_else_are_refused(written: str, expected: str) -> None:
    text = AMBON.replace("lines: [damkar-1 15s, damkar-2 20s, damkar-radio 10s accept=answer]", written)
    assert text != AMBON
    with pytest.raises(RoutingError, match=expected):
        load(text, "routing.yaml")


def test_a_queue_cannot_have_the_name_of_a_section_of_queues_conf() -> None:
    text = AMBON.replace("supervisors: {ring: together", "general: {ring: together")
    with pytest.raises(RoutingError, match="has a meaning of its own"):
        load(text, "routing.yaml")


def test_a_merge_key_brings_in_keys_that_do_not_stand_there() -> None:
    mode = "    mode: direct_if_swamped\n"
    text = changed(
        (
            "{category: fire}\n" + mode,
            "{category: fire}\n    <<: &fast {mode: direct_if_swamped, clock: 9m}\n",
        ),
        ("{category: medical}\n" + mode, "{category: medical}\n    <<: [*fast]\n"),
        ("{category: brawl}\n", "{category: brawl}\n    <<: *fast\n    clock: 7m\n"),
    )
    rules = {rule.name: rule for rule in load(text, "routing.yaml").rules}
    assert rules["fire"].clock_seconds == rules["ambulance"].clock_seconds == 300
    assert rules["brawl"].clock_seconds == 420
    assert rules["brawl"].mode is rules["ambulance"].mode is RuleMode.DIRECT_IF_SWAMPED


def test_a_merge_key_without_a_block_is_explained() -> None:
    text = changed(("mutual_aid: [pdam, pln]", "<<: pdam"))
    said = "<< brings in the keys of a block; write <<: *name, its anchor above"
    assert (*place_of(text, "pdam\n"), said) in problems(text)
