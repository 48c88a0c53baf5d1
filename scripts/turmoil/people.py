"""Who takes part: citizens who call, and persons who answer. Each speaks a tone of their own, so that it can
be proved who heard whom."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from stack.phones.baresip import Answering, Phone, PhoneCall
from stack.phones.baresip_process import PhoneError

from turmoil.facts import Standing

OPERATORS = ("op1", "op2", "op3", "op4")
TALKS, RINGS, FREED, RELIEF = OPERATORS
"""What becomes of each: one talks until the end, one's phone rings when it happens, one becomes free in that
moment, one comes on duty only where a fault says so."""
FIRE, HEALTH = "damkar-1", "dinkes-1"
"""The first lines of the agencies of key 1 and key 2."""
TONES = {name: 400.0 + 70 * place for place, name in enumerate((*OPERATORS, FIRE, HEALTH))}

TALK_SECONDS = 3.0
"""A talk is so long: enough to prove that both are heard, a moment to wait for the next caller."""
OPERATOR = Answering(after=0.4, hang_up_after=TALK_SECONDS)
AGENCY = Answering(after=0.4, keys=((0.8, "1"),), hang_up_after=TALK_SECONDS + 1)
"""Longer: the talk begins only when the key was heard."""
STAYS = Answering(after=0.2)
"""Answers, and does not hang up."""
DIAL_AGAIN = 1.0
"""Whose call is not answered at all dials again so many seconds later."""
PRESS_AGAIN = 2.5


@dataclass(eq=False)
class Citizen:
    """One caller with a phone. Whoever is not answered dials again, as people and carriers do; whoever was
    answered and then cut does not, because that must not happen."""

    number: str
    standing: Standing
    hz: float
    phone: Phone
    attempts: list[PhoneCall] = field(default_factory=list)
    left: bool = False
    """Whether this caller was the one who hung up."""

    @property
    def call(self) -> PhoneCall:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def up(self) -> bool:
        return bool(self.attempts) and self.call.established_at is not None and self.call.closed_at is None

    @property
    def cut(self) -> bool:
        """Whether the other side ended a call that was answered."""
        return bool(self.attempts) and self.call.established_at is not None and not (self.up or self.left)

    async def dial(self, patience: float, number: str = "112") -> None:
        """Dial until somebody answers, for so many seconds at the most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while True:
                    with suppress(PhoneError, TimeoutError):
                        self.attempts.append(await self.phone.dial(number))
                        await self.call.established(patience)
                        return
                    await asyncio.sleep(DIAL_AGAIN)

    async def press(self, key: str) -> None:
        """Press a key, if the call is still there."""
        if self.up:
            with suppress(PhoneError, TimeoutError):
                await self.call.press(key)

    async def ask_for_a_person(self, persons: "Persons", times: int = 4) -> None:
        """Press 0 now and again until a person is there."""
        for _ in range(times):
            await asyncio.sleep(PRESS_AGAIN / 2)
            if not self.up or persons.with_whom(self.number):
                return
            await self.press("0")
            await asyncio.sleep(PRESS_AGAIN / 2)

    async def hang_up(self) -> None:
        for attempt in self.attempts:
            self.left = self.left or attempt.closed_at is None
            with suppress(PhoneError, TimeoutError):
                await attempt.hang_up()


class Persons:
    """Operators and people at agencies, by their phones' names."""

    def __init__(self, phones: Sequence[Phone]) -> None:
        self.phones = {phone.user: phone for phone in phones}

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def rung_for(self, number: str) -> str | None:
        """Whose phone rings for this caller now."""
        for call in self._calls_of(number):
            if call.established_at is None and call.closed_at is None:
                return call.phone.user
        return None

    def talks_with(self, number: str) -> list[PhoneCall]:
        """All calls that were answered for this caller; an agency that only heard its sentence among them."""
        return [call for call in self._calls_of(number) if call.established_at is not None]

    def with_whom(self, number: str) -> str | None:
        """Who has this caller on the phone now."""
        return next((call.phone.user for call in self.talks_with(number) if call.closed_at is None), None)

    def had_a_talk(self, number: str, since: float) -> bool:
        """Whether somebody answered this caller after this time, talked, and that is over."""
        return self.with_whom(number) is None and any(
            talk.closed_at - talk.established_at > TALK_SECONDS / 2
            for talk in self.talks_with(number)
            if talk.established_at is not None and talk.closed_at is not None and talk.established_at > since
        )

    async def hang_up_all(self) -> None:
        """All put the receiver down: what they held is dead."""
        calls = itertools.chain.from_iterable(phone.active for phone in self.phones.values())
        await asyncio.gather(*(call.hang_up() for call in calls), return_exceptions=True)

    def _calls_of(self, number: str) -> list[PhoneCall]:
        every = itertools.chain.from_iterable(phone.calls for phone in self.phones.values())
        return [call for call in every if call.incoming and number.lstrip("+") in call.peer]
