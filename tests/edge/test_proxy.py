"""The studio below a sub-path, behind a proxy that cuts the sub-path off and one that does not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest

from edge.edge_server import Edge, Start


@contextmanager
def proxy(edge: Edge, cut: str) -> Iterator[str]:
    """A tiny reverse proxy with TLS, as far as the studio can see; `cut` is taken off the path."""
    target = urlsplit(edge.url).netloc

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "accept-encoding")}
            headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Accept-Encoding": "identity"}
            path = self.path.removeprefix(cut) if cut else self.path
            answer = httpx.request(self.command, f"http://{target}{path}", content=body, headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = _pass_on

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("cut", ["/studio", ""])
def test_a_sub_path_behind_a_proxy(start: Start, cut: str) -> None:
    edge = start(root_path="/studio/", allow_host="studio.example.org")
    with proxy(edge, cut) as outside, httpx.Client(base_url=outside, headers={"Host": "studio.example.org"}) as client:
        answer = client.get("/studio/")
        assert answer.status_code == 200 and "Secure" in (cookie := answer.headers["set-cookie"])
        assert "Path=/studio" in cookie
        config = json.loads(re.search(r"window\.gradio_config = (.*?);\s*</script>", answer.text)[1])  # type: ignore[index]
        assert config["root"] == "https://studio.example.org/studio"
        client.headers["Cookie"] = cookie.partition(";")[0]
        same = {"Origin": "https://studio.example.org"}
        for path in ("/studio/page/dom.js", "/studio/theme.css", "/studio/gradio_api/info"):
            assert client.get(path).status_code == 200, path
        asset = re.search(r'(?:src|href)="\./(assets/[^"]+)"', answer.text)
        assert asset and client.get(f"/studio/{asset[1]}").status_code == 200
        files = {"files": ("a.png", b"x")}
        (path,) = client.post("/studio/gradio_api/upload", files=files, headers=same).json()
        assert client.get(f"/studio/gradio_api/file={path}").content == b"x"
        began = client.post("/studio/gradio_api/call/export", json={"data": [1, "zip"]}, headers=same).json()
        assert "not here" in client.get(f"/studio/gradio_api/call/export/{began['event_id']}").text
        assert (
            client.post("/studio/gradio_api/call/export", json={}, headers={"Origin": "https://x"}).status_code == 403
        )


def test_the_sub_path_without_its_slash_leads_to_the_page(start: Start) -> None:
    edge = start(root_path="studio")
    origin = edge.url.removesuffix("studio")
    answer = httpx.get(f"{origin}/studio")
    assert answer.status_code == 307 and answer.headers["location"].endswith("/studio/")
