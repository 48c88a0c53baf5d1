"""A routing file in several: ``include: [agencies/*.yaml]``, for cities whose one file would be too long.

An included file has the same top-level sections; those made of keys (agencies, queues, categories, …) are
joined key by key. Places keep the name of the file in which something stands.
"""

import glob
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from ivr.routing.problems import Place, Placed, Problem, Report, RoutingError, shown, where
from ivr.routing.reading import Reading
from ivr.routing.schema import keys, listed, word
from ivr.routing.yaml_nodes import LARGEST_FILE, Block, Node, Text, decode, parse

INCLUDE = "include"
MOST_FILES = 200
_PART = r"[A-Za-z0-9_*?-][A-Za-z0-9_.*?-]*"
patterns = listed(
    word(
        re.compile(rf"{_PART}(/{_PART})*"),
        "a path below this file's directory, like agencies/*.yaml: no / at its beginning, no .. in it",
    )
)


def bundle(path: Path) -> dict[str, bytes]:
    """The file and those that it includes, by their names relative to its directory.

    What is wrong inside the files is for ``ivr.routing.loader`` to say. Raises :class:`RoutingError` when one
    of them cannot be read, or is a link that leads out of the directory.
    """
    try:
        files = {path.name: _read(path)}
    except OSError as error:
        message = f"the file cannot be read ({error.strerror}); name one that exists and is readable"
        raise RoutingError([Problem(str(path), 1, 1, message)]) from error
    for name, pattern in found(path, files[path.name]):
        try:
            files[name] = _read(_inside(path.parent, name))
        except OSError as error:
            message = (
                f"{name} cannot be included ({error.strerror or error}); put the file itself there, readable"
            )
            raise RoutingError([Problem(str(path), pattern.line, pattern.column, message)]) from error
    return files


def digest_of(files: Mapping[str, bytes], main: str) -> str:
    """Names the content of all files: the first 12 hexadecimal digits of a SHA-256."""
    digest = hashlib.sha256(files[main])
    for name in sorted(set(files) - {main}):
        digest.update(f"\0{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()[:12]


def read_nodes(files: Mapping[str, bytes], filename: str, report: Reading) -> Node | None:
    """The nodes of all files joined; ``filename`` is the path of the main one, whose name is in ``files``."""
    main = Path(filename).name
    if sum(map(len, files.values())) > LARGEST_FILE and len(files) > 1:
        report.error(Place(1, 1), f"all files together have more than {LARGEST_FILE:,} bytes; include fewer")
        return None
    root = _nodes(files[main], report)
    if not isinstance(root, Block):
        return root
    wanted = _value(root, INCLUDE)
    if wanted is None:
        return root
    parts = [root]
    for name in _matching(wanted, set(files) - {main}, report):
        part = Report(str(Path(filename).parent / name), report.problems)
        nodes = _nodes(files[name], part)
        if isinstance(nodes, Block):
            parts.append(nodes)
        elif nodes is not None:
            part.error(
                Place(1, 1), "an included file is a block of keys; begin it with a section like agencies:"
            )
    return _joined(parts, report)


def _nodes(data: bytes, report: Report) -> Node | None:
    text = decode(data, report)
    return None if text is None else parse(text, report)


def _matching(wanted: Node, names: Iterable[str], report: Reading) -> list[str]:
    """The included files in the order of their names. A pattern that none has is an error."""
    if patterns(wanted, report) is None:
        return []
    found: set[str] = set()
    for pattern in _texts(wanted):
        matching = {name for name in names if _matches(name, pattern.value)}
        if not matching:
            report.error(pattern, f"no file is called {pattern.value}; put one there or take this away")
        found |= matching
    if len(found) > MOST_FILES:
        report.error(wanted, f"more than {MOST_FILES} files; include fewer, longer ones")
        return []
    return sorted(found)


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _joined(parts: list[Block], report: Report) -> Block:
    sections: dict[str, tuple[Text, Node]] = {}
    for number, part in enumerate(parts):
        for key, value in part.items:
            if number and key.value == INCLUDE:
                report.error(key, "an included file includes nothing itself; write it in the main file")
            elif key.value not in sections:
                sections[key.value] = key, value
            else:
                first, before = sections[key.value]
                sections[key.value] = first, _both(key, before, value, report)
    return Block(tuple(sections.values()), parts[0].line, parts[0].column, parts[0].file)


def _both(key: Text, before: Node, more: Node, report: Report) -> Node:
    if not isinstance(before, Block) or not isinstance(more, Block):
        report.error(
            key,
            f"{key.value} stands in {where(before, key)} too, and only blocks of keys can be joined; write "
            "it in one of the files",
        )
        return before
    known = keys(before)
    for name in keys(more).values():
        if name.value in known:
            report.error(
                name,
                f"{shown(name.value)} stands twice, first in {where(known[name.value], name)}; keep one",
            )
    added = tuple(item for item in more.items if item[0].value not in known)
    return Block(before.items + added, before.line, before.column, before.file)


def found(path: Path, data: bytes) -> Iterator[tuple[str, Placed]]:
    """The names of the files beside ``path`` that it includes if ``data`` stands in it, as far as it can be
    read, and the patterns that found them."""
    report = Reading(str(path))
    root = _nodes(data, report)
    wanted = _value(root, INCLUDE) if isinstance(root, Block) else None
    if wanted is None or patterns(wanted, report) is None:
        return
    seen = {path.name}
    for pattern in _texts(wanted):
        for name in sorted(glob.glob(pattern.value, root_dir=path.parent)):
            if name not in seen and len(seen) <= MOST_FILES + 1:
                seen.add(name)
                yield name, pattern


def _value(root: Block, key: str) -> Node | None:
    return next((value for name, value in root.items if name.value == key), None)


def _texts(wanted: Node) -> list[Text]:
    items = (wanted,) if isinstance(wanted, Text) else getattr(wanted, "items", ())
    return [item for item in items if isinstance(item, Text)]


def _inside(directory: Path, name: str) -> Path:
    path = (directory / name).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise OSError(f"it leads out of {directory.resolve()}")
    return path


def _read(path: Path) -> bytes:
    """At most a little more than a routing file may have."""
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)
