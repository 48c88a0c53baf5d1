"""Copy what the dialplan needs of operators' accounts into Asterisk's own database."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.asterisk.reload_session import reload_session
from ivr.errors import AmiError
from ivr.render.files import secret
from ivr.settings import Settings
from ivr.store.accounts import list_operators

DATABASE_SECONDS = 2.0
"""The database may take so long: events of calls wait behind this when the link has come back."""

_log = structlog.get_logger(__name__)


async def copy_pins(settings: Settings, database: AsyncEngine) -> bool:
    """True if Asterisk has all of them now. Otherwise the old copies stay in force, and the log says why."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            accounts = await list_operators(database)
        async with reload_session(settings.ami_port, secret(settings.secrets, "ami-reload")) as session:
            for account in accounts:
                for key, value in account.database_keys().items():
                    await session.put(f"operator/{account.phone}", key, value)
    except AmiError as error:
        _log.warning("pins_not_copied", reason=str(error))
        return False
    except Exception as error:
        _log.warning("pins_not_copied", reason=type(error).__name__)
        return False
    return True
