"""routing.yaml → :class:`ivr.routing.rules.Rules`, or every problem that it has.

``ivr.routing.yaml_nodes`` makes texts with places of it, ``ivr.routing.schema`` reads one value,
``ivr.routing.read_…`` read the parts of the file, ``ivr.routing.checks`` looks at how they fit together.
"""

from collections.abc import Mapping
from pathlib import Path

from ivr.routing import read_agencies, read_callers, read_city, read_rules
from ivr.routing.checks import check
from ivr.routing.include import INCLUDE, bundle, digest_of, patterns, read_nodes
from ivr.routing.problems import Place, Report, RoutingError
from ivr.routing.rules import Callers, Rules
from ivr.routing.schema import Names, Section
from ivr.routing.yaml_nodes import Block


def load_file(path: Path) -> Rules:
    """The file and those it includes. Raises :class:`RoutingError`, also when one cannot be read."""
    return load_bundle(bundle(path), str(path))


def load(text: str, filename: str) -> Rules:
    """Raises :class:`RoutingError`, and nothing else, for whatever text."""
    return load_bytes(text.encode("utf-8", "surrogatepass"), filename)


def load_bytes(data: bytes, filename: str) -> Rules:
    """Raises :class:`RoutingError`, and nothing else, for whatever bytes."""
    return load_bundle({Path(filename).name: data}, filename)


def load_bundle(files: Mapping[str, bytes], filename: str) -> Rules:
    """What :func:`ivr.routing.include.bundle` found: ``filename`` is the path of the main file as problems
    show it, and its name is one of ``files``. Raises :class:`RoutingError`, and nothing else, for any bytes.
    """
    return load_placed(files, filename)[0]


def load_placed(files: Mapping[str, bytes], filename: str) -> tuple[Rules, Block]:
    """The rules, and the tree that knows where each of them stands. Raises like :func:`load_bundle`."""
    report = Report(filename)
    root = read_nodes(files, filename, report)
    if root is None and not report.problems:
        report.error(
            Place(1, 1), "the file is empty; start from the routing.yaml that comes with this software"
        )
    if root is not None and not isinstance(root, Block):
        report.error(Place(1, 1), "the file is no block of keys; begin with city: and its keys below")
    if not isinstance(root, Block):
        raise RoutingError(report.problems)

    names = Names()
    file = Section(root, report, "the file")
    file.get(INCLUDE, patterns, None)
    city = file.need("city", read_city.city(names))
    languages = file.need("languages", read_city.languages(names)) or {}
    categories = file.need("categories", read_city.categories(names)) or {}
    numbers = file.need("numbers", read_city.numbers(names)) or {}
    menus = file.need("menus", read_city.menus(names)) or {}
    holidays = file.get("holidays", read_city.holidays, None) or {}
    schedules = file.get("schedules", read_city.schedules(names, holidays), None) or {}
    lines = read_agencies.Lines(names)
    agencies = file.need("agencies", read_agencies.agencies(names, lines)) or {}
    last_resort = file.need("last_resort", lines.last_resort) or ()
    names.define("agency or line", (*names.known("agency"), *lines.all))
    callers = file.get("callers", read_callers.callers(names, city), None) or Callers()
    queues = file.need("queues", read_agencies.queues(names)) or {}
    notify = file.get("notify", read_agencies.notify(names), None) or {}
    clock = file.get("clock", read_agencies.clock(names), read_agencies.NO_NOTICES)
    swamped = file.get("swamped", read_rules.swamped, ())
    defaults = file.get("defaults", read_rules.defaults(names), None) or read_rules.DEFAULTS
    rules = file.need("rules", read_rules.rules(names, schedules, agencies, lines.all, defaults)) or ()
    file.done()
    names.resolve(report)
    result = Rules(
        city=city,
        languages=languages,
        numbers=numbers,
        menus=menus,
        categories=categories,
        holidays=holidays,
        schedules=schedules,
        swamped=swamped,
        rules=rules,
        queues=queues,
        agencies=agencies,
        lines=lines.all,
        last_resort=last_resort,
        notify=notify,
        clock=clock,
        callers=callers,
        digest=digest_of(files, Path(filename).name),
    )
    check(result, root, report)
    report.fail_if_any()
    return result, root
