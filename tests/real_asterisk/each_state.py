"""Calls that stand in different states at once: what is done to all of them must cut none."""

from house import House, until

WAITING_AND_TALKING = (
    ("talks", "0", "talking", "op1"),
    ("is rung for", "0", "ringing", "op2"),
    ("waits", "0", "queue", None),
    ("waits for information", "55", "queue", None),
    ("rings at an agency", "1", "lines", None),
)
"""Who, the keys pressed, the state, and the operator who comes on duty just before. The phones must be there:
op1 answers, op2 rings; and the rules ring the agency of key 1 without an operator."""


async def place_calls(house: House, *wanted: tuple[str, str, str, str | None]) -> dict[str, str]:
    """Place the calls one after the other, each when the one before has come to its state; who → number."""
    calls: dict[str, str] = {}
    for who, keys, state, operator in wanted:
        if operator:
            await house.on_duty(operator)
            await house.on_duty(operator, queue="information")
        calls[who] = caller = f"+62811000000{len(calls)}"
        await house.call(caller=caller, keys=[(0.2, key) for key in keys])
        await until(
            lambda caller=caller, state=state: house.call_of(caller).get("state") == state, f"{who}: {state}"
        )
    return calls
