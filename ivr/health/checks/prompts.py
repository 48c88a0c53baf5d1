"""Can every prompt be played?"""

import re
from collections.abc import Iterator

from ivr.health.checks.scene import Scene, Verdict, dialplan_files, some, worst
from ivr.health.status import Level
from ivr.menu.definition import LONGEST_SPEECH
from ivr.menu.prompts_needed import menu_prompt, prompts_needed
from ivr.prompts import load_catalogue, too_long
from ivr.prompts.catalogue import playable_seconds
from ivr.prompts.hold import hold_dir
from ivr.routing.rules import Rules
from ivr.rulebook import voices

_PLAYED = re.compile(r"\$\{IVR_PROMPTS\}/(\$\{IVR_LANGUAGE\}|[a-z]{2,3})/([a-z0-9-]+)")


def check_prompts(scene: Scene) -> Verdict:
    """Every prompt can be played, and no menu speaks too long."""
    if scene.book is None:
        return Level.WARN, "tidak diperiksa tanpa aturan / not checked without rules → ivr check"
    settings, rules = scene.settings, scene.book.rules
    needed = prompts_needed(rules)
    catalogue = load_catalogue(needed, settings.prompts, settings.recorded, voices(rules))
    problems: list[Verdict] = [(Level.WARN, text) for text in (*catalogue.problems, *catalogue.warnings)]
    missing = [f"{language}/{name}" for language, name in needed if not catalogue.path(language, name)]
    missing += _missing_links(scene, rules, {name for _, name in needed})
    if missing:
        problems.append((Level.BAD, f"tidak ada / missing: {some(dict.fromkeys(missing))} → ivr render"))
    long = too_long(catalogue, map(menu_prompt, rules.menus), LONGEST_SPEECH)
    for (language, name), seconds in long.items():
        problems.append(
            (
                Level.WARN,
                f"{language}/{name}: {seconds:.1f} s > {LONGEST_SPEECH:.0f} s → persingkat / shorten it "
                "(routing.yaml, rekaman / recording)",
            )
        )
    return worst(problems, f"{len(catalogue.files)} berkas / files")


def _missing_links(scene: Scene, rules: Rules, names: set[str]) -> Iterator[str]:
    """Prompts that the dialplan plays by name, and what is heard on hold, in every language."""
    prompts = scene.settings.prompts
    wanted = {(language, name) for language in rules.languages for name in names}
    for path in dialplan_files(scene.settings):
        for language, name in _PLAYED.findall(path.read_text()):
            languages = rules.languages if language.startswith("$") else (language,)
            wanted |= {(each, name) for each in languages}
    for language, name in sorted(wanted):
        if not playable_seconds(prompts / language / f"{name}.wav"):
            yield f"{language}/{name}"
    for language in rules.languages:
        for name in ("1-message", "2-music"):
            if not playable_seconds(hold_dir(prompts, language) / f"{name}.wav"):
                yield f"hold/{language}/{name}"
