"""Does the database answer, has it the tables of this release, and can the record be written?"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.health.checks.scene import Verdict
from ivr.health.status import Level
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.faults import in_short
from ivr.store.tables import callers, operators

SECONDS = 3.0
"""For all of it."""
_MIGRATE = "→ ivr render"


async def check_database(settings: Settings) -> tuple[Verdict, tuple[str, ...] | None]:
    """How it is, and the names of operators' phones if it could tell them. Nothing is left in it, and a file
    that is not there is not made. No URL is shown: it may hold a password."""
    engine: AsyncEngine | None = None
    try:
        if (file := _file(settings)) is not None and not file.exists():
            return (Level.WARN, f"{file} belum ada / is not there yet {_MIGRATE}"), None
        engine = create_engine(settings.database, busy_seconds=1.0)
        async with asyncio.timeout(SECONDS):
            return await _look(engine)
    except Exception as error:
        return (
            Level.BAD,
            "tidak menjawab atau tidak dapat ditulis / does not answer or cannot be written "
            f"({in_short(error)}) → periksa / check IVR_DATABASE_URL, disk, hak / rights",
        ), None
    finally:
        if engine is not None:
            await close(engine)


def _file(settings: Settings) -> Path | None:
    url = make_url(settings.database)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


async def _look(engine: AsyncEngine) -> tuple[Verdict, tuple[str, ...] | None]:
    kind = engine.dialect.name
    async with engine.connect() as connection:
        is_at, newest, known = await connection.run_sync(_revisions)
        if is_at is not None and is_at not in known:
            return (
                Level.BAD,
                f"{kind} {is_at}: dari rilis lebih baru / made by a newer release → "
                "perbarui / update Siaga 112",
            ), None
        if is_at != newest:
            return (Level.WARN, f"{kind} {is_at or '—'}, bukan / not {newest} {_MIGRATE}"), None
        phones = tuple(
            (await connection.execute(select(operators.c.phone).order_by(operators.c.phone))).scalars()
        )
        now = datetime.now(UTC)
        probe = {
            "sealed_id": f"doctor-{now.timestamp()}",
            "call_id": "",
            "number_index": None,
            "sealed": "",
            "recorded_at": now,
        }
        await connection.execute(insert(callers).values(probe))
        await connection.rollback()
        if off := await _not_on_disk(connection):
            return (
                Level.WARN,
                f"{kind}: {off} = off, catatan bisa hilang saat listrik padam / a power cut can lose the "
                f"record → ALTER SYSTEM SET {off} = on",
            ), phones
    return (Level.OK, f"{kind} {is_at}, dapat ditulis / can be written"), phones


async def _not_on_disk(connection: AsyncConnection) -> str | None:
    """The setting of PostgreSQL's by which a commit is not on disk; the engine sees to it on SQLite."""
    if connection.dialect.name == "postgresql":
        for setting in ("fsync", "synchronous_commit"):
            if (await connection.execute(text(f"SHOW {setting}"))).scalar_one() == "off":
                return setting
    return None


def _revisions(connection: Connection) -> tuple[str | None, str | None, set[str]]:
    """Revision of the database, newest revision of this release, all revisions of this release."""
    config = Config()
    config.set_main_option("script_location", "ivr.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    return MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head(), known
