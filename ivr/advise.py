"""Answer the dialplan's questions: which menu to play, or which plan to carry out.

Nothing is kept between two questions: what is known of the call comes with each (see ``docs/contract.md``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ivr.asterisk.agi_server import Question
from ivr.asterisk.intake_facts import decode_intake
from ivr.callers.memory import CallerMemory
from ivr.calls.notes import AdviceGiven, CallIdentified, DecisionMade
from ivr.errors import AgiError
from ivr.intake.caller import classify_caller, display_name
from ivr.intake.numbers import OTHER, entry_of, normalise_dialled
from ivr.ledger.entries import CallerData
from ivr.ledger.keeper import Keeper
from ivr.menu.answer import PromptPath, menu_advice, plan_advice
from ivr.menu.walk import Chosen, MenuState, Step, press, start
from ivr.prompts import Catalogue
from ivr.queueing.roster import Roster
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.model import CallerClass, Facts
from ivr.routing.rules import Rules
from ivr.routing.service_state import service_state
from ivr.rulebook.by_hand import ByHand
from ivr.vocabulary import NO_NUMBER, AgiScript, IntakeField

_HEADERS = tuple(field for field in IntakeField if field is not IntakeField.DIALLED)
"""Personal data among the raw facts: kept apart from the ledger."""


KEPT_FOR_MENUS = timedelta(minutes=5)
"""Rules that were replaced answer callers who heard their menus so long: no walk through menus takes longer
(at most 12 of them, of some 15 s each; dialplan/menu.conf)."""


@dataclass(frozen=True, slots=True)
class InForce:
    """One set of rules and the prompts that belong to it."""

    rules: Rules
    catalogue: Catalogue


class Adviser:
    """One city's rules and prompts, applied to questions. ``now`` gives an aware time."""

    def __init__(
        self,
        rules: Rules,
        catalogue: Catalogue,
        prompts_dir: Path,
        keeper: Keeper,
        roster: Roster,
        now: Callable[[], datetime],
        callers: CallerMemory | None = None,
    ) -> None:
        self._in_force = InForce(rules, catalogue)
        self._replaced: tuple[tuple[datetime, InForce], ...] = ()
        self.by_hand = ByHand()
        """Who is out of service, and how the centre is, as people said."""
        self._prompts_dir = prompts_dir
        self._keeper = keeper
        self._roster = roster
        self._now = now
        self._callers = callers or CallerMemory()

    @property
    def rules(self) -> Rules:
        return self._in_force.rules

    @property
    def catalogue(self) -> Catalogue:
        return self._in_force.catalogue

    def switch(self, rules: Rules, catalogue: Catalogue) -> None:
        """Decide calls by these from now on.

        A call that is in a menu goes on by the rules that gave it: their keys are what its caller heard. So
        every question is answered wholly by one set.
        """
        now = self._now()
        if rules.digest != self.rules.digest:
            young = (kept for kept in self._replaced if now - kept[0] < KEPT_FOR_MENUS)
            self._replaced = (*young, (now, self._in_force))
        self._in_force = InForce(rules, catalogue)

    def _heard(self, call_id: str) -> InForce:
        """The set by which this call got its first menu."""
        call = self._keeper.registry.get(call_id) if self._replaced else None
        if call is not None and call.menu_at is not None:
            now = self._now()
            for until, replaced in self._replaced:
                if call.menu_at <= until and now - until < KEPT_FOR_MENUS:
                    return replaced
        return self._in_force

    def answer(self, question: Question) -> str:
        """The advice for ``question``. Raises :class:`AgiError` for a question that is none."""
        match question.script:
            case AgiScript.INTAKE:
                return self._intake(question)
            case AgiScript.KEY:
                return self._key(question)

    def _intake(self, question: Question) -> str:
        raw = decode_intake(question.arguments[0] if question.arguments else "")
        area_code = self.rules.city.area_code
        entry = entry_of(raw, area_code)
        caller = classify_caller(raw, self.rules.city)
        self._keeper.see(
            CallIdentified(
                call_id=question.call_id,
                at=self._now(),
                entry=entry,
                caller=caller.caller_class,
                trust=caller.trust,
                redirected=entry != normalise_dialled(raw[IntakeField.DIALLED], area_code),
            )
        )
        self._keeper.writer.record_caller(_caller_data(question.call_id, raw, caller.number))
        if caller.caller_class is CallerClass.NUMBER and caller.number is not None:
            self._callers.came(question.call_id, caller.number)
        by = self._in_force
        return self._advise(by, question, start(by.rules, entry), entry, caller.caller_class, None)

    def _key(self, question: Question) -> str:
        if len(question.arguments) < 6:
            raise AgiError(
                f"The question 'key' has {len(question.arguments)} arguments and needs 6: dialplan/menu.conf "
                "and the engine are of different versions; install both again."
            )
        menu, language, wrong, entry, caller, key = question.arguments[:6]
        state = MenuState(menu, language, int(wrong) if wrong.isdecimal() else 0)
        by = self._heard(question.call_id)
        return self._advise(
            by,
            question,
            press(by.rules, state, key),
            entry if entry in by.rules.numbers else OTHER,
            CallerClass(caller) if caller in tuple(CallerClass) else CallerClass.MISSING,
            key,
        )

    def _advise(
        self, by: InForce, question: Question, step: Step, entry: str, caller: CallerClass, key: str | None
    ) -> str:
        if isinstance(step, MenuState):
            return self._menu(by, question.call_id, step, entry, caller, key)
        return self._plan(by, question.call_id, step, entry, caller, key)

    def _menu(
        self, by: InForce, call_id: str, state: MenuState, entry: str, caller: CallerClass, key: str | None
    ) -> str:
        advice = menu_advice(by.rules, state, self._prompts(by), entry, caller)
        self._keeper.see(
            AdviceGiven(call_id, self._now(), entry, caller, state.menu, state.language, key, state.wrong)
        )
        return advice

    def _plan(
        self, by: InForce, call_id: str, chosen: Chosen, entry: str, caller: CallerClass, key: str | None
    ) -> str:
        now, rules = self._now(), by.rules
        known = self._callers.of(call_id, rules.callers, now)
        facts = Facts(
            entry=entry,
            category=chosen.category,
            language=chosen.language,
            caller=caller,
            cannot_speak=chosen.cannot_speak,
            operators=self._roster.on_duty() if self._roster.known else None,
            longest_wait=self._keeper.registry.layer_1_longest_wait(now),
            out_of_service=self.by_hand.out_of_service(now),
            listed=rules.list_of(known.number),
            prank_marks=known.prank_marks,
            redial_seconds=known.redial_seconds,
        )
        state = self.by_hand.service_state(now) or service_state(rules, facts, now)
        facts = replace(facts, service_state=state)
        decision = decide(rules, facts, now)
        stages = plan(rules, decision, facts, now)
        advice = plan_advice(rules, facts, decision, stages, self._prompts(by))
        self._keeper.see(
            DecisionMade(
                call_id=call_id,
                at=now,
                facts=facts,
                decision=decision,
                plan=encode_plan(stages),
                rules=rules.digest,
                key=key,
            )
        )
        return advice

    def _prompts(self, by: InForce) -> PromptPath:
        return partial(by.catalogue.advised, self._prompts_dir)


def _caller_data(call_id: str, raw: Mapping[IntakeField, str], number: str | None) -> CallerData:
    return CallerData(
        call_id=call_id,
        number=number or raw[IntakeField.CALLER_NUMBER].removeprefix(NO_NUMBER),
        name=display_name(raw[IntakeField.FROM]),
        headers={str(field): raw[field] for field in _HEADERS if raw[field]},
    )
