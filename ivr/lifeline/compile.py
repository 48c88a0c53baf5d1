"""Rules as dialplan: the engine's questions, answered by tables.

``lifeline-<digest>`` has an extension for each question. They set ``IVR_ADVICE`` and return:

``intake``  which entry was dialled → its menu or category
``key``     menu, language, wrong keys, key → the next menu, or a category
``person``  the caller shall have a person, whatever was pressed

A category goes through its list of rules (the first whose conditions hold), and the rule to one of its plans.
Every name below carries the rules' digest, so that several generations are loaded side by side. The last
context of a generation says that the file was not cut off before it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product

from ivr.intake.numbers import ENTRY_NUMBERS, OTHER, OURS, dialled_forms
from ivr.lifeline.conditions import (
    SWAMPED,
    Conditions,
    enough_operators,
    facts_of,
    looks_at_operators,
)
from ivr.lifeline.courses import PLAN, RUNG, Courses, course_of, schedules_of
from ivr.lifeline.dialplan import Context, exists, plain, set_all
from ivr.lifeline.hours import holidays, steps
from ivr.menu.answer import PromptPath, menu_advice, spoken_to_lines
from ivr.menu.definition import CANNOT_SPEAK_KEY, CHOICE_KEYS, LANGUAGE_KEY, PERSON_KEY, WRONG_KEYS
from ivr.menu.walk import MenuState, Step, press, start
from ivr.routing.advice import CANNOT_SPEAK_MARK, encode_agencies, join_plan_advice
from ivr.routing.conditions import DuringSchedule
from ivr.routing.decide import decide_by
from ivr.routing.hours import hours_of
from ivr.routing.model import CallerClass, Facts
from ivr.routing.rules import UNKNOWN, Rule, Rules
from ivr.routing.schedules import Schedule
from ivr.vocabulary import ANY_PENALTY, SILENCE
from ivr.vocabulary import Context as Shared

KEYS = (*CHOICE_KEYS, PERSON_KEY, CANNOT_SPEAK_KEY, "9", LANGUAGE_KEY, "#", SILENCE)
"""All that a caller can press."""
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_LONG_AGO = date(1970, 1, 1)
"""A clock that went wrong shows any time from here on."""


def compile_lifeline(rules: Rules, prompt: PromptPath) -> str:
    """One generation: the text of its contexts."""
    return _Compiler(rules, prompt).text()


class _Compiler:
    def __init__(self, rules: Rules, prompt: PromptPath) -> None:
        self._rules = rules
        self._prompt = prompt
        self._name = f"{Shared.LIFELINE}-{rules.digest}"
        self._asked = Context(self._name)
        self._dialled = Context(f"{self._name}-dialled")
        self._keys = Context(f"{self._name}-keys")
        self._rules_of = Context(f"{self._name}-rules")
        self._plans = Context(f"{self._name}-plans")
        self._schedules = tuple(_used_schedules(rules))
        self._conditions = Conditions(self._schedules)
        self._all_conditions = [*rules.swamped, *(one for rule in rules.rules for one in rule.when)]

    def text(self) -> str:
        self._ask_intake()
        self._ask_key()
        self._ask_person()
        self._decide()
        self._advise()
        self._dialled_numbers()
        self._entries()
        self._menus()
        self._chosen()
        self._rule_lists()
        self._courses()
        whole = Context(f"{self._name}-whole")
        whole.add("s", "Return()")
        days = holidays(f"{self._name}-holidays", self._rules)
        contexts = (self._asked, self._dialled, self._keys, self._rules_of, self._plans, days, whole)
        return "\n".join(context.text() for context in contexts)

    # -- questions

    def _ask_intake(self) -> None:
        """``LIFE_DIALLED`` is what was dialled, if that is a number; ``LIFE_HEADERS`` tell a redirection."""
        forms = dialled_forms(self._rules.city.area_code)
        others = "|".join(form.replace("+", "[+]") for form, entry in forms.items() if entry != OURS)
        redirected = f"[pPsSlL]:({others})($|[@\\;>])"
        found = exists(self._dialled.name, "n${LIFE_DIALLED}")
        known = f"?{self._dialled.name},n${{LIFE_DIALLED}},1)"
        self._asked.add(
            "intake",
            *set_all([("IVR_ENTRY", OTHER), ("IVR_CALLER", CallerClass.NUMBER)]),
            f"GotoIf({found}{known}",
            f'n(redirected),Set(LIFE_DIALLED=$["${{LIFE_HEADERS}}" =~ "{redirected}"])',
            f"GotoIf({found}{known}",
            "Goto(b.${IVR_ENTRY},1)",
        )

    def _ask_key(self) -> None:
        self._asked.add(
            "key",
            f"Set(IVR_ENTRY=${{IF({exists(self._name, 'e.${IVR_ENTRY}')}?${{IVR_ENTRY}}:{OTHER})}})",
            "Set(LIFE_ROW=k.${REPLACE(IVR_MENU,-,_)}.${REPLACE(IVR_LANGUAGE,-,_)}"
            ".${IF($[0${IVR_WRONG} > 0]?1:0)}.${IVR_KEY})",
            f"GotoIf({exists(self._keys.name, '${LIFE_ROW}')}?{self._keys.name},${{LIFE_ROW}},1)",
            "Goto(person,1)",
        )

    def _ask_person(self) -> None:
        self._asked.add(
            "person",
            f"Set(LIFE_ROW={_chosen(UNKNOWN, '')}${{REPLACE(IVR_LANGUAGE,-,_)}})",
            f"GotoIf({exists(self._name, '${LIFE_ROW}')}?${{LIFE_ROW}},1)",
            f"Goto({_chosen(UNKNOWN, self._rules.default_language.id)},1)",
        )

    # -- from a number or a key to a menu or a category

    def _dialled_numbers(self) -> None:
        for form, entry in dialled_forms(self._rules.city.area_code).items():
            to = "intake,redirected" if entry == OURS else f"b.{entry},1"
            self._dialled.add(f"n{form}", f"Set(IVR_ENTRY={entry})", f"Goto({self._name},{to})")

    def _entries(self) -> None:
        """``b`` begins the call; ``e`` only says that an entry is one of the file's."""
        for entry in (*ENTRY_NUMBERS, OTHER):
            self._asked.add(f"b.{entry}", f"Goto({self._target(start(self._rules, entry))},1)")
        for entry in self._rules.numbers:
            self._asked.add(f"e.{entry}", "Return()")

    def _menus(self) -> None:
        states = product(self._rules.menus, self._rules.languages, range(WRONG_KEYS))
        for menu, language, wrong in states:
            state = MenuState(menu, language, wrong)
            advice = menu_advice(self._rules, state, self._prompt, "${IVR_ENTRY}", "${IVR_CALLER}")
            self._asked.add(_menu(state), f"Set(IVR_ADVICE={advice})", "Return()")
            for key in KEYS:
                target = self._target(press(self._rules, state, key))
                row = f"k.{plain(menu)}.{plain(language)}.{wrong}.{key}"
                self._keys.add(row, f"Goto({self._name},{target},1)")

    def _target(self, step: Step) -> str:
        if isinstance(step, MenuState):
            return _menu(step)
        return _chosen(step.category, step.language, cannot_speak=step.cannot_speak)

    def _chosen(self) -> None:
        for facts, language in product(self._every_category(), self._rules.languages.values()):
            least, most = language.penalty or ANY_PENALTY
            values = {
                "LIFE_CATEGORY": facts.category,
                "LIFE_LANGUAGE": language.id,
                "LIFE_ACCEPT": spoken_to_lines(self._rules, facts.category, self._prompt),
                "LIFE_MARK": CANNOT_SPEAK_MARK if facts.cannot_speak else "",
                "LIFE_LEAST": str(least),
                "LIFE_MOST": str(most),
                "LIFE_LIST": _list(facts),
            }
            name = _chosen(facts.category, language.id, cannot_speak=facts.cannot_speak)
            self._asked.add(name, *set_all(values.items()), "Goto(decide,1)")

    def _every_category(self) -> Iterator[Facts]:
        yield from (facts_of(category) for category in self._rules.categories)
        yield facts_of(UNKNOWN, cannot_speak=True)

    # -- from a category to a plan

    def _decide(self) -> None:
        made = steps(self._rules, self._schedules, f"{self._name}-holidays")
        if looks_at_operators(self._all_conditions):
            enough = enough_operators(self._all_conditions)
            made.append(f"Gosub({Shared.OPERATORS_THERE},s,1({enough}))")
        made += set_all([(SWAMPED, f"$[{self._conditions.any(self._rules.swamped, facts_of(UNKNOWN))}]")])
        self._asked.add("decide", *made, f"Goto({self._rules_of.name},${{LIFE_LIST}},1)")

    def _rule_lists(self) -> None:
        for facts in self._every_category():
            jumps = []
            for number, rule in enumerate(self._rules.rules, 1):
                condition = self._conditions.all(rule.when, facts)
                if condition == "1":
                    jumps.append(f"Goto(r.{number},1)")
                    break
                if condition is not None:
                    jumps.append(f"GotoIf($[{condition}]?r.{number},1)")
            self._rules_of.add(_list(facts), *jumps)

    def _courses(self) -> None:
        courses = Courses(
            self._rules,
            self._schedules,
            hours_of(self._schedules, self._rules.city.zone, _LONG_AGO),
            self._operators_by_swamped(),
        )
        known: dict[object, str] = {}
        for number, rule in enumerate(self._rules.rules, 1):
            course = course_of(rule)
            if course not in known:
                then = f"Goto({self._name},advise,1)"
                known[course] = courses.add(self._plans, f"p.{len(known)}", rule, then)
            self._rules_of.add(
                f"r.{number}",
                *set_all(self._of_rule(number, rule)),
                f"Goto({self._plans.name},{known[course]},1)",
            )

    def _operators_by_swamped(self) -> tuple[int | None, int | None]:
        found: dict[bool, int] = {}
        for operators in range(enough_operators(self._all_conditions) + 1):
            facts = facts_of(UNKNOWN, operators=operators)
            found.setdefault(any(one.holds(facts, _ANY_TIME) for one in self._rules.swamped), operators)
        return found.get(False), found.get(True)

    def _of_rule(self, number: int, rule: Rule) -> Iterator[tuple[str, str]]:
        """What the plan does not say of a rule: for the record, all but the priority."""
        yield "LIFE_RULE", str(number)
        yield "LIFE_PRIORITY", str(decide_by(self._rules, rule, facts_of(UNKNOWN), _ANY_TIME).priority)
        yield "LIFE_CLOCK", str(rule.clock_seconds or "")
        rung = (self._rules.agencies[agency] for agency, role in rule.agencies if role in RUNG)
        yield "LIFE_AGENCIES", encode_agencies((agency.id, agency.lines) for agency in rung)

    def _advise(self) -> None:
        advice = join_plan_advice(
            plan=f"${{{PLAN}}}",
            priority="${LIFE_PRIORITY}",
            category="${LIFE_CATEGORY}",
            language="${LIFE_LANGUAGE}",
            accept_prompt="${LIFE_ACCEPT}",
            mark="${LIFE_MARK}",
            least="${LIFE_LEAST}",
            most="${LIFE_MOST}",
            entry="${IVR_ENTRY}",
            caller="${IVR_CALLER}",
        )
        self._asked.add("advise", f"Set(IVR_ADVICE={advice})", "Return()")


def _menu(state: MenuState) -> str:
    return f"m.{plain(state.menu)}.{plain(state.language)}.{state.wrong}"


def _chosen(category: str, language: str, *, cannot_speak: bool = False) -> str:
    return f"{'s' if cannot_speak else 'c'}.{plain(category)}.{plain(language)}"


def _list(facts: Facts) -> str:
    return f"{'s' if facts.cannot_speak else 'c'}.{plain(facts.category)}"


def _used_schedules(rules: Rules) -> list[Schedule]:
    """Those on which a decision or a plan depends, in the order of the file."""
    names = {name for rule in rules.rules for name in schedules_of(rules, rule)}
    asked = (one for rule in rules.rules for one in rule.when)
    names |= {one.schedule.name for one in asked if isinstance(one, DuringSchedule)}
    return [schedule for name, schedule in rules.schedules.items() if name in names]
