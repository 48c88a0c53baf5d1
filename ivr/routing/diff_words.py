"""Calls and hours in a sentence: *Kebakaran, selama office*; in English *Fire, during office*."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ivr.routing.conditions import Compared
from ivr.routing.hours import Hours
from ivr.routing.model import CallerClass
from ivr.routing.rules import Rules
from ivr.routing.schedules import Schedule
from ivr.routing.space import (
    CALL,
    CALLER,
    CANNOT_SPEAK,
    DISTRICT,
    ENTRY,
    HOURS,
    LANGUAGE,
    OPERATORS,
    OUT,
    SERVICE,
    WAIT,
    Space,
    Value,
)

MOST_EXCEPTIONS = 3
"""*All but these* is said of so many at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """The same in Indonesian and in English."""

    id: str
    en: str


def joined(parts: Iterable[Said], between: str = ", ") -> Said:
    parts = list(parts)
    return Said(between.join(part.id for part in parts), between.join(part.en for part in parts))


def category_said(files: Sequence[Rules], category: str) -> Said:
    """How the newest file that knows it calls a category; in English its id where there is no English."""
    return Said(*(_word(files, category, language) or category for language in (None, "en")))


def _word(files: Sequence[Rules], name: str, language: str | None) -> str | None:
    for rules in reversed(files):
        spoken = rules.default_language if language is None else rules.languages.get(language)
        if spoken is not None and name in spoken.words:
            return spoken.words[name]
    return None


def agency_said(files: Sequence[Rules], agency: str) -> Said:
    for rules in reversed(files):
        if agency in rules.agencies:
            names = rules.agencies[agency].name
            first = names.get(rules.default_language.id, agency)
            return Said(first, names.get("en", first))
    return Said(agency, agency)


@dataclass(frozen=True, slots=True)
class Group:
    """Values of one dimension: all of them, those meant, the others."""

    known: Sequence[Value]
    inside: Sequence[Value]
    outside: Sequence[Value]
    bounds: Collection[int] = ()
    """With which rules compare this number."""


