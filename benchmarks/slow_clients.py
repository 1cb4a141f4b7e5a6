"""Clients that begin and never finish: how long their connections last, and whether others are answered meanwhile.

    uv run python benchmarks/slow_clients.py [COUNT]

COUNT half-sent heads, as many half-sent uploads and as many half-sent calls, with the limits that the studio is served
with. The last line is JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
FORM = "multipart/form-data; boundary=x"


def halves(host: str, port: int, count: int) -> Iterator[socket.socket]:
    """Connections that have sent a part."""
    for at in range(count):
        cookie = f"Cookie: studio-person={at:032x}\r\n"
        post = f"HTTP/1.1\r\nHost: {host}:{port}\r\n{cookie}Content-Length: 100000\r\nContent-Type: "
        for sent in (
            f"GET / HTTP/1.1\r\nHost: {host}\r\nX-",
            f"POST /gradio_api/upload {post}{FORM}\r\n\r\n--x\r\n",
            f"POST /gradio_api/queue/join {post}application/json\r\n\r\n" + '{"data":',
        ):
            link = socket.create_connection((host, port))
            link.sendall(sent.encode())
            yield link


def main(count: int) -> None:
    """Open them, ask for the page meanwhile, and wait until all are gone."""
    from edge.edge_server import SPEC, free_port, run

    from studio.app import Studio
    from studio.settings import Settings
    from studio.ui.server.limits import Limits

    with tempfile.TemporaryDirectory() as data, Studio(Settings(port=free_port(), data=data), SPEC) as studio:
        running = run(studio, Limits())
        edge = next(running)
        began, ends, asked = time.monotonic(), [], []
        waiting = selectors.DefaultSelector()
        for link in halves("127.0.0.1", studio.settings.port, count):
            waiting.register(link, selectors.EVENT_READ)
        opened = time.monotonic() - began
        with edge.client() as client:
            while waiting.get_map() and time.monotonic() - began < 120:
                for key, _ in waiting.select(timeout=1):
                    link = key.fileobj
                    assert isinstance(link, socket.socket)
                    try:
                        ended = not link.recv(65536)
                    except OSError:
                        ended = True
                    if ended:
                        ends.append(time.monotonic() - began)
                        waiting.unregister(link)
                        link.close()
                if len(asked) < (time.monotonic() - began) / 2:
                    start = time.monotonic()
                    assert client.get("/healthz").status_code == 200
                    asked.append(time.monotonic() - start)
        left = len(waiting.get_map() or ())
        next(running, None)
    facts = {"connections": 3 * count, "opened_seconds": round(opened, 1), "left": left}
    print(
        json.dumps(facts | {"last_gone_seconds": round(max(ends), 1), "slowest_answer_seconds": round(max(asked), 2)})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
