"""Which emergency number was dialled, in every spelling a carrier may use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.intake.numbers import ENTRY_NUMBERS, OTHER, entry_of, normalise_dialled, user_parts
from ivr.vocabulary import IntakeField

AMBON = "0911"
SHORT = ("112", "110", "113", "115", "118", "119")


@pytest.mark.parametrize("number", SHORT)
@pytest.mark.parametrize("prefix", ["", "0911", "911", "+62911", "62911"])
def test_every_spelling_of_a_short_number(prefix: str, number: str) -> None:
    assert normalise_dialled(prefix + number, AMBON) == number


def test_only_911_itself_is_911() -> None:
    assert normalise_dialled("911", AMBON) == "911"
    for text in ("0911911", "911911", "+62911911", "+62911", "0911", "62911", "9110", "+911", "00911"):
        assert normalise_dialled(text, AMBON) == OTHER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "sos",
        "1",
        "11",
        "1120",
        "0112",
        "+112",
        "+62112",
        "021112",
        "0911 112",
        "112 ",
        " 112",
        "112#",
        "*112",
        "１１２",
        "١١٢",
        "112\n",
        "0" * 200,
        "112" * 70,
        "Emergency",
        "urn:service:sos",
        "081234567890",
    ],
)
def test_anything_else_is_other(text: str) -> None:
    assert normalise_dialled(text, AMBON) == OTHER


def test_another_city_has_its_own_area_code() -> None:
    assert normalise_dialled("021112", "021") == "112"
    assert normalise_dialled("+6221112", "021") == "112"
    assert normalise_dialled("0911112", "021") == OTHER


def test_user_options_of_an_address_do_not_count() -> None:
    assert normalise_dialled("112;phone-context=+62", AMBON) == "112"


@given(st.text(max_size=250), st.from_regex(r"0[1-9][0-9]{1,3}", fullmatch=True))
def test_any_text_is_a_number_of_the_table_or_other(text: str, area_code: str) -> None:
    assert normalise_dialled(text, area_code) in (*ENTRY_NUMBERS, OTHER)


@pytest.mark.parametrize("dialled", ["112", "0911112", "s", ""])
@pytest.mark.parametrize(
    ("header", "value", "entry"),
    [
        (IntakeField.DIVERSION, "<sip:113@10.0.0.1>;reason=unconditional", "113"),
        (IntakeField.DIVERSION, '"Polisi" <sip:0911110@ambon.example;user=phone>;reason=user-busy', "110"),
        (IntakeField.DIVERSION, "<tel:+62911119>;reason=unconditional", "119"),
        (IntakeField.DIVERSION, "<tel:911>", "911"),
        (IntakeField.HISTORY_INFO, "<sip:118@a>;index=1, <sip:112@b>;index=1.1", "118"),
        (IntakeField.HISTORY_INFO, "<sip:112@b>;index=1, <sip:%2B62911115@b>;index=1.1", "115"),
    ],
)
def test_a_redirected_call_came_to_the_number_it_was_redirected_from(
    dialled: str, header: IntakeField, value: str, entry: str
) -> None:
    assert entry_of({IntakeField.DIALLED: dialled, header: value}, AMBON) == entry


def test_a_number_that_says_it_all_itself_is_not_overruled() -> None:
    raw = {IntakeField.DIALLED: "113", IntakeField.DIVERSION: "<sip:110@a>"}
    assert entry_of(raw, AMBON) == "113"


@pytest.mark.parametrize(
    "value", ["", "<sip:112@a>", "<sip:0812345@a>", "<sip:@a>", "113", "sip:113", "\r\n<sip:>"]
)
def test_other_redirections_change_nothing(value: str) -> None:
    assert entry_of({IntakeField.DIALLED: "112", IntakeField.DIVERSION: value}, AMBON) == "112"
    assert entry_of({IntakeField.DIALLED: "7", IntakeField.HISTORY_INFO: value}, AMBON) == OTHER


@given(st.dictionaries(st.sampled_from(IntakeField), st.text(max_size=300)))
def test_any_facts_give_an_entry(raw: dict[IntakeField, str]) -> None:
    assert entry_of(raw, AMBON) in (*ENTRY_NUMBERS, OTHER)


def test_a_header_of_any_length_is_read_in_bounds() -> None:
    assert user_parts("<sip:" * 100_000) == ()
    assert user_parts("<sip:113@a>," * 3) == ("113",) * 3
