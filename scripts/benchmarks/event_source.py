"""Plays Asterisk's manager interface: takes one login and sends recorded events again and again, each time of
new calls. A process of its own, so that sending costs the measured one nothing.

``python event_source.py FILE COPIES`` prints its port."""

import socket
import sys
import threading
from pathlib import Path

END = b"\r\n\r\n"
OWN_NAME = b"siaga-"
"""What every Uniqueid begins with: Asterisk's systemname."""


def main(file: Path, copies: int) -> None:
    recorded = file.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
    lock = threading.Lock()
    logged_in = threading.Event()

    def answer() -> None:
        rest = b""
        while chunk := connection.recv(65536):
            *actions, rest = (rest + chunk).split(END)
            for action in actions:
                headers = dict(line.split(b": ", 1) for line in action.split(b"\r\n"))
                with lock:
                    connection.sendall(b"Response: Success\r\nActionID: " + headers[b"ActionID"] + END)
                logged_in.set()

    with connection:
        connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        threading.Thread(target=answer, daemon=True).start()
        logged_in.wait(10)
        for number in range(copies):
            with lock:
                connection.sendall(recorded.replace(OWN_NAME, b"copy%d-" % number))
        logged_in.clear()
        logged_in.wait(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
