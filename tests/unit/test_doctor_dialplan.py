"""The doctor knows what the dialplan uses and who provides it, and which Asterisk is safe."""

import re

import pytest

from ivr.health.checks.dialplan import PROVIDED_BY, uses
from ivr.health.checks.modules import FLOORS, listed_modules, new_enough, version_of
from ivr.render.install import repository
from ivr.settings import Settings

REPOSITORY = repository()
WITH_DIALPLAN = [
    *sorted(REPOSITORY.glob("dialplan/*.conf")),
    REPOSITORY / "asterisk-conf" / "cel_custom.conf",
]


@pytest.mark.parametrize("path", WITH_DIALPLAN, ids=lambda path: path.name)
def test_everything_the_dialplan_uses_is_provided_by_a_module_that_is_loaded(path, tmp_path) -> None:
    loaded = {module.removesuffix(".so") for module in listed_modules(Settings(state=tmp_path))}
    used = uses(path.read_text())
    assert used <= set(PROVIDED_BY), "add it to PROVIDED_BY in ivr/health/checks/dialplan.py"
    assert {PROVIDED_BY[name] for name in used} - {""} <= loaded, "add it to asterisk-conf/modules.conf"


def test_the_table_holds_nothing_that_the_dialplan_does_not_use() -> None:
    used = set().union(*(uses(path.read_text()) for path in WITH_DIALPLAN))
    # Opening hours in plain dialplan will need it, and it is no module that could be missing.
    assert set(PROVIDED_BY) - used <= {"GotoIfTime"}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("exten => _!,1,Answer()", {"Answer"}),
        (" same => n(here),Queue(${A},cC,,,9)", {"Queue"}),
        ("exten => *11,1,Hangup", {"Hangup"}),
        (" same => n,Set(__A=${CUT(B,|,1)})", {"Set", "CUT"}),
        (" same => n,Set(DB(operator/${OP}/wrong)=0)", {"Set", "DB"}),
        (" same => n,Set(A=${IF($[1 = 1]?a:${LEN(b)})})", {"Set", "IF", "LEN"}),
        (" same => n,MSet(A=${B},CHANNEL(musicclass)=b,__C=1)", {"MSet", "CHANNEL"}),
        (" same => n,Set(A=${REPLACE(PJSIP_HEADER(read,From),())})", {"Set", "REPLACE", "PJSIP_HEADER"}),
        (' same => n,ExecIf($["${A}" = "x:y?z"]?Read(K,,1):Playback(a))', {"ExecIf", "Read", "Playback"}),
        (" same => n,ExecIf($[${IF(1?2:3)} = 2]?Goto(a,b,1))", {"ExecIf", "IF", "Goto"}),
        ("; same => n,System(rm)", set()),
        (" same => n,NoOp() ; not ${SHELL(ls)}", {"NoOp"}),
        (r" same => n,Set(A=${CUT(B,\;,1)}${LEN(b)})", {"Set", "CUT", "LEN"}),
    ],
)
def test_applications_and_functions_are_found(step: str, expected: set[str]) -> None:
    assert uses(step) == expected


def test_the_security_floor_is_that_of_the_set_up() -> None:
    script = (REPOSITORY / "scripts" / "lib" / "asterisk.sh").read_text()
    found = re.search(r"^ASTERISK_FLOORS=\((.*)\)$", script, re.MULTILINE)
    assert found is not None
    assert tuple(tuple(map(int, floor.split("."))) for floor in found[1].split()) == FLOORS


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", True),
        ("Asterisk 22.10.0", False),
        ("Asterisk 22.9.9", False),
        ("Asterisk 22.11.0-rc1", True),
        ("Asterisk 20.6.0~dfsg+~cs6.13.40431414-2build5", False),
        ("Asterisk 20.20.1", True),
        ("Asterisk 21.12.2", False),
        ("Asterisk 19.99.99", False),
        ("Asterisk 24.0.0", True),
    ],
)
def test_only_releases_without_known_holes_are_safe(text: str, safe: bool) -> None:
    version = version_of(text)
    assert version is not None
    assert new_enough(version) is safe


@pytest.mark.parametrize("text", ["", "Asterisk GIT-master-1a2b3c", "Asterisk certified-20.7.1-cert11"])
def test_a_version_that_tells_nothing_is_none(text: str) -> None:
    assert version_of(text) is None
