"""The lifeline: a city's rules compiled into plain dialplan, which answers when the engine does not.

It is an adviser made of dialplan: dialplan/lifeline.conf asks it the very question that the engine was asked,
and gets an advice of the same form. Everything here is pure; docs/lifeline.md tells people about it.
"""

from ivr.lifeline.compile import compile_lifeline

__all__ = ["compile_lifeline"]