@dataclass(frozen=True)
class Teller:
    """Says of a part of the space which calls are in it."""

    files: Sequence[Rules]
    space: Space

    def who(self, values: Mapping[str, Collection[int]]) -> tuple[Said, dict[str, list[str]]]:
        """``values``: dimension → places of its values, for dimensions that matter. In a sentence, and as
        the file's own words."""
        parts: list[Said] = []
        plain: dict[str, list[str]] = {}
        for name in (CALL, ENTRY, LANGUAGE, CALLER, DISTRICT, CANNOT_SPEAK, SERVICE, OPERATORS, WAIT, OUT):
            if name in values:
                known = self.space.dimension(name).values
                inside = [known[place] for place in sorted(values[name])]
                group = Group(
                    known, inside, [one for one in known if one not in inside], bounds(self.files, name)
                )
                parts.append(self.calls(group) if name == CALL else _TELL[name](group))
                key = "category" if name == CALL else name
                plain[key] = list(dict.fromkeys(_plain(name, one) for one in inside))
        if HOURS in values:
            kinds = list(self.space.hours.kinds)
            parts.append(self.when(frozenset(kinds[place] for place in values[HOURS])))
            plain[HOURS] = [parts[-1].en]
        return (joined(parts) if parts else Said("Semua panggilan", "All calls")), plain

    def categories(self, names: Collection[str]) -> Said:
        known = list(dict.fromkeys(one["category"] for one in self.space.dimension(CALL).values))
        return _all_but(
            [name for name in known if name in names],
            [name for name in known if name not in names],
            lambda name: category_said(self.files, name),
            Said("Semua panggilan", "All calls"),
        )

    def when(self, kinds: frozenset[int]) -> Said:
        """Hours of these kinds: by the schedules' names where they fit, else by the clock."""
        hours = self.space.hours
        others = frozenset(hours.kinds) - kinds
        for wanted, one, both, form in (
            (kinds, "selama {}", " atau ", "during {}"),
            (others, "di luar {}", " dan ", "outside {}"),
        ):
            names = self._union(hours, wanted)
            if names:
                english = {" atau ": " or ", " dan ": " and "}[both]
                return Said(one.format(both.join(names)), form.format(english.join(names)))
        week = hours.week(kinds)
        special = hours.first_special(kinds)
        day = f"{special.at:%Y-%m-%d %H:%M}" if special else ""
        return joined(
            [
                *([Said(week, week)] if week else []),
                *([Said(f"saat seperti {day}", f"hours like {day}")] if day else []),
            ]
        )

    def _union(self, hours: Hours, kinds: frozenset[int]) -> list[str] | None:
        """The fewest schedules, three at most, that hold at exactly these kinds of hours."""
        fitting = [one for one in hours.schedules if hours.of(one) and hours.of(one) <= kinds]
        for count in range(1, 4):
            for some in combinations(fitting, count):
                if frozenset().union(*(hours.of(one) for one in some)) == kinds:
                    return [self._schedule(one) for one in some]
        return None

    def _schedule(self, schedule: Schedule) -> str:
        """Its name, with its hours where the files do not agree on them."""
        same = [one for one in self.space.hours.schedules if one.name == schedule.name]
        return schedule.name if len(same) == 1 else f"{schedule.name} ({schedule.text})"

    def calls(self, group: Group) -> Said:
        subs: dict[str, list[str | None]] = {}
        for one in group.inside:
            subs.setdefault(one["category"], []).append(one["sub"])
        partly = {one["category"] for one in group.outside}
        whole = [category for category in subs if category not in partly]
        parts = [self.categories(whole)] if whole else []
        for category in subs:
            if category in partly:
                named = category_said(self.files, category)
                of = [
                    Said("tanpa rincian", "not specified") if sub is None else Said(sub, sub)
                    for sub in subs[category]
                ]
                inner = joined(of)
                parts.append(Said(f"{named.id} ({inner.id})", f"{named.en} ({inner.en})"))
        return joined(parts)


def bounds(files: Iterable[Rules], fact: str) -> set[int]:
    return {
        condition.bound
        for rules in files
        for condition in (*rules.swamped, *(one for rule in rules.rules for one in rule.when))
        if isinstance(condition, Compared) and condition.fact == fact
    }


def _plain(name: str, value: Value) -> str:
    if name == OUT:
        return "+".join(sorted(value[OUT])) or "nothing"
    if name == CALL:
        return str(value["category"])
    if name == CALLER and value["listed"]:
        return f"listed {value['listed']}"
    return str(value[name])


def _all_but(inside: list[str], outside: list[str], say: Callable[[str], Said], everything: Said) -> Said:
    if not outside:
        return everything
    if len(outside) <= MOST_EXCEPTIONS and len(inside) > 2 * len(outside):
        but = joined(map(say, outside))
        return Said(f"{everything.id} kecuali {but.id}", f"{everything.en} but {but.en}")
    return joined(map(say, inside))


def _named(fact: str, id_: str, en: str, unknown: Said = Said("tidak ada", "none")) -> "_Tell":
    """Says values of a fact after a word: *nomor 113/115*, *number 113/115*."""

    def say(one: Value) -> Said:
        return unknown if one[fact] is None else Said(str(one[fact]), str(one[fact]))

    def tell(group: Group) -> Said:
        if len(group.outside) <= MOST_EXCEPTIONS and len(group.inside) > 2 * len(group.outside):
            but = joined(map(say, group.outside), "/")
            return Said(f"{id_} selain {but.id}", f"{en} other than {but.en}")
        these = joined(map(say, group.inside), "/")
        return Said(f"{id_} {these.id}", f"{en} {these.en}")

    return tell


