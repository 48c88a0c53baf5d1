import base64

from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.intake_facts import decode_intake, encode_intake
from ivr.vocabulary import IntakeField

plain = st.text(st.characters(exclude_categories=["C", "Z"]))


def _from(raw: bytes) -> str:
    """An intake argument whose third field, the caller's From, holds these bytes."""
    return "..{}".format(base64.b64encode(b":" + raw).decode())


@given(st.dictionaries(st.sampled_from(list(IntakeField)), plain))
def test_facts_arrive_as_they_were_and_missing_ones_are_empty(facts: dict[IntakeField, str]) -> None:
    assert decode_intake(encode_intake(facts)) == {field: facts.get(field, "") for field in IntakeField}


@given(st.text())
def test_no_argument_makes_reading_fail(text: str) -> None:
    assert set(decode_intake(text)) == set(IntakeField)


@given(st.binary())
def test_no_byte_of_a_caller_makes_reading_fail(raw: bytes) -> None:
    text = decode_intake(_from(raw))[IntakeField.FROM]
    assert text.isprintable() or text.strip() == text


def test_latin_1_and_control_signs_are_read() -> None:
    assert decode_intake(_from(b"Jos\xe9"))[IntakeField.FROM] == "José"
    assert decode_intake(_from(b"a\r\nb\x00c\x1b[31m"))[IntakeField.FROM] == "a  b c [31m"
    assert decode_intake(_from("x\u202ey".encode()))[IntakeField.FROM] == "x y"


def test_an_argument_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    whole = encode_intake({IntakeField.DIALLED: "112", IntakeField.CALLER_NUMBER: "+620000000001"})
    for length in range(len(whole)):
        facts = decode_intake(whole[:length])
        assert "112".startswith(facts[IntakeField.DIALLED])
        assert "+620000000001".startswith(facts[IntakeField.CALLER_NUMBER])


def test_a_fact_that_begins_with_a_colon_keeps_it() -> None:
    facts = decode_intake(encode_intake({IntakeField.DIALLED: ":112"}))
    assert facts[IntakeField.DIALLED] == ":112"
