"""A short AMI session with the second account: Asterisk's own database, reloads, and who may be on duty."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.asterisk.ami_connection import AmiConnection
from ivr.asterisk.ami_messages import AmiAction
from ivr.errors import AmiRefused

SECONDS = 3.0
"""For one action."""


class ReloadSession:
    def __init__(self, connection: AmiConnection) -> None:
        self._connection = connection

    async def put(self, family: str, key: str, value: str) -> None:
        """Set a value in Asterisk's database."""
        action = AmiAction("DBPut", {"Family": family, "Key": key, "Val": value})
        await self._connection.ask(action, SECONDS)

    async def remove(self, family: str) -> None:
        """Remove a family with all its keys; one that is not there is no error."""
        try:
            await self._connection.ask(AmiAction("DBDelTree", {"Family": family}), SECONDS)
        except AmiRefused as error:
            if "not found" not in str(error).lower():
                raise

    async def log_out(self, queue: str, phone: str) -> None:
        """Take a phone out of a queue, for good; one that is not in it is no error."""
        headers = {"Queue": queue, "Interface": f"PJSIP/{phone}"}
        try:
            await self._connection.ask(AmiAction("QueueRemove", headers), SECONDS)
        except AmiRefused as error:
            if not any(known in str(error).lower() for known in ("not there", "no such queue")):
                raise

    async def reload(self, module: str) -> None:
        """Let a module read its configuration again; calls go on."""
        await self._connection.ask(AmiAction("Reload", {"Module": module}), SECONDS * 2)


@asynccontextmanager
async def reload_session(port: int, secret: str) -> AsyncIterator[ReloadSession]:
    """Log in to Asterisk on loopback; AmiError when it is not there or refuses."""
    connection = AmiConnection("127.0.0.1", port)
    try:
        await connection.open(SECONDS)
        await connection.authenticate("reload", secret, SECONDS)
        yield ReloadSession(connection)
    finally:
        connection.drop("done")
