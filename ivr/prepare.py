"""What must stand on disk before Asterisk and the engine start: database, configuration, prompts."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ivr.menu.definition import LONGEST_SPEECH
from ivr.menu.prompts_needed import menu_prompt, prompts_needed
from ivr.privacy.place import vault_of
from ivr.prompts import Catalogue, render_prompts, too_long
from ivr.render.etc import operators_of_last_time, render
from ivr.render.install import find_install
from ivr.routing.rules import Rules
from ivr.rulebook import Rulebook, open_rulebook, voices
from ivr.rulebook.in_use import earlier_rules, read_in_use
from ivr.rulebook.versions import Versions
from ivr.settings import Settings
from ivr.store.accounts import list_operators
from ivr.store.engine import close, create_engine
from ivr.store.faults import in_short
from ivr.store.upgrade import upgrade

DATABASE_SECONDS = 20.0
"""So long the database may take; after that the phones of the last time are used."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """``changed`` are files that Asterisk reads and that are new or different. ``warnings`` are for the
    admin: nothing in them keeps a caller from a human."""

    rules: Rules
    changed: tuple[Path, ...]
    warnings: tuple[str, ...]


async def prepare(settings: Settings) -> Prepared:
    """Migrate the database, speak the prompts, assemble Asterisk's configuration.

    Raises :class:`ivr.errors.IvrError` only for what makes a start impossible: routing.yaml broken and no
    copy of a good one, or settings that cannot work.
    """
    book = open_rulebook(settings)
    warnings = list(book.refused)
    operators = await _operators(settings, warnings)
    catalogue = await render_prompts(
        prompts_needed(book.rules), settings.prompts, settings.recorded, voices(book.rules)
    )
    warnings += [*catalogue.problems, *catalogue.warnings, *_long_menus(book.rules, catalogue)]
    changed = await asyncio.to_thread(_render, settings, book, operators)
    return Prepared(book.rules, changed, tuple(warnings))


def _render(settings: Settings, book: Rulebook, operators: tuple[str, ...]) -> tuple[Path, ...]:
    """Not while an engine does the same, and with what calls in progress still go by."""
    with Versions(settings.routing_state).lock():
        earlier = earlier_rules(settings, read_in_use(settings).next(book.number).kept)
        return render(settings, book.rules, operators, find_install(), earlier)


async def _operators(settings: Settings, warnings: list[str]) -> tuple[str, ...]:
    """Names of operators' phones; with the database away, those of the last time."""
    engine = create_engine(settings.database)
    try:
        settings.root.mkdir(parents=True, exist_ok=True)
        async with asyncio.timeout(DATABASE_SECONDS):
            await upgrade(settings.database, lambda: vault_of(settings, make=True))
            return tuple(operator.phone for operator in await list_operators(engine))
    except Exception as error:
        warnings.append(
            f"The database does not answer ({in_short(error)}): operators' phones stay as they were. "
            "Look at IVR_DATABASE_URL and the disk."
        )
    finally:
        await close(engine)
    return operators_of_last_time(settings)


def _long_menus(rules: Rules, catalogue: Catalogue) -> list[str]:
    found = too_long(catalogue, [menu_prompt(name) for name in rules.menus], LONGEST_SPEECH)
    return [
        f"The prompt {language}/{name} lasts {seconds:.1f} s; a menu may speak {LONGEST_SPEECH:.0f} s: "
        "shorten its words in routing.yaml, or the recording."
        for (language, name), seconds in found.items()
    ]
