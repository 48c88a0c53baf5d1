"""The call on pyst2's AGI class, one thread a call, behind the standard library's threading server."""

import io
import socketserver
import sys
from pathlib import Path
from typing import TextIO

from asterisk.agi import AGI, AGIException

from benchmarks.peers.flow import READY, Flow


class _Silence(io.TextIOBase):
    """pyst2 writes every line of the protocol to stderr."""

    def write(self, text: str) -> int:
        return len(text)


class Session(AGI):  # type: ignore[misc]
    """Without the signal handler that AGI sets when it is made, which only a main thread may."""

    def __init__(self, lines: TextIO, commands: TextIO) -> None:
        self.stdin, self.stdout, self.stderr = lines, commands, _Silence()
        self._got_sighup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        super().__init__(("127.0.0.1", flow.port), Call)


class Call(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        flow = server.flow
        lines = self.request.makefile("r", encoding="latin-1", newline="\n")
        commands = self.request.makefile("w", encoding="latin-1", newline="\n")
        try:
            session = Session(lines, commands)
            session.appexec("Answer", ",i")
            session.appexec("MixMonitor", f"{flow.recordings}/{session.env['agi_uniqueid']}.wav")
            key = session.get_data(flow.prompt, flow.silence_seconds * 1000, 1)
            session.set_variable("QUEUE_PRIO", flow.priority(key))
            session.appexec("Queue", f"{flow.queue},cCi,,,{flow.queue_seconds}")
        except (AGIException, OSError):
            pass  # The caller has hung up, as most do.
        finally:
            lines.close()


def main(flow: Flow) -> None:
    with Server(flow) as server:
        print(READY, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(Flow.read(Path(sys.argv[1])))
