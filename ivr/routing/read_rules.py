"""The rules of routing.yaml: when each one matches, and what it decides."""

from ivr.routing.forms import Form, Key, Section
from ivr.routing.model import Role
from ivr.routing.problems import shown, where
from ivr.routing.read_conditions import when
from ivr.routing.reading import Defaults, Reading
from ivr.routing.rules import Rule, RuleMode
from ivr.routing.schema import duration, integer, listed, member, reader, reference, text
from ivr.routing.yaml_nodes import Block, Items, Node
from ivr.vocabulary import HIGHEST_PRIORITY

MOST_RULES = 2000
LONGEST_CLOCK = 24 * 3600

_agencies = listed(reference("agency"))

NAME = Key("rule", text, "Its name, as decisions and reports show it.", "fire", required=True)
WHEN = Key(
    "when",
    when,
    "All of these conditions must hold; a list means one of its values. `always` in the last rule only.",
    "{category: fire, schedule: not office}",
    required=True,
)
ROLES = {
    Role.LEAD: Key(Role.LEAD, _agencies, "Agencies that are rung.", "damkar"),
    Role.ELSE: Key(Role.ELSE, _agencies, "Agencies that are rung if no lead accepts.", "satpol-pp"),
    Role.SUPPORT: Key(
        Role.SUPPORT, _agencies, "Agencies offered to the operator on one key, and told.", "[kodim, pln]"
    ),
    Role.MUTUAL_AID: Key(Role.MUTUAL_AID, _agencies, "Agencies that the lead may call in.", "[pdam, pln]"),
}
MODE = Key(
    "mode",
    member(RuleMode),
    "`verify`: an operator first. `direct`: the agency's lines at once. `direct_if_swamped`: verify, but "
    "direct while `swamped` holds.",
    "direct_if_swamped",
)
QUEUE = Key("queue", reference("queue"), "Where callers wait for an operator.", "emergency")
PRIORITY = Key(
    "priority",
    integer(0, HIGHEST_PRIORITY),
    f"0 to {HIGHEST_PRIORITY}; the highest is answered first, then the earliest.",
    "9",
)
NOTIFY = Key("notify", listed(reference("notify list")), "Lists that are told at once.", "fire-heads")
CLOCK = Key("clock", duration(10, LONGEST_CLOCK), "From the answer until an agency must have accepted.", "5m")
RULE = Form("a rule", NAME, WHEN, MODE, *ROLES.values(), QUEUE, PRIORITY, NOTIFY, CLOCK)
DEFAULTS = Form("defaults", MODE, QUEUE, PRIORITY)


def _defaults(section: Section) -> Defaults:
    usual = Defaults()
    section.report.defaults = Defaults(
        mode=section.get(MODE, usual.mode),
        queue=section.get(QUEUE, usual.queue),
        priority=section.get(PRIORITY, usual.priority),
    )
    return section.report.defaults


defaults = DEFAULTS.reader(_defaults)


@reader({"type": "array", "items": RULE.describe(), "minItems": 1, "maxItems": MOST_RULES})
def rules(node: Node, report: Reading) -> tuple[Rule, ...] | None:
    if not isinstance(node, Items) or not 1 <= len(node.items) <= MOST_RULES:
        report.error(node, f"rules are a list of 1 to {MOST_RULES}; begin each with - rule: and its name")
        return None
    first: dict[str, Node] = {}
    result = []
    for position, item in enumerate(node.items, 1):
        rule = _rule(item, position == len(node.items), report)
        if rule is None:
            continue
        if rule.name in first:
            report.error(
                item,
                f"the rule {shown(rule.name)} stands twice, first in {where(first[rule.name], item)}; rename "
                "one",
            )
        first.setdefault(rule.name, item)
        result.append(rule)
    return tuple(result)


def _rule(node: Node, last: bool, report: Reading) -> Rule | None:
    known = len(report.problems)
    section = Section(RULE, node, report)
    name = section.need(NAME)
    conditions = section.need(WHEN)
    agencies = [(agency, role) for role, key in ROLES.items() for agency in section.get(key, ()) or ()]
    mode = section.get(MODE, report.defaults.mode)
    queue = section.get(QUEUE, report.defaults.queue)
    priority = section.get(PRIORITY, report.defaults.priority)
    notify = section.get(NOTIFY, ())
    clock = section.get(CLOCK, None)
    roles = {role for _, role in agencies}
    for agency in {agency for agency, _ in agencies}:
        if sum(other == agency for other, _ in agencies) > 1:
            report.error(node, f"{agency} has two roles in this rule; keep one of them")
    if mode in (RuleMode.DIRECT, RuleMode.DIRECT_IF_SWAMPED) and Role.LEAD not in roles:
        report.error(
            section.at(MODE), f"mode {mode} rings the lead agency at once; write lead: and an agency"
        )
    if conditions is not None and isinstance(node, Block):
        if last and conditions:
            report.error(
                section.at(WHEN),
                "the last rule must match every call, so that each one is decided; write when: always",
            )
        if not last and not conditions:
            report.error(
                section.at(WHEN),
                "only the last rule may always match: the rules below are never reached; move it",
            )
    if len(report.problems) > known or conditions is None:
        return None
    return Rule(name, conditions, mode, queue, priority, tuple(agencies), notify, clock)
