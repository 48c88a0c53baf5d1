"""A YAML text as an editor reads it: with the types of YAML 1.2's core schema, which our reader ignores."""

import re
from typing import Any

from ivr.routing.problems import Report
from ivr.routing.yaml_nodes import Block, Items, Node, Text, parse


def core(text: str) -> Any:
    report = Report("text")
    node = parse(text, report)
    assert node is not None, report.problems
    return _value(node)


def _value(node: Node) -> Any:
    match node:
        case Block():
            return {key.value: _value(value) for key, value in node.items}
        case Items():
            return [_value(item) for item in node.items]
        case Text(value=value, plain=True):
            return _scalar(value)
    return node.value


def _scalar(value: str) -> Any:
    if value in ("", "~", "null"):
        return None
    if value in ("true", "false"):
        return value == "true"
    if re.fullmatch(r"[-+]?[0-9]+", value):
        return int(value)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", value):
        return float(value)
    return value
