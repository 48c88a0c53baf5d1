"""What changes in the parts of a routing file that are no rules: agencies, lines, queues, menus, who is told.

Every field of :class:`ivr.routing.rules.Rules` has its place here or in :mod:`ivr.routing.diff`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from ivr.menu.prompts_needed import prompts_needed
from ivr.routing.diff_words import Said, agency_said, category_said, joined
from ivr.routing.plan import overflow_at
from ivr.routing.rules import EntryNumber, Line, OverflowStep, Rules

T = TypeVar("T")

NOTHING = Said("tidak ada", "none")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class Change:
    about: str
    """mode, queue, priority, lead, …, lines, overflow, number, menu, …"""
    name: str
    """Of the agency, line, queue, menu …; empty for what a rule decides."""
    label: Said
    was: Said | None = None
    now: Said | None = None
    """``None`` for both: the label says it all."""

    @property
    def said(self) -> Said:
        """*priority: 9 (was: 5)*."""
        if self.was is None or self.now is None:
            return self.label
        return Said(
            f"{self.label.id} {self.now.id} (dulu: {self.was.id})",
            f"{self.label.en} {self.now.en} (was: {self.was.en})",
        )

    def as_json(self) -> dict[str, str | None]:
        values = [None if one in (None, NOTHING) else one.en for one in (self.was, self.now)]
        return {"about": self.about, "name": self.name, "was": values[0], "now": values[1]}


def plainly(about: str, name: str, label: Said, was: object, now: object) -> Change:
    """A change of something that is said just as it is written in the file."""
    before, after = (Said(text, text) if text else NOTHING for text in map(_text, (was, now)))
    return Change(about, name, Said(f"{label.id}:", f"{label.en}:"), before, after)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(inner) for inner in value)
    return str(value)


# Agencies and queues, at one hour


def agency_changes(old: Rules, new: Rules, agency: str, at: datetime) -> Iterator[Change]:
    """How an agency is rung at this hour."""
    was, now = (_rung(rules, agency, at) for rules in (old, new))
    if was == now:
        return
    named = agency_said((old, new), agency)
    texts = [_ring_text(*ring) for ring in (was, now)]
    (was_lines, was_together), (now_lines, now_together) = was, now
    if was_together == now_together and [name for name, _ in was_lines] == [name for name, _ in now_lines]:
        said = joined(_times(named, was_lines, now_lines, now_together), "; ")
        yield Change("lines", agency, said)
        return
    yield Change(
        "lines",
        agency,
        Said(f"saluran {named.id}:", f"lines of {named.en}:"),
        *texts,
    )


_Lines = Sequence[tuple[str, int]]
"""Names and how long each is rung, in seconds."""


def _rung(rules: Rules, agency: str, at: datetime) -> tuple[_Lines, bool]:
    lines = [rules.lines[name] for name in rules.agencies[agency].lines]
    present = [
        (line.name, line.timeout_seconds)
        for line in lines
        if line.schedule is None or rules.schedules[line.schedule].covers(rules.local(at))
    ]
    # One line alone rings neither in turn nor together.
    return present, rules.agencies[agency].together and len(present) > 1


def _ring_text(lines: _Lines, together: bool) -> Said:
    between = " + " if together else ", "
    return (
        joined([Said(f"{name} {time} dtk", f"{name} {time} s") for name, time in lines], between)
        if lines
        else NOTHING
    )


def _times(named: Said, was: _Lines, now: _Lines, together: bool) -> Iterator[Said]:
    """The same lines, rung for other times; in turn, the next one begins earlier or later."""
    before = after = 0
    for place, ((name, was_time), (_, now_time)) in enumerate(zip(was, now, strict=True)):
        ordinal = Said(
            f"saluran ke-{place + 1} {named.id} ({name})", f"{named.en}'s {_ORDINALS[place]} line ({name})"
        )
        if before != after and not together:
            yield Said(
                f"{ordinal.id} mulai berdering setelah {after} dtk (dulu: {before} dtk)",
                f"{ordinal.en} is rung after {after} s (was: {before} s)",
            )
        if was_time != now_time:
            yield Said(
                f"{ordinal.id} berdering {now_time} dtk (dulu: {was_time} dtk)",
                f"{ordinal.en} is rung for {now_time} s (was: {was_time} s)",
            )
        before, after = before + was_time, after + now_time


def overflow_changes(old: Rules, new: Rules, queue: str, at: datetime) -> Iterator[Change]:
    was, now = (overflow_at(rules, rules.queues[queue], rules.local(at)) for rules in (old, new))
    if was != now:
        texts = [_overflow_text(steps) for steps in (was, now)]
        yield Change(
            "overflow",
            queue,
            Said(f"antrean {queue}, lalu", f"queue {queue}, then"),
            *texts,
        )


def _overflow_text(steps: Iterable[OverflowStep]) -> Said:
    return joined(
        [
            Said(f"{step.to} setelah {step.after_seconds} dtk", f"{step.to} after {step.after_seconds} s")
            for step in steps
        ]
    )


# Everything else, at any hour


def part_changes(old: Rules, new: Rules) -> Iterator[Change]:
    for part in (_subs, _numbers, _menus, _speech, _agencies, _lines, _queues, _told, _callers, _city):
        yield from part(old, new)


def added_and_removed(about: str, label: Said, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    before, after = list(old), list(new)
    for name in after:
        if name not in before:
            said = Said(f"{label.id} {name} baru", f"{label.en} {name} is new")
            yield Change(about, name, said)
    for name in before:
        if name not in after:
            said = Said(f"{label.id} {name} dihapus", f"{label.en} {name} is removed")
            yield Change(about, name, said)


def _kept(old: Mapping[str, T], new: Mapping[str, T]) -> Iterator[tuple[str, T, T]]:
    """What both have and what is different in it."""
    return ((name, old[name], new[name]) for name in new if name in old and old[name] != new[name])


def _subs(old: Rules, new: Rules) -> Iterator[Change]:
    for name, was, now in _kept(old.categories, new.categories):
        named = category_said((old, new), name)
        yield plainly(
            "category", name, Said(f"rincian {named.id}", f"sub-categories of {named.en}"), was, now
        )


def _numbers(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("number", Said("nomor", "number"), old.numbers, new.numbers)
    for name, was, now in _kept(old.numbers, new.numbers):
        yield plainly("number", name, Said(f"nomor {name}", f"number {name}"), _entry(was), _entry(now))


def _entry(number: EntryNumber) -> str:
    parts = {"menu": number.menu, "category": number.category, "language": number.language}
    return ", ".join(f"{key} {value}" for key, value in parts.items() if value)


def _menus(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("menu", Said("menu", "menu"), old.menus, new.menus)
    for name, was, now in _kept(old.menus, new.menus):
        for key in dict.fromkeys((*was.choices, *now.choices)):
            if was.choices.get(key) != now.choices.get(key):
                label = Said(f"menu {name}, tombol {key}", f"menu {name}, key {key}")
                yield plainly("menu", name, label, was.choices.get(key), now.choices.get(key))
        if was.silence_seconds != now.silence_seconds:
            label = Said(f"menu {name}, waktu menunggu tombol (dtk)", f"menu {name}, wait for a key (s)")
            yield plainly("menu", name, label, was.silence_seconds, now.silence_seconds)


def _speech(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("language", Said("bahasa", "language"), old.languages, new.languages)
    order = [
        tuple(name for name in one.languages if name in two.languages)
        for one, two in ((old, new), (new, old))
    ]
    if order[0] != order[1]:
        yield plainly("language", "", Said("urutan bahasa", "order of languages"), *order)
    for name, was, now in _kept(old.languages, new.languages):
        if was.recorded != now.recorded:
            texts = [
                Said("rekaman", "recordings") if one.recorded else Said("teks", "texts") for one in (was, now)
            ]
            yield Change("language", name, Said(f"bahasa {name} dari", f"language {name} from"), *texts)
        if was.penalty != now.penalty:
            label = Said(f"bahasa {name}, penalti operator", f"language {name}, operators' penalties")
            yield plainly("language", name, label, *(_range(one.penalty) for one in (was, now)))
    spoken = [prompts_needed(rules) for rules in (old, new)]
    for key in spoken[1]:
        if key in spoken[0] and spoken[0][key] != spoken[1][key]:
            language, prompt = key
            label = Said(f"suara {prompt} ({language})", f"prompt {prompt} ({language})")
            quoted = [f"“{texts[key]}”" for texts in spoken]
            yield plainly("prompt", f"{language}/{prompt}", label, *quoted)


def _range(penalty: tuple[int, int] | None) -> str | None:
    return None if penalty is None else f"{penalty[0]}-{penalty[1]}"


def _agencies(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("agency", Said("instansi", "agency"), old.agencies, new.agencies)
    for agency, was, now in _kept(old.agencies, new.agencies):
        if was.name != now.name:
            yield plainly("agency", agency, Said(f"nama {agency}", f"name of {agency}"), was.name, now.name)


_LINE_LABELS = {
    "accept": Said("cara menerima", "accepts by"),
    "dtmf_digits": Said("tombol yang dikirim", "keys sent"),
}


def _lines(old: Rules, new: Rules) -> Iterator[Change]:
    """Which lines an agency has, their times and hours are told with the agency."""
    for name, was, now in _kept(old.lines, new.lines):
        if _rings(was) != _rings(now):
            yield Change("rings", name, Said(f"saluran {name}:", f"line {name}:"), _rings(was), _rings(now))
        for key, label in _LINE_LABELS.items():
            before, after = getattr(was, key), getattr(now, key)
            if before != after:
                whose = Said(f"saluran {name}, {label.id}", f"line {name}, {label.en}")
                yield plainly(key.removesuffix("_digits"), name, whose, before, after)
    rung = [[(name, rules.lines[name].timeout_seconds) for name in rules.last_resort] for rules in (old, new)]
    if rung[0] != rung[1]:
        texts = [_ring_text(lines, together=False) for lines in rung]
        yield Change("last_resort", "", Said("saluran terakhir:", "last resort:"), *texts)


def _rings(line: Line) -> Said:
    if line.number is not None:
        return Said(f"nomor {line.number}", f"number {line.number}")
    return Said(f"telepon {line.phone}", f"phone {line.phone}")


_QUEUE_LABELS = {
    "ring": Said("cara berdering", "rings"),
    "ring_seconds": Said("lama berdering (dtk)", "rings for (s)"),
    "keep_free": Said("operator yang tetap bebas", "operators kept free"),
}


def _queues(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("queue", Said("antrean", "queue"), old.queues, new.queues)
    for name, was, now in _kept(old.queues, new.queues):
        for key, label in _QUEUE_LABELS.items():
            before, after = getattr(was, key), getattr(now, key)
            if before != after:
                whose = Said(f"antrean {name}, {label.id}", f"queue {name}, {label.en}")
                yield plainly(key, name, whose, before, after)


def _told(old: Rules, new: Rules) -> Iterator[Change]:
    yield from added_and_removed("notify", Said("daftar", "list"), old.notify, new.notify)
    for name, was, now in _kept(old.notify, new.notify):
        yield plainly("notify", name, Said(f"daftar {name}", f"list {name}"), was, now)
    for key, label in (
        ("half", Said("diberi tahu saat setengah waktu", "told at half of the clock")),
        ("late", Said("diberi tahu saat terlambat", "told when it is late")),
    ):
        before, after = getattr(old.clock, key), getattr(new.clock, key)
        if before != after:
            yield plainly("clock", key, label, before, after)


def _callers(old: Rules, new: Rules) -> Iterator[Change]:
    was, now = old.callers, new.callers
    yield from added_and_removed("callers", Said("daftar penelepon", "list of callers"), was.lists, now.lists)
    for name, before, after in _kept(was.lists, now.lists):
        # Numbers are personal data: how many, not which.
        added, removed = len(set(after) - set(before)), len(set(before) - set(after))
        said = Said(
            f"daftar penelepon {name}: {added} nomor baru, {removed} dihapus",
            f"list of callers {name}: {added} new numbers, {removed} removed",
        )
        yield Change("callers", name, said)
    for key, label in (
        ("redial", Said("menelepon lagi", "calling again")),
        ("prank", Said("tanda iseng", "prank marks")),
    ):
        before, after = getattr(was, key), getattr(now, key)
        if before != after:
            yield plainly("callers", key, label, *(_plain_fields(one) for one in (before, after)))


def _plain_fields(value: Any) -> dict[str, object] | None:
    if value is None:
        return None
    return {field.name: getattr(value, field.name) for field in fields(value)}


_CITY_LABELS = {
    "name": Said("nama kota", "name of the city"),
    "zone": Said("zona waktu", "time zone"),
    "area_code": Said("kode wilayah", "area code"),
    "simless": Said("nomor tanpa SIM", "numbers without SIM"),
    "districts": Said("kecamatan", "districts"),
}
_KEEP_LABELS = {
    "recordings_days": Said("masa simpan rekaman, hari", "days that recordings are kept"),
    "callers_days": Said("masa simpan data penelepon, hari", "days that callers' data is kept"),
}


def _city(old: Rules, new: Rules) -> Iterator[Change]:
    for key, label in _CITY_LABELS.items():
        before, after = getattr(old.city, key), getattr(new.city, key)
        if before != after:
            yield plainly("city", key, label, before, after)
    for key, label in _KEEP_LABELS.items():
        before, after = getattr(old.city.keep, key), getattr(new.city.keep, key)
        if before != after:
            yield plainly("city", key, label, before, after)
