"""``scripts/run``: Asterisk and the engine in the foreground."""

import argparse
import asyncio
import os
import sys

from ivr.errors import IvrError
from stack.asterisk import AsteriskError
from stack.demo import demonstrate
from stack.engine import EngineError
from stack.installation import Installation, InstallationError
from stack.phones.baresip_process import PhoneError
from stack.phones.sipp import SippError
from stack.supervisor import Signals, Supervisor, alone, refuse_leftover, say


async def serve() -> int:
    signals = Signals()
    installation = Installation(os.environ)
    with alone(installation.settings.root):
        await refuse_leftover(installation.asterisk)
        supervisor = Supervisor(installation)
        starting = asyncio.create_task(supervisor.start())
        stopping = asyncio.create_task(signals.stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                say(
                    f"Siap / Ready: trunk {installation.trunk}, telepon / phones {installation.phones}. "
                    "Ctrl-C berhenti / stops."
                )
                await stopping
            else:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
        finally:
            stopping.cancel()
            say("Berhenti / Stopping …")
            await supervisor.stop(signals.at_once)
    return 0


EXPECTED = (
    IvrError,
    InstallationError,
    AsteriskError,
    EngineError,
    PhoneError,
    SippError,
    TimeoutError,
    FileNotFoundError,
)
"""What is said in one line; anything else is a fault of ours."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/run", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="demonstration calls with real SIP phones")
    parser.add_argument("--once", action="store_true", help="with --demo: six calls, then end")
    options = parser.parse_args()
    if options.once and not options.demo:
        parser.error("--once goes with --demo")
    try:
        if options.demo:
            return asyncio.run(demonstrate(once=options.once))
        return asyncio.run(serve())
    except EXPECTED as error:
        print(f"siaga112: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
