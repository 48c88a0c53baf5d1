"""Answer the dialplan's questions: which menu to play, or which plan to carry out.

What is known of the call comes with each question (see ``docs/contract.md``), so nothing need be kept between
two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from ivr.asterisk.agi_server import Question
from ivr.callers.memory import CallerMemory
from ivr.calls.notes import AdviceGiven, CallIdentified, DecisionMade
from ivr.errors import AgiError
from ivr.intake.numbers import OTHER
from ivr.ledger.entries import CallerData
from ivr.ledger.keeper import Keeper
from ivr.menu.answer import PromptPath, menu_advice, plan_advice
from ivr.menu.walk import Chosen, MenuState, Step, press, start
from ivr.prompts import Catalogue
from ivr.queueing.roster import Roster
from ivr.routing.advice import DECLINED, encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.model import CallerClass, Facts
from ivr.routing.rules import Rules
from ivr.routing.service_state import service_state
from ivr.rulebook.by_hand import ByHand
from ivr.vocabulary import AgiScript
from ivr.who_calls import who_calls

KEY_ARGUMENTS = 5
"""Of :attr:`ivr.vocabulary.AgiScript.KEY`."""
KEPT_FOR_MENUS = timedelta(minutes=5)
"""Rules that were replaced answer callers who heard their menus so long: no walk through menus takes longer
(at most 12 of them, of some 15 s each; dialplan/menu.conf)."""

_OTHER_RULES = "the lifeline answers by them; if it stays so, Asterisk was not told of new rules: ivr doctor"
_log = structlog.get_logger(__name__)


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
        self._coming: InForce | None = None
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

    def expect(self, rules: Rules, catalogue: Catalogue) -> None:
        """These will be in force in a moment: Asterisk may offer their menus already."""
        self._coming = InForce(rules, catalogue)

    def switch(self, rules: Rules, catalogue: Catalogue) -> None:
        """Decide calls by these from now on.

        A call that is in a menu goes on by the rules of that menu: their keys are what its caller heard. So
        every question is answered wholly by one set.
        """
        now = self._now()
        if rules.digest != self.rules.digest:
            young = (kept for kept in self._replaced if now - kept[0] < KEPT_FOR_MENUS)
            self._replaced = (*young, (now, self._in_force))
        self._in_force, self._coming = InForce(rules, catalogue), None

    def _heard(self, digest: str) -> InForce | None:
        """The set that a caller's menu is of; ``None``: none of ours. The lifeline knows what it means."""
        now = self._now()
        replaced = (one for until, one in self._replaced if now - until < KEPT_FOR_MENUS)
        for one in filter(None, (self._in_force, self._coming, *replaced)):
            if one.rules.digest == digest:
                return one
        return None

    def answer(self, question: Question) -> str | None:
        """The advice for ``question``; ``None`` where the raw facts are needed and have not come yet. Raises
        :class:`AgiError` for a question that is none."""
        match question.script:
            case AgiScript.INTAKE:
                return self._intake(question)
            case AgiScript.KEY:
                return self._key(question)

    def identify(self, call_id: str, at: datetime, raw_facts: str) -> tuple[CallIdentified, CallerData]:
        """:func:`who_calls` in this city. The caller is remembered."""
        note, data = who_calls(call_id, at, raw_facts, self.rules.city)
        if note.caller is CallerClass.NUMBER:
            self._callers.came(call_id, data.number)
        return note, data

    def _intake(self, question: Question) -> str | None:
        if question.raw_facts is None:
            return None
        who = self._keeper.identify(question.call_id, self._now(), question.raw_facts)
        by = self._in_force
        return self._advise(by, question, start(by.rules, who.entry), who.entry, who.caller, None)

    def _key(self, question: Question) -> str | None:
        if len(question.arguments) != KEY_ARGUMENTS:
            raise AgiError(
                f"The question 'key' has {len(question.arguments)} arguments and needs {KEY_ARGUMENTS}: "
                "dialplan/menu.conf and the engine are of different versions; install both again."
            )
        menu, language, wrong, digest, key = question.arguments
        by = self._heard(digest)
        if by is None:
            _log.warning("menu_of_other_rules", call=question.call_id, rules=digest[:12], remedy=_OTHER_RULES)
            return DECLINED
        who = self._who(question)
        if who is None:
            return None
        entry, caller = who
        state = MenuState(menu, language, int(wrong) if wrong.isdecimal() else 0)
        if entry not in by.rules.numbers:
            entry = OTHER
        return self._advise(by, question, press(by.rules, state, key), entry, caller, key)

    def _who(self, question: Question) -> tuple[str, CallerClass] | None:
        """The call's entry and who calls. Mostly that is known, from Asterisk's event of the first menu."""
        call = self._keeper.registry.get(question.call_id)
        if call is not None and call.entry is not None and call.caller is not None:
            return call.entry, call.caller
        if question.raw_facts is None:
            return None
        note = self._keeper.identify(question.call_id, self._now(), question.raw_facts)
        return note.entry, note.caller

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
