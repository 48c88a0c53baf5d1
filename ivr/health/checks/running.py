"""Ask what runs: Asterisk over AMI, the engine on ``/health``. Nothing is changed, no call is touched."""

import asyncio

import aiohttp

from ivr.asterisk.ami_connection import AmiConnection
from ivr.asterisk.ami_messages import AmiAction
from ivr.errors import AmiError, AmiRefused
from ivr.health.checks.modules import listed_modules
from ivr.health.checks.scene import Asterisk, Engine, Verdict
from ivr.health.status import Level
from ivr.settings import Settings
from ivr.vocabulary import GlobalVariable

ACCOUNTS = ("engine", "reload")
SECONDS = 1.0
"""For one action."""
ALL_SECONDS = 3.0
"""For all that is asked of Asterisk, or of the engine."""


async def ask_asterisk(settings: Settings) -> Asterisk | None:
    """None when nothing answers as an Asterisk on IVR_AMI_PORT."""
    rights: dict[str, frozenset[str]] = {}
    refused: dict[str, str] = {}
    version, not_loaded, rules = "", None, ""
    try:
        async with asyncio.timeout(ALL_SECONDS):
            for account in ACCOUNTS:
                connection = AmiConnection("127.0.0.1", settings.ami_port)
                try:
                    await connection.open(SECONDS)
                    secret = (settings.secrets / f"ami-{account}").read_text().strip()
                    await connection.authenticate(account, secret, SECONDS)
                    listed = (await connection.ask(AmiAction("ListCommands"), SECONDS))[0]
                    rights[account] = frozenset(listed) - {"Response", "ActionID"}
                    if account == "engine":
                        rules = await _rules(connection)
                    if account == "reload":
                        version = await _version(connection)
                        not_loaded = await _not_loaded(connection, settings)
                except OSError as error:
                    refused[account] = f"IVR_STATE/secrets/ami-{account}: {error.strerror}"
                except AmiRefused as error:
                    refused[account] = str(error)
                finally:
                    connection.drop("done")
    except (AmiError, TimeoutError):
        if not rights and not refused:
            return None
    return Asterisk(rights, refused, version, not_loaded, rules)


async def _rules(connection: AmiConnection) -> str:
    try:
        reply = (
            await connection.ask(AmiAction("Getvar", {"Variable": GlobalVariable.RULES.value}), SECONDS)
        )[0]
    except AmiRefused:  # another check tells of rights
        return ""
    return reply.get("Value", "")


async def _version(connection: AmiConnection) -> str:
    reply = (await connection.ask(AmiAction("CoreSettings"), SECONDS))[0]
    return reply.get("AsteriskVersion", "")


async def _not_loaded(connection: AmiConnection, settings: Settings) -> frozenset[str] | None:
    missing = set()
    for module in listed_modules(settings):
        try:
            await connection.ask(AmiAction("ModuleCheck", {"Module": module}), SECONDS)
        except AmiRefused as error:
            if "permission" in str(error).lower():
                return None
            missing.add(module)
    return frozenset(missing)


async def ask_engine(settings: Settings) -> Engine | None:
    """None when nothing answers as our engine on IVR_HEALTH_PORT."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ALL_SECONDS)) as session,
            session.get(f"http://127.0.0.1:{settings.health_port}/health") as response,
        ):
            parts = (await response.json())["parts"]
            return Engine({name: _verdict(part) for name, part in parts.items()})
    except Exception:
        # Nobody there, or another program, which may answer anything; the check of ports says who.
        return None


def _verdict(part: dict[str, str]) -> Verdict:
    return Level(part["status"]), part["text"]
