"""Which applications and functions a dialplan uses, and which module provides each."""

import re

PROVIDED_BY: dict[str, str] = {
    "AGI": "res_agi",
    "ARRAY": "func_strings",
    "AddQueueMember": "app_queue",
    "Answer": "",
    "BASE64_ENCODE": "func_base64",
    "CALLERID": "func_callerid",
    "CELGenUserEvent": "app_celgenuserevent",
    "CHANNEL": "func_channel",
    "CHANNEL_EXISTS": "func_channel",
    "CSV_QUOTE": "func_strings",
    "CUT": "func_cut",
    "DB": "func_db",
    "DEVICE_STATE": "func_devstate",
    "DIALPLAN_EXISTS": "func_dialplan",
    "Dial": "app_dial",
    "ExecIf": "app_exec",
    "FIELDQTY": "func_strings",
    "FILTER": "func_strings",
    "GLOBAL": "func_global",
    "GROUP": "func_groupcount",
    "GROUP_COUNT": "func_groupcount",
    "Gosub": "app_stack",
    "Goto": "",
    "GotoIf": "",
    "GotoIfTime": "",
    "Hangup": "",
    "IF": "func_logic",
    "LEN": "func_strings",
    "MSet": "",
    "MixMonitor": "app_mixmonitor",
    "NoOp": "",
    "PJSIP_ENDPOINT": "func_pjsip_endpoint",
    "PJSIP_HEADER": "res_pjsip_header_funcs",
    "PJSIP_HEADERS": "res_pjsip_header_funcs",
    "PauseQueueMember": "app_queue",
    "Playback": "app_playback",
    "QUEUE_MEMBER": "app_queue",
    "QUEUE_MEMBER_LIST": "app_queue",
    "QUEUE_WAITING_COUNT": "app_queue",
    "Queue": "app_queue",
    "Read": "app_read",
    "REPLACE": "func_strings",
    "RemoveQueueMember": "app_queue",
    "Return": "app_stack",
    "SET": "func_logic",
    "SHA1": "func_sha1",
    "SHARED": "func_global",
    "STRFTIME": "func_strings",
    "SendDTMF": "app_senddtmf",
    "Set": "",
    "StartMusicOnHold": "res_musiconhold",
    "StopMixMonitor": "app_mixmonitor",
    "StopMusicOnHold": "res_musiconhold",
    "TIMEOUT": "func_timeout",
    "TOLOWER": "func_strings",
    "UnpauseQueueMember": "app_queue",
    "Wait": "",
}
"""Application or function → its module; empty: Asterisk's core has it. From the documentation of Asterisk 22
(``module=`` in core-en_US.xml)."""

_COMMENT = re.compile(r"(?<!\\);.*")
_STEP = re.compile(r"^\s*(?:exten\s*=>?\s*[^,]+,|same\s*=>?\s*)[^,]+,\s*(.*)$", re.MULTILINE)
_APPLICATION = re.compile(r"\s*([A-Za-z]\w*)")
_FUNCTION = re.compile(r"(?:(?<=\$\{)|(?<=[(,])_{0,2})([A-Z][A-Z0-9_]*)(?=\()")
"""Read (``${CUT(...)}``), set (``MSet(A=1,CHANNEL(musicclass)=b)``), or named to another function
(``CUT(CALLERID(num),...)``)."""
_OPEN, _CLOSE = "([{", ")]}"


def uses(text: str) -> set[str]:
    """Names of all applications and functions in a dialplan file, also those inside ``ExecIf``."""
    code = _COMMENT.sub("", text)
    names = set(_FUNCTION.findall(code))
    for step in _STEP.findall(code):
        names |= _applications(step)
    return names


def _applications(step: str) -> set[str]:
    found = _APPLICATION.match(step)
    if found is None:
        return set()
    if found[1] != "ExecIf":
        return {found[1]}
    condition_and_rest = _cut(step[found.end() :].strip().removeprefix("(").removesuffix(")"), "?")
    branches = _cut(condition_and_rest[1], ":") if len(condition_and_rest) == 2 else []
    return {"ExecIf"}.union(*(_applications(branch) for branch in branches))


def _cut(text: str, sign: str) -> list[str]:
    """Cut at the first ``sign`` that stands in no bracket: into two, or one if there is none."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in _OPEN) - (letter in _CLOSE)
        if letter == sign and depth == 0:
            return [text[:place], text[place + 1 :]]
    return [text]
