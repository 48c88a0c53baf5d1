"""All that ``ivr check`` looks at: problems, the proof, warnings."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from ivr.routing.doubts import doubts
from ivr.routing.in_words import facts_in_words, route_command
from ivr.routing.loader import load_placed
from ivr.routing.partition import TooManyPartsError
from ivr.routing.places import key_of, rule_places
from ivr.routing.problems import Problem, Report, RoutingError, shown
from ivr.routing.proof import Proof, prove
from ivr.routing.rules import Rules
from ivr.routing.yaml_nodes import Block


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that may go live."""

    rules: Rules
    proof: Proof
    warnings: tuple[Problem, ...]


def examine(
    files: Mapping[str, bytes],
    filename: str,
    now: datetime,
    unplayable: Callable[[Rules], Collection[tuple[str, str]]] = lambda rules: (),  # noqa: ARG005
) -> Examined:
    """``files`` and ``filename`` are those of :func:`ivr.routing.loader.load_bundle`; ``now`` is aware;
    ``unplayable`` gives the prompts, by language and name, that are neither spoken nor recorded.

    Raises :class:`ivr.routing.problems.RoutingError`, also when some call would not surely end at a human.
    """
    rules, root, proof = _accept(files, filename, now)
    return Examined(rules, proof, doubts(rules, root, filename, now, unplayable(rules)))


def accept(files: Mapping[str, bytes], filename: str, now: datetime) -> Rules:
    """The same without the warnings: what must hold of rules that go live."""
    return _accept(files, filename, now)[0]


def _accept(files: Mapping[str, bytes], filename: str, now: datetime) -> tuple[Rules, Block, Proof]:
    rules, root = load_placed(files, filename)
    try:
        proof = prove(rules, now)
    except TooManyPartsError as error:
        report = Report(filename)
        report.error(key_of(root, "rules"), str(error))
        raise RoutingError(report.problems) from error
    _report(rules, root, proof, filename).fail_if_any()
    return rules, root, proof


def _report(rules: Rules, root: Block, proof: Proof, filename: str) -> Report:
    report = Report(filename)
    places = rule_places(root)
    for example in proof.counterexamples:
        report.error(
            places.get(example.rule, root),
            f"a call may reach nobody by the rule {shown(example.rule)}: {example.flaw} "
            f"({facts_in_words(rules, example.point)}); see {route_command(rules, example.point, filename)}",
        )
    return report
