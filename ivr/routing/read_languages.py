"""What callers hear, in each language."""

import re

from ivr.menu.definition import CHOICE_KEYS
from ivr.routing.forms import Form, Key, Section
from ivr.routing.problems import shown
from ivr.routing.reading import Reading
from ivr.routing.rules import CALLER_TEXTS, STAFF_TEXTS, Language
from ivr.routing.schema import (
    Reader,
    a_text,
    choice,
    each,
    keys,
    listed,
    reader,
    reference,
    scalar,
    table,
    text,
    word,
)
from ivr.routing.yaml_nodes import Items, Node

_PENALTY = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")


def _template(*places: str) -> Reader[str]:
    """A text with each of these places, once, and no other braces."""

    def read(node: Node, report: Reading) -> str | None:
        value = text(node, report)
        if value is None:
            return None
        rest = value
        for place in places:
            rest = rest.replace(place, "", 1)
        if "{" not in rest and "}" not in rest and all(place in value for place in places):
            return value
        report.error(node, f"the text needs {' and '.join(places)}, each once, and no other braces")
        return None

    return Reader(read, text.describe)


_seven = listed(text, least=len(CHOICE_KEYS), most=len(CHOICE_KEYS))


@reader(_seven.describe())
def _key_words(node: Node, report: Reading) -> tuple[str, ...] | None:
    count = len(CHOICE_KEYS)
    if isinstance(node, Items) and len(node.items) == count:
        return _seven(node, report)
    report.error(node, f"write how the keys 1 to {count} are called, [one, two, …], {count} words")
    return None


@reader(a_text(_PENALTY.pattern))
def _penalty(node: Node, report: Reading) -> tuple[int, int] | None:
    typed = scalar(node, report, "penalties like 0-10")
    if typed is None:
        return None
    match = _PENALTY.fullmatch(typed.value)
    if match and int(match[1]) <= int(match[2]):
        return int(match[1]), int(match[2])
    report.error(node, f"{shown(typed.value)} cannot stand here; write penalties like 0-10")
    return None


_SPOKEN = {
    "hold": ("Callers, while they wait.", "Jangan tutup telepon. Petugas segera menjawab."),
    "stay": ("Callers, before they are connected.", "Tetap di telepon. Anda segera disambungkan."),
    "thanks": ("An agency that accepted.", "Terima kasih."),
    "caller-gone": ("An agency that accepted too late.", "Sudah ditangani."),
    "pin": ("An operator who dials in.", "Masukkan PIN Anda, akhiri dengan pagar."),
    "wrong-pin": ("After a wrong PIN.", "PIN salah. Coba lagi."),
    "locked": ("After too many of them.", "Terlalu banyak PIN salah. Hubungi pengawas."),
    "logged-in": ("An operator who is on duty now.", "Anda masuk. Selamat bertugas."),
    "logged-out": ("An operator who is off duty now.", "Anda keluar. Terima kasih."),
    "paused": ("An operator on a break.", "Anda istirahat."),
    "resumed": ("An operator after a break.", "Anda bertugas kembali."),
}
TEXTS_KEYS = {
    name: Key(name, text, *_SPOKEN[name], required=name in CALLER_TEXTS)
    for name in CALLER_TEXTS + STAFF_TEXTS
}
TEXTS_FORM = Form("texts", *TEXTS_KEYS.values())
FURTHER_TEXTS_FORM = Form("texts", *(TEXTS_KEYS[name] for name in CALLER_TEXTS))


def _texts(form: Form) -> Reader[dict[str, str]]:
    def read(node: Node, report: Reading) -> dict[str, str]:
        section = Section(form, node, report)
        return {name: section.need(key) for name, key in form.keys.items()}

    return Reader(read, form.describe)


RECORDED = Key(
    "recorded",
    choice("yes"),
    "The language has no texts: its prompts are recorded as files, and callers hear the first language for "
    "one that is missing. Not for the first language.",
    "yes",
)
FIRST_MENU = Key(
    "first_menu",
    _template("{choices}"),
    "How a menu with which a call begins is spoken.",
    '"Satu satu dua. Tekan: {choices} English, star."',
)
FURTHER_MENU = Key(
    "further_menu",
    _template("{choices}"),
    "The same for a menu behind another one.",
    '"Tekan: {choices} Atau tunggu."',
)
CHOICE = Key("choice", _template("{what}", "{key}"), "How one of the choices is spoken.", '"{what}, {key}."')
ACCEPT = Key(
    "accept",
    _template("{what}"),
    "What an agency hears that is rung. The first language only.",
    '"112. {what}. Tekan 1 terima, 2 ulang, 9 tolak."',
)
KEYS = Key("keys", _key_words, "How the keys 1 to 7 are called.", "[one, two, three, four, five, six, seven]")
WORDS = Key(
    "words",
    each(reference("category or menu"), text),
    "How every category and menu is called that a menu offers; in the first language, every category.",
    "{fire: Kebakaran, other: Lainnya}",
)
TEXTS = Key(
    "texts",
    _texts(TEXTS_FORM),
    "Other prompts. Those for operators and agencies stand in the first language only.",
    "{hold: Do not hang up. An operator will answer shortly., stay: Stay on the line.}",
)
FURTHER_TEXTS = Key(TEXTS.name, _texts(FURTHER_TEXTS_FORM), TEXTS.meaning, TEXTS.example)
PENALTY = Key(
    "penalty",
    _penalty,
    "Callers go to operators whose penalty in the queue is in this range; to any, when none of those is "
    "there or when the queue's time is over. With care: while such a caller waits for a busy operator of the "
    "range, Asterisk's queue lets callers behind wait, too, even for operators who are free.",
    "5-10",
)
LANGUAGE = Form("a language", RECORDED, FIRST_MENU, FURTHER_MENU, CHOICE, ACCEPT, KEYS, WORDS, TEXTS, PENALTY)
FURTHER_LANGUAGE = Form("a language", *(key for key in LANGUAGE.keys.values() if key is not ACCEPT))
FIRST_LANGUAGE = Form("a language", *(key for key in LANGUAGE.keys.values() if key is not RECORDED))
RECORDED_LANGUAGE = Form("a language", RECORDED, PENALTY)


def _language(name: str, first: bool, node: Node, report: Reading) -> Language:
    what = f"the language {name}"
    if not first and RECORDED.name in keys(node):
        section = Section(RECORDED_LANGUAGE, node, report, what)
        section.need(RECORDED)
        return Language(name, recorded=True, penalty=section.get(PENALTY, None))
    section = Section(FIRST_LANGUAGE if first else FURTHER_LANGUAGE, node, report, what)
    return Language(
        name,
        first_menu=section.need(FIRST_MENU),
        further_menu=section.need(FURTHER_MENU),
        choice=section.need(CHOICE),
        accept=section.need(ACCEPT) if first else "",
        keys=section.need(KEYS),
        words=section.need(WORDS),
        texts=section.need(TEXTS if first else FURTHER_TEXTS),
        penalty=section.get(PENALTY, None),
    )


_code = word(re.compile(r"[a-z]{2,3}"), "a language's code like id, en or abs")


@reader(table(_code, lambda *_: None, LANGUAGE.describe).describe())
def languages(node: Node, report: Reading) -> dict[str, Language] | None:
    report.names.define("language", keys(node))
    first = next(iter(keys(node)), None)
    if first is None:
        report.error(node, "there is no language; write id: and its texts below")
    return table(
        _code,
        lambda name, value, inner: _language(name, name == first, value, inner),
        LANGUAGE.describe,
    )(node, report)
