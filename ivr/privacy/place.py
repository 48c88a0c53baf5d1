"""Where one installation keeps the key of its personal data."""

from collections.abc import Callable
from functools import cache

from ivr.intake.caller import canonical
from ivr.ledger.vault import Vault
from ivr.routing.rules import City
from ivr.rulebook import open_rulebook
from ivr.settings import Settings


def vault_of(settings: Settings, city: Callable[[], City] | None = None, *, make: bool) -> Vault:
    """The vault, perhaps locked. ``city`` tells how local numbers are to be read (the city of the rules in
    force if left out). ``make``: a first start makes the key."""

    @cache
    def of_the_rules() -> City:
        return open_rulebook(settings).rules.city

    where = city or of_the_rules
    return Vault(
        settings.secrets, settings.sealed_by, make=make, normalise=lambda number: canonical(number, where())
    )