_CALLERS = {
    CallerClass.NUMBER: Said("dengan nomor", "with a number"),
    CallerClass.SIMLESS: Said("tanpa SIM", "without SIM"),
    CallerClass.ANONYMOUS: Said("anonim", "anonymous"),
    CallerClass.MISSING: Said("tanpa nomor", "without a number"),
}


def _callers(group: Group) -> Said:
    def say(one: Value) -> Said:
        if one["listed"]:
            return Said(f"dalam daftar {one['listed']}", f"listed in {one['listed']}")
        return _CALLERS[one["caller"]]

    if len(group.outside) < len(group.inside):
        but = joined(map(say, group.outside), "/")
        return Said(f"penelepon selain yang {but.id}", f"callers other than those {but.en}")
    these = joined(map(say, group.inside), "/")
    return Said(f"penelepon {these.id}", f"callers {these.en}")


def _speech(group: Group) -> Said:
    if group.inside[0][CANNOT_SPEAK]:
        return Said("penelepon tidak bisa bicara", "callers who cannot speak")
    return Said("penelepon bisa bicara", "callers who can speak")


def _out(group: Group) -> Said:
    in_service = any(not one[OUT] for one in group.inside)
    marked = group.outside if in_service else group.inside
    these = "/".join(sorted({next(iter(one[OUT])) for one in marked if len(one[OUT]) == 1}))
    if in_service:
        return Said(f"selama {these} bertugas", f"while {these} is in service")
    return Said(f"selama {these} di luar layanan", f"while {these} is out of service")


def _operators(group: Group) -> Said:
    parts = []
    if any(one[OPERATORS] is None for one in group.inside):
        parts.append(Said("jumlah operator tidak diketahui", "operators not known"))
    for low, high in _runs(group, OPERATORS):
        if high == 0:
            parts.append(Said("tidak ada operator", "no operator on duty"))
        elif high is None:
            parts.append(Said(f"{low} operator atau lebih", f"{low} or more operators"))
        elif low == high:
            parts.append(Said(f"{low} operator", f"{low} operator{'' if low == 1 else 's'}"))
        else:
            parts.append(Said(f"{low} sampai {high} operator", f"{low} to {high} operators"))
    return joined(parts, " / ")


def _wait(group: Group) -> Said:
    parts = []
    for low, high in _runs(group, WAIT):
        words = []
        if low in group.bounds:
            words.append(Said(f"{low} dtk atau lebih", f"{low} s or more"))
        elif low:
            words.append(Said(f"lebih dari {low - 1} dtk", f"over {low - 1} s"))
        if high in group.bounds:
            words.append(Said(f"paling lama {high} dtk", f"at most {high} s"))
        elif high is not None:
            words.append(Said(f"kurang dari {high + 1} dtk", f"under {high + 1} s"))
        said = joined(words)
        parts.append(Said(f"tunggu {said.id}", f"wait {said.en}"))
    return joined(parts, " / ")


def _runs(group: Group, fact: str) -> Iterator[tuple[int, int | None]]:
    """Neighbouring numbers as (first, last); the last is ``None`` where there is no greater number."""
    numbers = [one[fact] for one in group.known if one[fact] is not None]
    held = [any(one[fact] == number for one in group.inside) for number in numbers]
    first = None
    for place, number in enumerate(numbers):
        last = place + 1 == len(numbers)
        if held[place] and first is None:
            first = int(number)
        if first is not None and (last or not held[place + 1]):
            yield first, None if last else int(number)
            first = None


_Tell = Callable[[Group], Said]

_TELL: Mapping[str, _Tell] = {
    ENTRY: _named("entry", "nomor", "number"),
    LANGUAGE: _named("language", "bahasa", "language"),
    CALLER: _callers,
    DISTRICT: _named("district", "kecamatan", "district", Said("belum diketahui", "not known yet")),
    CANNOT_SPEAK: _speech,
    SERVICE: _named("service_state", "keadaan", "state"),
    OPERATORS: _operators,
    WAIT: _wait,
    OUT: _out,
}
