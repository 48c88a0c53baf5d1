"""Cities made up by hypothesis: agencies, lines, menus, queues with their overflows, schedules, rules.

Each is the text of a routing file that is accepted. Tests of every kind draw from here.
"""

import re
from typing import Any

import yaml
from hypothesis import strategies as st

from ivr.routing.model import CallerClass, ServiceState
from ivr.routing.rules import LAST_RESORT, LEAD, STAFF_TEXTS
from ivr.routing.schema import ID
from ivr.vocabulary import HIGHEST_PRIORITY, LAYER_1_QUEUE, PHONE_NAME

CATEGORIES = ("unknown", "fire", "medical", "flood")
AGENCIES = ("a", "b", "c")
DISTRICTS = ("north", "south")
QUEUES = (LAYER_1_QUEUE, "q1", "q2")
SCHEDULES = {"day": "mon-fri 07:00-19:00", "night": "19:00-07:00", "feast": "holidays, 2026-12-31"}


def some(values: Any, least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(sorted(values)), min_size=least, max_size=3, unique=True)


@st.composite
def overflows(draw: st.DrawFn, queue: str, last: str) -> list[str]:
    middle = st.sampled_from([LEAD, *(other for other in QUEUES if other != queue)])
    steps = [*draw(st.lists(middle, max_size=3, unique=True)), last]
    times = sorted(draw(st.lists(st.integers(1, 600), min_size=len(steps), max_size=len(steps), unique=True)))
    return [f"{time}s {step}" for time, step in zip(times, steps, strict=True)]


@st.composite
def rule(draw: st.DrawFn, number: int) -> dict[str, Any]:
    when = st.fixed_dictionaries(
        {},
        optional={
            "category": some(CATEGORIES),
            "entry": some(["112", "911", "113", "other"]),
            "language": some(["id", "en"]),
            "caller": some([kind.value for kind in CallerClass]),
            "operators": st.sampled_from(["none", "under 3", "over 0"]),
            "longest_wait": st.sampled_from(["over 60s", "under 5m"]),
            "schedule": st.sampled_from([*SCHEDULES, "not day"]),
            "cannot_speak": st.sampled_from(["yes", "no"]),
            "district": some(DISTRICTS),
            "listed": st.just("hospitals"),
            "service_state": some([state.value for state in ServiceState]),
            "out_of_service": some([*AGENCIES, "a-0", "last-0"]),
        },
    )
    roles = draw(st.lists(st.sampled_from(["lead", "else", "support", "mutual_aid"]), min_size=3, max_size=3))
    result: dict[str, Any] = {"rule": f"r{number}", "when": draw(when.filter(bool))}
    for agency, role in zip(AGENCIES, roles, strict=True):
        if draw(st.booleans()):
            result.setdefault(role, []).append(agency)
    modes = ["verify", "direct", "direct_if_swamped"] if "lead" in result else ["verify"]
    optional = {
        "mode": st.sampled_from(modes),
        "queue": st.sampled_from(QUEUES),
        "priority": st.integers(0, HIGHEST_PRIORITY).map(str),
        "notify": some(["n1", "n2"]),
        "clock": st.just("5m"),
    }
    return result | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def line(draw: st.DrawFn, name: str) -> str:
    options = [
        "",
        " accept=answer",
        " schedule=day",
        f" number=+62811{draw(st.integers(1000, 9999999))}",
        " phone=desk",
        " dtmf=*1w#2",
    ]
    return f"{name} {draw(st.integers(1, 120))}s{draw(st.sampled_from(options))}"


@st.composite
def cities(draw: st.DrawFn) -> str:
    """The text of a routing file."""
    words = {name: name for name in (*CATEGORIES, "more")}
    language = {
        "first_menu": "{choices}",
        "further_menu": "Or {choices}",
        "choice": "{what}, {key}.",
        "keys": list("abcdefg"),
        "words": words,
        "texts": {"hold": "x", "stay": "y"},
    }
    targets = draw(some([*CATEGORIES, "more"]))
    queues: dict[str, Any] = {}
    for queue in QUEUES:
        # At last to a queue before it or to the last resort: no circles.
        ends = [LAST_RESORT, *QUEUES[: QUEUES.index(queue)]]
        queues[queue] = {"overflow": draw(overflows(queue, draw(st.sampled_from(ends))))}
        if draw(st.booleans()):
            queues[queue]["during"] = {
                draw(st.sampled_from(sorted(SCHEDULES))): draw(overflows(queue, LAST_RESORT))
            }
        if queue != LAYER_1_QUEUE and draw(st.booleans()):
            queues[queue] |= {"keep_free": "1", "ring": "together"}
    rules = [draw(rule(number)) for number in range(draw(st.integers(0, 5)))]
    swamped = draw(st.sampled_from([{}, {"operators": "none"}, {"longest_wait": "over 60s"}]))
    city = {
        "city": {"name": "X", "zone": "Asia/Makassar", "area_code": "0401", "districts": list(DISTRICTS)},
        "languages": {
            "id": {
                **language,
                "accept": "{what}",
                "texts": dict.fromkeys(("hold", "stay", *STAFF_TEXTS), "x"),
            },
            "en": draw(st.sampled_from([language, {"recorded": "yes"}])),
        },
        "numbers": {
            "112": {"menu": "main"},
            "113": {"category": "fire"},
            "other": draw(st.sampled_from([{"menu": "more"}, {"category": "unknown", "language": "en"}])),
        },
        "menus": {
            "main": {str(key): target for key, target in enumerate(targets, 1)},
            "more": {"1": "fire", "7": "flood", "silence": "5s"},
        },
        "categories": {name: [] for name in CATEGORIES},
        "holidays": {"2026-12-25": "Natal"},
        "schedules": SCHEDULES,
        "swamped": swamped,
        "callers": {
            "lists": {"hospitals": ["0401345678", "+62811345678"]},
            "redial": {"within": "10m", "priority": "+3"},
            "prank": {"marks": "2", "priority": "-4", "forget_after": "24h"},
        },
        "rules": [*rules, {"rule": "last", "when": "always", "priority": "5"}],
        "queues": queues,
        "agencies": {
            name: {
                "name": {"id": name},
                "lines": [draw(line(f"{name}-{number}")) for number in range(draw(st.integers(1, 3)))],
                "ring": draw(st.sampled_from(["together", "in_turn"])),
            }
            for name in AGENCIES
        },
        "last_resort": [f"last-{number} 30s" for number in range(draw(st.integers(1, 3)))],
        "notify": {"n1": ["a", "b.head"], "n2": ["centre.supervisor"]},
    }
    return yaml.safe_dump(city, sort_keys=False)


QUEUE_OR_LINE = re.compile(r"(?<![\w-])(?:(?P<queue>q\d)|(?:[abc]|last)-\d)(?![\w-])")


@st.composite
def oddly_named_cities(draw: st.DrawFn) -> str:
    """The same with any names that queues and lines can have; some of these texts are not accepted."""
    text = draw(cities())
    names = {}
    for match in sorted(QUEUE_OR_LINE.finditer(text), key=lambda match: match[0]):
        if match[0] not in names:
            any_name = st.from_regex(ID if match["queue"] else PHONE_NAME, fullmatch=True)
            # Asterisk takes a-0 and a0 for the same line.
            names[match[0]] = draw(st.sampled_from([match[0], match[0].replace("-", "")]) | any_name)
    return QUEUE_OR_LINE.sub(lambda match: names[match[0]], text)
