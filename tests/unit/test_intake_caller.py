"""What a caller's number is worth, whatever the carrier sends."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.intake.caller import Trust, classify_caller, display_name, international
from ivr.routing.model import CallerClass
from ivr.routing.rules import City
from ivr.vocabulary import NO_NUMBER
from ivr.vocabulary import IntakeField as F

CITY = City("Kota Ambon", ZoneInfo("Asia/Jayapura"), "0911", ("000*", "911???????", "14 digits", "15 digits"))


def classified(**raw: str) -> tuple[str, str | None, str]:
    caller = classify_caller({F(key): value for key, value in raw.items()}, CITY)
    return caller.caller_class.value, caller.number, caller.trust.value


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        ("081234567890", "+6281234567890"),
        ("6281234567890", "+6281234567890"),
        ("+6281234567890", "+6281234567890"),
        ("006281234567890", "+6281234567890"),
        ("81234567890", "+6281234567890"),
        ("0911345678", "+62911345678"),
        ("345678", "+62911345678"),
        ("+447700900123", "+447700900123"),
        ("447700900123", "+447700900123"),
        ("00447700900123", "+447700900123"),
        ("", None),
        ("0", None),
        ("112", None),
        ("1001", None),
        ("+", None),
        ("+0812345678", None),
        ("0000000", None),
        ("+1234567", None),
        ("1234567890123456", None),
        ("900123456", None),
        ("0812a", None),
        ("٠٨١٢٣٤٥٦٧٨٩٠", None),
    ],
)
def test_numbers_in_one_form(digits: str, number: str | None) -> None:
    assert international(digits, "0911") == number


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"caller_number": "081234567890"}, ("number", "+6281234567890", "claimed")),
        ({"caller_number": "0812-3456 (7890)"}, ("number", "+6281234567890", "claimed")),
        ({"from": '"x" <sip:081234567890@a>;tag=1'}, ("number", "+6281234567890", "claimed")),
        (
            {"caller_number": "0811111111", "asserted_identity": "<sip:+6281234567890@carrier>"},
            ("number", "+6281234567890", "asserted"),
        ),
        (
            {"asserted_identity": "<sip:centre@carrier>, <tel:+6281234567890>"},
            ("number", "+6281234567890", "asserted"),
        ),
        # Hidden: the network's own knowledge stays, what the caller claims does not.
        (
            {"asserted_identity": "<tel:+6281234567890>", "privacy": "id"},
            ("anonymous", "+6281234567890", "asserted"),
        ),
        ({"caller_number": "081234567890", "privacy": "header; ID"}, ("anonymous", None, "claimed")),
        (
            {"remote_party": '"x" <sip:+6281234567890@c>;party=calling;Privacy=FULL', "from": "<sip:x@a>"},
            ("anonymous", "+6281234567890", "asserted"),
        ),
        ({"from": "<sip:Anonymous@a>"}, ("anonymous", None, "claimed")),
        ({"from": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x'}, ("anonymous", None, "claimed")),
        ({"from": "<sip:x@ANONYMOUS.INVALID>"}, ("anonymous", None, "claimed")),
        ({"caller_number": "081234567890", "privacy": "none"}, ("number", "+6281234567890", "claimed")),
        (
            {"caller_number": "0811111111", "remote_party": "<sip:081234567890@c>;privacy=off;screen=yes"},
            ("number", "+6281234567890", "asserted"),
        ),
        # A carrier that asserts no number leaves the caller's.
        (
            {"from": "<sip:081234567890@a>", "asserted_identity": "<sip:unknown@carrier>"},
            ("number", "+6281234567890", "claimed"),
        ),
        # Made up for a phone without SIM: never a number that could be called back.
        ({"caller_number": "000123456789"}, ("simless", None, "claimed")),
        ({"caller_number": "+000123456789"}, ("simless", None, "claimed")),
        ({"caller_number": "9111234567"}, ("simless", None, "claimed")),
        ({"caller_number": "356938035643809"}, ("simless", None, "claimed")),
        ({"asserted_identity": "<sip:35693803564380@c>", "privacy": "id"}, ("simless", None, "asserted")),
        ({"caller_number": "62812345678901"}, ("number", "+62812345678901", "claimed")),
        # Nothing that could be a number.
        ({}, ("missing", None, "claimed")),
        ({"caller_number": ""}, ("missing", None, "claimed")),
        ({"caller_number": NO_NUMBER, "from": "<sip:10.0.0.1>"}, ("missing", None, "claimed")),
        ({"from": "<sip:10.0.0.1>"}, ("missing", None, "claimed")),
        ({"from": "<sip:@10.0.0.1>"}, ("missing", None, "claimed")),
        ({"caller_number": "op1", "from": '"Operator 1" <sip:op1@a>'}, ("missing", None, "claimed")),
        ({"caller_number": "112"}, ("missing", None, "claimed")),
        ({"caller_number": "1" * 200}, ("missing", None, "claimed")),
        ({"caller_number": "0812\r\nX-Evil: 1"}, ("missing", None, "claimed")),
        ({"caller_number": 'a"b|c'}, ("missing", None, "claimed")),
        ({"caller_number": "Ünïcode ☎"}, ("missing", None, "claimed")),
        ({"caller_number": "\udce9"}, ("missing", None, "claimed")),
    ],
)
def test_what_a_caller_is(raw: dict[str, str], expected: tuple[str, str | None, str]) -> None:
    assert classified(**raw) == expected


def test_the_city_decides_which_patterns_are_simless() -> None:
    plain = City("x", CITY.zone, "0911", ())
    caller = classify_caller({F.CALLER_NUMBER: "356938035643809"}, plain)
    assert (caller.caller_class, caller.number) == (CallerClass.NUMBER, "+356938035643809")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (r'"Budi \"B\" <x>" <sip:a@b>;tag=1', 'Budi "B" <x>'),
        ("Budi <sip:a@b>", "Budi"),
        ("<sip:a@b>", ""),
        ("sip:a@b", ""),
        ("", ""),
    ],
)
def test_the_name_in_from(header: str, name: str) -> None:
    assert display_name(header) == name


@given(
    st.dictionaries(st.sampled_from(F), st.text(max_size=250) | st.text(alphabet="+0123456789 ", max_size=25))
)
def test_any_facts_are_classified_and_any_number_can_be_called(raw: dict[F, str]) -> None:
    caller = classify_caller(raw, CITY)
    assert caller.trust in Trust
    if caller.number is not None:
        assert caller.caller_class in (CallerClass.NUMBER, CallerClass.ANONYMOUS)
        assert caller.number[0] == "+"
        assert 8 <= len(caller.number[1:]) <= 15
        assert (caller.number[1:] + "x").strip("0123456789") == "x"
    else:
        assert caller.caller_class is not CallerClass.NUMBER
