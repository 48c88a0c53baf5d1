"""The call on plain panoramisk: one FastAGI session that drives it from answer to queue."""

import asyncio
import sys
from pathlib import Path

from panoramisk import fast_agi

from benchmarks.peers.flow import READY, Flow


async def main(flow: Flow) -> None:
    async def call(request: fast_agi.Request) -> None:
        name = request.headers["agi_uniqueid"]
        # "i": without waiting half a second for the caller's first audio, as AGI's own ANSWER does.
        await request.send_command('EXEC Answer ",i"')
        await request.send_command(f'EXEC MixMonitor "{flow.recordings}/{name}.wav"')
        pressed = await request.send_command(f'GET DATA "{flow.prompt}" {flow.silence_seconds * 1000} 1')
        priority = flow.priority(pressed.get("result", ("", ""))[0])
        await request.send_command(f"SET VARIABLE QUEUE_PRIO {priority}")
        await request.send_command(f'EXEC Queue "{flow.queue},cCi,,,{flow.queue_seconds}"')

    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route("call", call)
    server = await asyncio.start_server(application.handler, "127.0.0.1", flow.port, backlog=1024)
    print(READY, flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Flow.read(Path(sys.argv[1]))))
