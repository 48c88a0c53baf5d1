"""What changes for whom when one routing file takes another's place: by what both decide, not by their texts.

Every call that the two files can tell apart is decided by both (:mod:`ivr.routing.partition`); each change is
then told of the fewest and largest groups of calls that have it. What is said of agencies, lines, queues,
menus and so on is compared as a whole (:mod:`ivr.routing.diff_parts`).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from ivr.routing.boxes import Sides, boxes_where, sides
from ivr.routing.diff_parts import (
    NOTHING,
    Change,
    agency_changes,
    overflow_changes,
    part_changes,
    plainly,
)
from ivr.routing.diff_words import Said, Teller, agency_said, category_said, joined
from ivr.routing.model import Mode, Role
from ivr.routing.partition import Box, Partition, outcomes, rules_table, swamped_table
from ivr.routing.proof import mode_of
from ivr.routing.rules import Rule, Rules
from ivr.routing.space import CALL, DIMENSIONS, HOURS, Space, space_of

T = TypeVar("T", bound=Hashable)

_Course = tuple[int, Mode, int, Mode]
"""Rule and mode by the old file, rule and mode by the new one."""

_CALL_LEVEL = DIMENSIONS.index(CALL)
MOST_BEFORE = 4
"""Different things that something was before, in one sentence."""
_VARIOUS = Said("berbeda-beda", "various")


@dataclass(frozen=True)
class Difference:
    """``who`` is empty where no group of calls is meant."""

    who: Said
    of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same for programs: dimension → values as in the files; a dimension that is missing may be any."""
    changes: tuple[Change, ...] = ()

    @property
    def said(self) -> Said:
        what = joined((change.said for change in self.changes), "; ")
        if not self.who.id:
            return Said(_sentence(what.id), _sentence(what.en))
        return Said(_sentence(f"{self.who.id}: {what.id}"), _sentence(f"{self.who.en}: {what.en}"))

    def as_json(self) -> dict[str, object]:
        return {
            "who": {name: list(values) for name, values in self.of.items()},
            "changes": [one.as_json() for one in self.changes],
            "id": self.said.id,
            "en": self.said.en,
        }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def differences(old: Rules, new: Rules, now: datetime) -> tuple[Difference, ...]:
    """From ``now`` (aware) on, on the clocks of the new file's city. Empty: nobody notices the change."""
    files = (old, new)
    space = space_of(files, new.local(now).date())
    teller = Teller(files, space)
    tables = [rules_table(old), swamped_table(old), rules_table(new), swamped_table(new)]

    def course(places: tuple[int, ...]) -> _Course:
        return places[0], mode_of(old, *places[:2]), places[2], mode_of(new, *places[2:])

    partition = Partition(space, tables, DIMENSIONS, course)
    return (
        *_of_categories(old, new, space.hours.pieces[0].day),
        *_of_decisions(files, teller, partition),
        *_of_agencies(files, teller, partition),
        *_of_overflows(files, teller),
        *(Difference(Said("", ""), changes=(change,)) for change in part_changes(old, new)),
    )


def _of_categories(old: Rules, new: Rules, since: date) -> Iterator[Difference]:
    added = [category for category in new.categories if category not in old.categories]
    if added:
        alone = Partition(space_of([new], since), [rules_table(new)], DIMENSIONS, lambda places: places[0])
    for category in added:
        named = category_said((new,), category)
        rules = sorted(outcomes(alone.root, {_CALL_LEVEL: _parts(alone, category)}))
        by = ", ".join(f"“{new.rules[rule].name}”" for rule in rules)
        said = Said(
            f"kategori {named.id} baru, diputuskan oleh {by}",
            f"category {named.en} is new, decided by {by}",
        )
        yield Difference(Said("", ""), {"category": [category]}, (Change("category", category, said),))
    for category in old.categories:
        if category not in new.categories:
            said = Said(f"kategori {category} dihapus", f"category {category} is removed")
            yield Difference(Said("", ""), {"category": [category]}, (Change("category", category, said),))


def _of_decisions(
    files: tuple[Rules, Rules], teller: Teller, partition: Partition[_Course]
) -> Iterator[Difference]:
    """One sentence for each group of calls, with all that changes for just this group."""
    changes = {course: tuple(_changes(files, *course)) for course in outcomes(partition.root)}
    groups: dict[tuple[Sides, ...], list[Change]] = {}
    for change, courses in _alike(partition, changes):
        groups.setdefault(_boxes(partition, courses), []).append(change)
    for boxes, some in groups.items():
        for box in boxes:
            who, plain = teller.who(_values(partition, dict(box)))
            yield Difference(who, plain, tuple(some))


def _alike(
    partition: Partition[_Course], changes: Mapping[_Course, Iterable[Change]]
) -> Iterator[tuple[Change, frozenset[_Course]]]:
    """Each change with the courses that have it. Changes to the same from different things are one where that
    takes fewer sentences."""
    courses: dict[Change, set[_Course]] = {}
    for course, some in changes.items():
        for change in some:
            courses.setdefault(change, set()).add(course)
    to_the_same: dict[Change, list[Change]] = {}
    for change in courses:
        to_the_same.setdefault(replace(change, was=None), []).append(change)
    for some in to_the_same.values():
        together = frozenset().union(*(courses[change] for change in some))
        apart = sum(len(_boxes(partition, frozenset(courses[change]))) for change in some)
        if len(some) > 1 and len(_boxes(partition, together)) < apart:
            was = joined((change.was for change in some if change.was), " / ")
            yield replace(some[0], was=was if len(some) <= MOST_BEFORE else _VARIOUS), together
        else:
            yield from ((change, frozenset(courses[change])) for change in some)


