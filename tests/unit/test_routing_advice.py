"""Advices and plans as the dialplan reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.routing.advice import decode_plan, encode_menu_advice, encode_plan, encode_plan_advice
from ivr.routing.model import CallerClass, LinesStage, QueueStage, Stage

NAMES = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
SECONDS = st.integers(1, 9_999_999)
STAGES: st.SearchStrategy[Stage] = st.builds(QueueStage, NAMES, SECONDS, st.integers(0, 50)) | st.builds(
    LinesStage, st.lists(NAMES, min_size=1, max_size=10).map(tuple), SECONDS
)

PLAN = (
    QueueStage("information", 300, 1),
    QueueStage("emergency", 45),
    LinesStage(("damkar-1", "damkar-2"), 20),
)


def test_a_plan_reads_as_the_contract_says() -> None:
    assert encode_plan(PLAN) == "i:information:300:1+q:emergency:45+l:damkar-1&damkar-2:20"


@given(st.lists(STAGES, max_size=12).map(tuple))
def test_a_plan_survives_the_way_there_and_back(stages: tuple[Stage, ...]) -> None:
    assert decode_plan(encode_plan(stages)) == stages


@given(st.text(max_size=60) | st.text(alphabet="qil:+&09az-", max_size=30))
def test_what_decodes_is_exactly_what_would_be_encoded(text: str) -> None:
    try:
        stages = decode_plan(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert encode_plan(stages) == text


@pytest.mark.parametrize(
    "stage",
    [
        QueueStage("emergency", 0),
        QueueStage("Emergency", 5),
        QueueStage("a|b", 5),
        LinesStage((), 5),
        LinesStage(("a&b",), 5),
        LinesStage(("",), 5),
        QueueStage("a\n", 5),
    ],
)
def test_a_stage_that_a_plan_cannot_carry_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        encode_plan([stage])


def test_a_menu_advice() -> None:
    advice = encode_menu_advice(
        menu="main",
        language="id",
        wrong=1,
        silence_seconds=3,
        prompt="id/menu-main.1a2b3c",
        entry="112",
        caller=CallerClass.SIMLESS,
        rules="0123456789ab",
    )
    assert advice == "2|menu|main|id|1|3|id/menu-main.1a2b3c|112|simless|0123456789ab|end"


def plan_advice(**changes: object) -> str:
    fields: dict[str, object] = {
        "priority": 9,
        "category": "fire",
        "language": "en",
        "accept_prompt": "id/accept-fire",
        "entry": "911",
        "cannot_speak": False,
        "penalty": None,
        "caller": CallerClass.NUMBER,
    }
    return encode_plan_advice(PLAN[1:2], **(fields | changes))  # type: ignore[arg-type]


def test_a_plan_advice() -> None:
    assert plan_advice() == "2|plan|q:emergency:45|9|fire|en|id/accept-fire||0|10|911|number|end"
    assert (
        plan_advice(cannot_speak=True, penalty=(3, 10), accept_prompt="")
        == "2|plan|q:emergency:45|9|fire|en||cannot-speak|3|10|911|number|end"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": 21},
        {"priority": -1},
        {"accept_prompt": "a|b"},
        {"category": 'a"b'},
        {"entry": "1\n2"},
        {"language": "a\\b"},
    ],
)
def test_an_advice_carries_nothing_that_could_be_read_otherwise(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        plan_advice(**changes)
