"""Which rule takes which part of the space: exact, without looking at every call one by one.

Lists of conditions of which the first that holds decides (a file's rules; its ``swamped``) are walked one
dimension after the other. What is left of the lists after some dimensions is all that the rest depends on,
so the same rest is worked out once: the tree becomes a decision diagram, small because a city's rules look at
few things at a time.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import and_
from typing import Generic, TypeVar

from ivr.errors import IvrError
from ivr.routing.conditions import Condition
from ivr.routing.rules import Rules
from ivr.routing.space import Space

T = TypeVar("T", bound=Hashable)

MOST_STATES = 300_000
"""What may be left of the lists in different ways. A city's file has hundreds, a thousand rules of two to
four conditions at random ten thousands; beyond it a check would take minutes."""

Table = Sequence[tuple[Condition, ...]]
"""The first entry all of whose conditions hold counts. The last one has none."""


def rules_table(rules: Rules) -> Table:
    return [rule.when for rule in rules.rules]


def swamped_table(rules: Rules) -> Table:
    """Swamped unless the last entry counts."""
    return [*((condition,) for condition in rules.swamped), ()]


class TooManyPartsError(IvrError):
    """The rules look at so many things in so many ways that not every call can be looked at."""

    def __init__(self) -> None:
        super().__init__(
            "the rules divide calls into too many kinds to look at each; use fewer conditions in a rule, "
            "above all several of them without a category"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Leaf(Generic[T]):
    outcome: T


@dataclass(frozen=True, slots=True, eq=False)
class Split(Generic[T]):
    """Parts of one dimension lead to different outcomes. All parts of the dimension are in the branches."""

    level: int
    branches: tuple[tuple[frozenset[int], "Leaf[T] | Split[T]"], ...]


Node = Leaf[T] | Split[T]

Box = Mapping[int, frozenset[int]]
"""Level → parts; a level that is not named may have any."""


class Partition(Generic[T]):
    """``order`` names the dimensions in the order of the levels; ``outcome`` gets the place of the entry that
    counts in each table."""

    def __init__(
        self,
        space: Space,
        tables: Sequence[Table],
        order: Sequence[str],
        outcome: Callable[[tuple[int, ...]], T],
    ) -> None:
        self.space = space
        self.order = tuple(order)
        self._outcome = outcome
        self._boxes = [[_box(space, self.order, entry) for entry in table] for table in tables]
        self.parts: list[list[tuple[int, ...]]] = []
        """Of each level: the values, by their places, that no entry tells apart."""
        self._may: list[list[tuple[int, ...]]] = []
        """Of each level and part, for each table: the entries that it leaves, as bits."""
        for level, name in enumerate(self.order):
            count = len(space.dimension(name).values)
            alike: dict[tuple[int, ...], list[int]] = {}
            for value, left in enumerate(zip(*(_left(b, level, count) for b in self._boxes), strict=True)):
                alike.setdefault(left, []).append(value)
            self.parts.append([tuple(values) for values in alike.values()])
            self._may.append(list(alike))
        self._free = [
            [_bits(max(box, default=-1) < level for box in boxes) for boxes in self._boxes]
            for level in range(len(self.order) + 1)
        ]
        """Of each level and table: the entries that ask for nothing at this level or below it."""
        self._known: dict[tuple[int, tuple[int, ...]], Node[T]] = {}
        self._leaves: dict[T, Leaf[T]] = {}
        self._splits: dict[object, Split[T]] = {}
        # An entry that asks for what no value has never counts.
        every = tuple(_bits(all(box.values()) for box in boxes) for boxes in self._boxes)
        self.root = self._node(0, self._shortened(0, every))

    def box(self, table: int, entry: int) -> Box:
        """The parts that an entry asks for: none at some level if no call can have all of it."""
        return {
            level: frozenset(
                part for part, values in enumerate(self.parts[level]) if wanted.issuperset(values)
            )
            for level, wanted in self._boxes[table][entry].items()
        }

    def _node(self, level: int, left: tuple[int, ...]) -> Node[T]:
        while level < len(self.order) and len(self.parts[level]) == 1:
            level += 1
            left = self._shortened(level, left)
        if all(entries & (entries - 1) == 0 for entries in left):
            outcome = self._outcome(tuple(entries.bit_length() - 1 for entries in left))
            return self._leaves.setdefault(outcome, Leaf(outcome))
        found = self._known.get((level, left))
        if found is None:
            if len(self._known) >= MOST_STATES:
                raise TooManyPartsError
            found = self._known[level, left] = self._split(level, left)
        return found

    def _split(self, level: int, left: tuple[int, ...]) -> Node[T]:
        children: dict[int, tuple[list[int], Node[T]]] = {}
        for part, may in enumerate(self._may[level]):
            rest = self._shortened(level + 1, tuple(map(and_, left, may)))
            child = self._node(level + 1, rest)
            children.setdefault(id(child), ([], child))[0].append(part)
        branches = tuple((frozenset(parts), child) for parts, child in children.values())
        if len(branches) == 1:
            return branches[0][1]
        key = (level, tuple((parts, id(child)) for parts, child in branches))
        return self._splits.setdefault(key, Split(level, branches))

    def _shortened(self, level: int, left: tuple[int, ...]) -> tuple[int, ...]:
        """Without the entries behind one that is sure to hold: they cannot count any more."""
        result = []
        for entries, free in zip(left, self._free[level], strict=True):
            sure = entries & free
            lowest = sure & -sure
            result.append(entries & (2 * lowest - 1) if lowest else entries)
        return tuple(result)


def _bits(set_: Iterable[bool]) -> int:
    return sum(1 << place for place, one in enumerate(set_) if one)


def _box(space: Space, order: Sequence[str], entry: Iterable[Condition]) -> dict[int, frozenset[int]]:
    """Level → the values at which all conditions hold that look at it."""
    box: dict[int, frozenset[int]] = {}
    for condition in entry:
        place, held = space.holding(condition)
        level = order.index(space.dimensions[place].name)
        box[level] = box.get(level, held) & held
    return box


def _left(boxes: Iterable[Box], level: int, count: int) -> list[int]:
    """For each value of a level the entries that allow it, as bits."""
    left = [0] * count
    anything = 0
    for place, box in enumerate(boxes):
        if level not in box:
            anything |= 1 << place
            continue
        for value in box[level]:
            left[value] |= 1 << place
    return [entries | anything for entries in left]


def outcomes(root: Node[T], within: Box | None = None) -> dict[T, dict[int, int]]:
    """Every outcome (in a box), with the parts that lead to it: level → part."""
    known: dict[int, dict[T, dict[int, int]]] = {}

    def ways(node: Node[T]) -> dict[T, dict[int, int]]:
        if isinstance(node, Leaf):
            return {node.outcome: {}}
        found = known.get(id(node))
        if found is None:
            found = {}
            allowed = (within or {}).get(node.level)
            for parts, child in node.branches:
                inside = parts if allowed is None else parts & allowed
                if not inside:
                    continue
                step = {node.level: min(inside)}
                for outcome, way in ways(child).items():
                    if outcome not in found:
                        found[outcome] = step | way
            known[id(node)] = found
        return found

    return ways(root)