def _boxes(partition: Partition[_Course], courses: frozenset[_Course]) -> tuple[Sides, ...]:
    counts = [len(parts) for parts in partition.parts]
    return tuple(map(sides, boxes_where(partition.root, courses.__contains__, counts)))


def _parts(partition: Partition[T], category: str) -> frozenset[int]:
    values = partition.space.dimension(CALL).values
    return frozenset(
        part
        for part, members in enumerate(partition.parts[_CALL_LEVEL])
        if any(values[member]["category"] == category for member in members)
    )


def _values(partition: Partition[_Course], box: Box) -> dict[str, set[int]]:
    return {
        partition.order[level]: {value for part in parts for value in partition.parts[level][part]}
        for level, parts in box.items()
    }


def _changes(
    files: tuple[Rules, Rules], old_rule: int, old_mode: Mode, new_rule: int, new_mode: Mode
) -> Iterator[Change]:
    """What a call notices that goes from one rule to another."""
    was, now = files[0].rules[old_rule], files[1].rules[new_rule]
    if old_mode is not new_mode:
        yield Change("mode", "", Said("sekarang", "now"), _MODES[old_mode], _MODES[new_mode])
    if was.queue != now.queue:
        yield plainly("queue", "", Said("antrean", "queue"), was.queue, now.queue)
    if was.priority != now.priority:
        yield plainly("priority", "", Said("prioritas", "priority"), was.priority, now.priority)
    for role in Role:
        agencies = _with_role(was, role), _with_role(now, role)
        if agencies[0] != agencies[1]:
            named = [
                joined(agency_said(files, one) for one in some) if some else NOTHING for some in agencies
            ]
            yield Change(role.value, "", _ROLES[role], *named)
    if was.notify != now.notify:
        yield plainly("notify", "", Said("diberi tahu", "told"), was.notify, now.notify)
    if was.clock_seconds != now.clock_seconds:
        label = Said("batas waktu (dtk)", "clock (s)")
        yield plainly("clock", "", label, was.clock_seconds, now.clock_seconds)


def _with_role(rule: Rule, role: Role) -> tuple[str, ...]:
    return tuple(agency for agency, its_role in rule.agencies if its_role is role)


_MODES = {
    Mode.VERIFY: Said("operator menjawab dulu", "an operator answers first"),
    Mode.DIRECT: Said("telepon instansi langsung berdering", "the agency's phones ring at once"),
}
_ROLES = {
    Role.LEAD: Said("instansi utama:", "lead agency:"),
    Role.ELSE: Said("jika tidak ada yang menerima:", "if no lead accepts:"),
    Role.SUPPORT: Said("pendukung:", "support:"),
    Role.MUTUAL_AID: Said("bantuan:", "mutual aid:"),
}


def _of_agencies(
    files: tuple[Rules, Rules], teller: Teller, partition: Partition[_Course]
) -> Iterator[Difference]:
    old, new = files
    users: dict[str, list[str]] = {}
    for category in (name for name in new.categories if name in old.categories):
        courses = outcomes(partition.root, {_CALL_LEVEL: _parts(partition, category)})
        rules = [files[0].rules[course[0]] for course in courses]
        rules += [files[1].rules[course[2]] for course in courses]
        for agency in dict.fromkeys(agency for rule in rules for agency, _ in rule.agencies):
            users.setdefault(agency, []).append(category)
    for agency in new.agencies:
        if agency in old.agencies:
            for kinds, changes in _by_hour(teller.space, partial(agency_changes, old, new, agency)):
                yield _for(teller, users.get(agency), kinds, changes)


def _of_overflows(files: tuple[Rules, Rules], teller: Teller) -> Iterator[Difference]:
    for queue in files[1].queues:
        if queue in files[0].queues:
            for kinds, changes in _by_hour(teller.space, partial(overflow_changes, *files, queue)):
                yield _for(teller, None, kinds, changes)


def _by_hour(
    space: Space, changes_at: Callable[[datetime], Iterable[Change]]
) -> Iterator[tuple[frozenset[int], tuple[Change, ...]]]:
    """Kinds of hours with the same changes, together."""
    groups: dict[tuple[Change, ...], set[int]] = {}
    for kind, at in space.hours.kinds.items():
        groups.setdefault(tuple(changes_at(at)), set()).add(kind)
    for changes, kinds in groups.items():
        if changes:
            yield frozenset(kinds), changes


def _for(
    teller: Teller, categories: Sequence[str] | None, kinds: frozenset[int], changes: tuple[Change, ...]
) -> Difference:
    parts: list[Said] = []
    plain: dict[str, Sequence[str]] = {}
    if categories:
        parts.append(teller.categories(categories))
        plain["category"] = categories
    if kinds != frozenset(teller.space.hours.kinds):
        parts.append(teller.when(kinds))
        plain[HOURS] = [parts[-1].en]
    return Difference(joined(parts), plain, changes)
