"""The database for commands that write to it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.errors import IvrError
from ivr.ledger.vault import Vault
from ivr.privacy.place import vault_of
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.faults import in_short
from ivr.store.upgrade import upgrade


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The database, migrated, for one command."""
    settings.root.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.database)
    try:
        await upgrade(settings.database, lambda: vault_of(settings, make=True))
        yield engine
    except (SQLAlchemyError, CommandError, OSError, TypeError) as error:
        raise IvrError(
            f"The database cannot be used ({in_short(error)}): look at IVR_DATABASE_URL and the disk."
        ) from error
    finally:
        await close(engine)


def reading_vault(settings: Settings) -> Vault:
    """To show numbers; if its key is gone there are none to show, which is said."""
    vault = vault_of(settings, make=False)
    if vault.problem and settings.sealed_by.exists():
        print(f"! {vault.problem}", file=sys.stderr)
    return vault
