"""Numbers are dictated digit by digit, in the caller's language."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.prompts.spelling import spell_digits


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("112", "id", "satu satu dua"),
        ("Anda menelepon 112.", "id", "Anda menelepon satu satu dua."),
        ("Tekan 1 terima, 2 ulang, 9 tolak.", "id", "Tekan satu terima, dua ulang, sembilan tolak."),
        ("Dial 911 or 112", "en", "Dial nine one one or one one two"),
        ("Blok3a", "id", "Blok tiga a"),
        ("Jl. Pattimura no.40", "id", "Jl. Pattimura no.empat nol"),
        ("112", "en-us+f3", "one one two"),
        ("112", "id-ID", "satu satu dua"),
        ("112", "fr", "112"),
        ("", "id", ""),
    ],
)
def test_a_number_is_read_digit_by_digit(text: str, language: str, spoken: str) -> None:
    assert spell_digits(text, language) == spoken


@given(st.text(), st.sampled_from(["id", "en", "en-us"]))
def test_no_digit_is_left_and_nothing_else_changes(text: str, language: str) -> None:
    spoken = spell_digits(text, language)
    assert not re.search("[0-9]", spoken)
    assert spell_digits(spoken, language) == spoken
    between = re.split("[0-9]+", text)
    position = 0
    for part in between:  # every other character is still there, in order
        position = spoken.index(part, position) + len(part)


@given(st.text("0123456789", min_size=1, max_size=30))
def test_every_digit_becomes_one_word_and_can_be_read_back(digits: str) -> None:
    words = ["nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan"]
    assert "".join(str(words.index(word)) for word in spell_digits(digits, "id").split(" ")) == digits


@given(st.text().filter(lambda text: not re.search("[0-9]", text)), st.text("abcdeinsu-+_0123456789"))
def test_text_without_digits_is_untouched_in_any_language(text: str, language: str) -> None:
    assert spell_digits(text, language) == text
