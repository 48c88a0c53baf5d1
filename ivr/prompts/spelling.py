"""Numbers as a person dictates them: digit by digit."""

import re

_DIGITS = {
    "id": ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}


def spell_digits(text: str, language: str) -> str:
    """Replace every run of digits by the words of its digits: ``112`` becomes ``satu satu dua``.

    All numbers a caller hears (112, keys, phone and house numbers) are dictated, never counted: "seratus dua
    belas" is not what anybody dials. ``language`` is a language or an espeak-ng voice (``en-us+f3`` is
    ``en``); in one whose digits are not known here the text stays as it is, and the voice reads numbers its
    own way.
    """
    words = _DIGITS.get(re.split(r"[-_+]", language.lower())[0])
    if words is None:
        return text

    def spelled(run: re.Match[str]) -> str:
        before, after = text[: run.start()][-1:], text[run.end() :][:1]
        digits = " ".join(words[int(digit)] for digit in run.group())
        return f"{' ' * before.isalnum()}{digits}{' ' * after.isalnum()}"

    return re.sub("[0-9]+", spelled, text)
