"""What breaks: one small generator a fault."""

from turmoil.faults import engine, questions, link, storage, asterisk, files, people, network  # noqa: F401, I001
from turmoil.faults.registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]
