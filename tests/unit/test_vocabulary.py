"""The dialplan and ivr/vocabulary.py must say the same."""

import re
from pathlib import Path

from ivr.intake.numbers import dialled_forms
from ivr.recordings.disk import HOLD_SECONDS
from ivr.routing.advice import encode_menu_advice, encode_plan_advice
from ivr.routing.model import CallerClass, QueueStage
from ivr.vocabulary import (
    FIELD_SEPARATOR,
    FIRST_MENU,
    HIGHEST_PRIORITY,
    LAYER_1_QUEUE,
    PRIORITY_STEPS,
    REPEAT,
    TRUNK_ENDPOINT,
    AgiScript,
    Context,
    GlobalVariable,
    IntakeField,
    LifelineReason,
    Step,
    Variable,
)

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = {path.name: path.read_text() for path in (REPOSITORY / "dialplan").glob("*.conf")}
CODE = "\n".join(
    line.split(";", 1)[0] if "\\;" not in line else line
    for text in FILES.values()
    for line in text.splitlines()
    if not line.lstrip().startswith(";")
)


def test_every_shared_variable_is_used_by_the_dialplan() -> None:
    assert [name for name in (*Variable, *GlobalVariable) if not re.search(rf"(?:\b|__){name}\b", CODE)] == []


def test_recordings_are_held_back_for_as_long_as_the_engine_means() -> None:
    for name in ("intake.conf", "finish.conf"):
        assert f"${{IVR_HOLD}} > {HOLD_SECONDS}]?MixMonitor(" in FILES[name]


def test_every_step_is_written_and_none_is_unknown() -> None:
    written = set(re.findall(r"CELGenUserEvent\(([a-z-]+),", CODE))
    assert written == set(Step)


def test_every_reason_for_the_lifeline_is_given_and_none_is_unknown() -> None:
    values = re.findall(r"IVR_WHY=([^\n]*?)(?:,GLOBAL|\n)", CODE)
    words = re.compile(r"(?:^|[?:])([a-z-]+)(?=[,:)])(?!,s,1)")  # not the place that is jumped to
    given = {word for value in values for word in words.findall(value)}
    assert given == set(LifelineReason)


def test_the_dialplan_asks_exactly_the_known_questions() -> None:
    assert set(re.findall(r"IVR_QUESTION=([a-z]+)/", CODE)) == set(AgiScript)


def test_the_first_menu_is_found_by_what_was_dialled() -> None:
    assert f"${{{FIRST_MENU}${{FILTER(0-9+," in FILES["intake.conf"]
    assert all(re.fullmatch("[0-9+]{1,29}", form) for form in dialled_forms("0911"))


def test_intake_sends_as_many_facts_as_the_engine_reads() -> None:
    assert FILES["intake.conf"].count("${BASE64_ENCODE(:${") == len(IntakeField)


def test_every_context_that_others_name_exists() -> None:
    here = set(re.findall(r"^\[([a-z-]+)\]", CODE, re.MULTILINE))
    assert set(Context) - {Context.LINES, Context.LIFELINE} <= here
    assert f"DIALPLAN_EXISTS({Context.LINES}," in CODE
    assert f"DIALPLAN_EXISTS({Context.LIFELINE}-${{IVR_RULES}}-whole,s,1)" in CODE
    for name in ("menu.conf", "plan.conf"):
        assert f"exten => {REPEAT},1," in FILES[name]


