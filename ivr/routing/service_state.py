"""How the 112 centre is, worked out from what is known: the state that nobody has to set. Pure."""

from datetime import datetime

from ivr.routing.model import Facts, ServiceState
from ivr.routing.rules import Rules


def service_state(rules: Rules, facts: Facts, now: datetime) -> ServiceState:
    """Nobody on duty: ``Unstaffed``; the file's ``swamped`` holds: ``Overloaded``; else ``Normal``.

    While nobody knows how many operators are on duty, they are not taken for absent. The other states of
    NENA-STA-010.3 are for a person to set (``ivr service``). ``now`` is aware.
    """
    if facts.operators == 0:
        return ServiceState.UNSTAFFED
    local = rules.local(now)
    if any(condition.holds(facts, local) for condition in rules.swamped):
        return ServiceState.OVERLOADED
    return ServiceState.NORMAL
