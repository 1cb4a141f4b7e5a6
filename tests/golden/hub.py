"""A hub on 127.0.0.1 that speaks enough of ModelScope's and Hugging Face's protocols for their own clients."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class LocalHub:
    """`files` by path for every repository. `cut` bytes of a path are all that is sent before the line drops."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.shorter: set[str] = set()  # paths that are whole at the listing and shorter when they are asked for
        self.status = 0  # answer everything with it
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.repositories: set[str] = set()
        self.url = ""

    def listing(self) -> list[dict[str, Any]]:
        """What is published: path, size, hash."""
        return [{"path": p, "size": len(d), "sha256": sha256(d).hexdigest()} for p, d in self.files.items()]


@contextmanager
def serving(hub: LocalHub) -> Iterator[LocalHub]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def _lfs(file: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": file["sha256"], "size": file["size"], "pointerSize": 134}


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, url = self.hub, urlsplit(self.path)
        hub.asked.append(self.path)
        if hub.status:
            self._say({"Code": 1, "Message": "no", "error": "no"}, hub.status)
        elif found := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", url.path):
            hub.repositories.add(found[1])
            files = [{"Path": f["path"], "Size": f["size"], "Sha256": f["sha256"]} for f in hub.listing()]
            self._say({"Code": 200, "Success": True, "Data": {"Files": [{**f, "Type": "blob"} for f in files]}})
        elif re.fullmatch(r"/api/v1/models/[^/]+/[^/]+/repo", url.path):
            self._send(parse_qs(url.query)["FilePath"][0])
        elif found := re.match(r"/api/models/([^/]+/[^/]+)(/revision/main)?$", url.path):
            hub.repositories.add(found[1])
            siblings = [{"rfilename": f["path"], "size": f["size"], "lfs": _lfs(f)} for f in hub.listing()]
            self._say({"id": found[1], "modelId": found[1], "sha": COMMIT, "siblings": siblings, "tags": []})
        elif found := re.fullmatch(rf"/[^/]+/[^/]+/resolve/{COMMIT}/(.+)", url.path):
            self._send(unquote(found[1]))
        else:
            self._say({"error": "unknown"}, 404)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _say(self, answer: object, status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send(self, path: str) -> None:
        hub, data = self.hub, self.hub.files.get(path)
        if data is None:
            return self._say({"error": "no such file", "Message": "no such file"}, 404)
        etag = sha256(data).hexdigest()
        if path in hub.shorter:
            data = data[: len(data) // 2]
        start = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(wanted[1])
            hub.ranges.append(f"{path} {start}")
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            end = max(start, hub.cut[path]) if path in hub.cut else len(data)
            self.wfile.write(data[start:end])
            if end < len(data):
                self.close_connection = True