def test_an_advice_has_as_many_fields_as_the_dialplan_demands() -> None:
    menu = encode_menu_advice(
        menu="main",
        language="id",
        wrong=0,
        silence_seconds=3,
        prompt="id/menu-main.abc",
        entry="112",
        caller=CallerClass.NUMBER,
        rules="0123456789ab",
    )
    plan = encode_plan_advice(
        [QueueStage(LAYER_1_QUEUE, 45)],
        priority=9,
        category="fire",
        language="id",
        accept_prompt="id/accept-fire.abc",
        cannot_speak=False,
        penalty=None,
        entry="112",
        caller=CallerClass.NUMBER,
    )
    fields = menu.split(FIELD_SEPARATOR)
    assert (
        f'${{CUT(IVR_ADVICE,|,{len(fields) - 1}-)}}" = "2|menu:${{IVR_LIFELINE}}|end"' in FILES["intake.conf"]
    )
    assert fields[-2] == "0123456789ab", "the digest of its rules"
    for kind, advice in (("menu", menu), ("plan", plan)):
        fields = len(advice.split(FIELD_SEPARATOR))
        for file in ("ask.conf", "lifeline.conf"):
            assert f'${{CUT(IVR_ADVICE,|,{fields}-)}}" = "2|{kind}:end"' in FILES[file]
        names = re.search(rf"^IVR_{kind.upper()}_FIELDS=(.+)$", FILES["extensions.conf"], re.MULTILINE)
        assert names is not None
        for file in ("ask.conf", "lifeline.conf"):
            assert f"${{IVR_{kind.upper()}_FIELDS}}" in FILES[file]
        assert len(names[1].split(",")) == fields - 1, "all but the end mark"


def test_an_advice_survives_the_dialplans_filter() -> None:
    """FILTER keeps only these characters; a prompt's or a line's name may have no other."""
    (kept,) = set(re.findall(r"FILTER\(([^,]+),\$\{IVR_ADVICE\}\)", CODE))
    pattern = re.compile(f"[{kept}]+")
    assert pattern.fullmatch(
        "2|plan|q:emergency:45+l:a-1&b-2:20|9|fire|id|id/accept-fire.0a|x|0|10|112|number|end"
    )


def test_queue_order_is_computed_as_the_vocabulary_says() -> None:
    assert f"* {PRIORITY_STEPS} + {PRIORITY_STEPS - 1} - ${{IF($[${{SET(IVR_AGE=" in FILES["plan.conf"]
    assert HIGHEST_PRIORITY * PRIORITY_STEPS + PRIORITY_STEPS < 2**31
    assert f"Set(IVR_PRIORITY={HIGHEST_PRIORITY})" in FILES["finish.conf"]


def test_the_hand_written_files_know_layer_1_and_the_trunk() -> None:
    assert f"[{LAYER_1_QUEUE}](" in (REPOSITORY / "asterisk-conf" / "queues.conf").read_text()
    assert f"q:{LAYER_1_QUEUE}:" in FILES["extensions.conf"]
    assert f"context={Context.TRUNK}" in (REPOSITORY / "asterisk-conf" / "pjsip.conf").read_text()
    assert TRUNK_ENDPOINT == "trunk"


def test_every_step_file_is_included_and_comes_in_by_tryinclude() -> None:
    included = re.findall(r'^#(\w+) "dialplan/(\S+)"', FILES["extensions.conf"], re.MULTILINE)
    assert {name for _, name in included} == set(FILES) - {"extensions.conf"}
    assert {how for how, _ in included} == {"tryinclude"}


def test_the_callers_channel_runs_no_generated_dialplan_but_the_lifelines_that_is_whole() -> None:
    """Generated contexts may be cut off; only a leg to a line may fall off their end. Into the lifeline's a
    call goes by one Gosub, after the generation's last context was found."""
    jumps = [
        (name, jump)
        for name, text in FILES.items()
        for jump in re.findall(r"(?:Goto|Gosub)(?:If)?\((?:[^\n]*\?)?(?:lines|lifeline-\$)[^\n]*", text)
    ]
    assert sorted(jumps) == [
        ("lifeline.conf", "Gosub(lifeline-${IVR_RULES},${LIFE_QUESTION},1)"),
        ("lines.conf", "Gosub(lines,${EXTEN},1)"),
    ]
    leg = FILES["lines.conf"].split("[line]")[1]
    assert "Gosub(lines," in leg
    lifeline = FILES["lifeline.conf"]
    guard = "GotoIf($[0${DIALPLAN_EXISTS(lifeline-${IVR_RULES}-whole,s,1)} = 0]?last-resort)"
    assert lifeline.index(guard) < lifeline.index("Gosub(lifeline-${IVR_RULES}")
