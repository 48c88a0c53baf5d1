"""A part of the space as the fewest and largest boxes that a person can be told."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from ivr.routing.partition import Box, Leaf, Node

T = TypeVar("T", bound=Hashable)

Sides = tuple[tuple[int, frozenset[int]], ...]
"""A box as a value: (level, parts) in order."""

MOST_GROWN = 100
"""Boxes that are made as large as they can be; of more than that nobody reads the sentences."""


def boxes_where(root: Node[T], wanted: Callable[[T], bool], counts: Sequence[int]) -> list[Box]:
    """Boxes that hold exactly the calls with a wanted outcome, and may overlap. ``counts`` is how many parts
    each level has."""
    paths = [dict(path) for path in _paths(root, wanted)]
    if len(paths) > MOST_GROWN:
        return list(paths)
    grown = [_grown(root, wanted, box, counts) for box in paths]
    return _without_spare_ones(list({sides(box): box for box in grown}.values()), counts)


def sides(box: Box) -> Sides:
    return tuple(sorted(box.items(), key=lambda side: side[0]))


def _paths(root: Node[T], wanted: Callable[[T], bool]) -> tuple[Sides, ...]:
    """Boxes that do not overlap. Branches from which the same boxes hang are one side of each of them."""
    known: dict[int, tuple[Sides, ...]] = {}

    def paths(node: Node[T]) -> tuple[Sides, ...]:
        if isinstance(node, Leaf):
            return ((),) if wanted(node.outcome) else ()
        found = known.get(id(node))
        if found is None:
            alike: dict[tuple[Sides, ...], frozenset[int]] = {}
            for parts, child in node.branches:
                below = paths(child)
                alike[below] = alike.get(below, frozenset()) | parts
            if len(alike) == 1:
                found = next(iter(alike))
            else:
                level = node.level
                found = tuple(((level, parts), *path) for below, parts in alike.items() for path in below)
            known[id(node)] = found
        return found

    return paths(root)


def _all_wanted(root: Node[T], wanted: Callable[[T], bool], box: Box) -> bool:
    seen: set[int] = set()
    ahead = [root]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Leaf):
            if not wanted(node.outcome):
                return False
        elif id(node) not in seen:
            seen.add(id(node))
            side = box.get(node.level)
            ahead += (child for parts, child in node.branches if side is None or side & parts)
    return True


def _grown(root: Node[T], wanted: Callable[[T], bool], box: Box, counts: Sequence[int]) -> Box:
    """As large as it can be: whole dimensions first, those that people think of last before the others."""
    for level in sorted(box, reverse=True):
        larger = {other: parts for other, parts in box.items() if other != level}
        if _all_wanted(root, wanted, larger):
            box = larger
    for level in sorted(box, reverse=True):
        for part in range(counts[level]):
            larger = {**box, level: box[level] | {part}}
            if part not in box[level] and _all_wanted(root, wanted, larger):
                box = larger
    return box


def _without_spare_ones(boxes: list[Box], counts: Sequence[int]) -> list[Box]:
    needed = list(boxes)
    for box in sorted(boxes, key=lambda box: -len(box)):
        others = [other for other in needed if other is not box]
        if _covered(box, others, counts):
            needed = others
    return needed


def _covered(box: Box, others: Iterable[Box], counts: Sequence[int]) -> bool:
    """Whether every call of the box is in one of the others."""
    touching = [
        other for other in others if all(box.get(level, parts) & parts for level, parts in other.items())
    ]
    if not touching:
        return False
    rest = box
    for level, parts in touching[0].items():
        # What of the box is outside of the first one must be in those behind it.
        side = rest.get(level) or frozenset(range(counts[level]))
        outside = side - parts
        if outside and not _covered({**rest, level: outside}, touching[1:], counts):
            return False
        rest = {**rest, level: side & parts}
    return True
