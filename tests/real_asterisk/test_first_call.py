"""A citizen dials 112, chooses from the menu, and an operator answers."""

from house import House, until
from recorded import in_order
from stack.tones import heard


async def test_a_citizen_presses_1_and_talks_with_an_operator(house: House) -> None:
    """112, key 1 (fire). The operator's phone rings and is answered; both hear each other; the recording
    holds both; the ledger tells every step in order, with times that do not go back."""
    phones = await house.phones("op1", tones={"op1": 1000})
    await house.on_duty("op1")
    citizen = await house.carrier(hz=440)

    call = await citizen.dial("112")
    await call.established()
    await call.press("1")
    ringing = await phones["op1"].incoming()
    await ringing.accept()
    await ringing.established()
    await until(lambda: heard(call.recording, 1000, 3), "the citizen hears the operator", 15)
    await until(lambda: heard(ringing.recording, 440, 3), "the operator hears the citizen", 15)
    await call.hang_up()

    row = await house.only_call()
    assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "caller")
    assert (row["entry"], row["category"], row["operator"], row["rule"]) == ("112", "fire", "op1", "fire")
    # What Asterisk tells and what the engine notes are written as they come, by two ways.
    story = house.story(row["call_id"])
    kinds = [told.kind for told in sorted(story, key=lambda told: told.at)]
    assert in_order(kinds, "trunk", "trunk-answered", "menu", "decision", "queue", "ringing")
    assert in_order(kinds, "ringing", "operator-answered", "ended")
    times = [told.at for told in story if told.source == "asterisk"]
    assert times == sorted(times)
    recording = house.recording(row["call_id"])
    assert heard(recording, 440, 2)
    assert heard(recording, 1000, 2)
