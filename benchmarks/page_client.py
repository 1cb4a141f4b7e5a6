"""A person's session with the page over HTTP: the page's own events, named by element and event, without a browser.

Not covered: what the page's scripts do with the answers.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff


class EventError(RuntimeError):
    """The page answered an event with an error; the text is the sentence that a person sees."""


class PageSession:
    """One browser tab of one person: own cookies, own session."""

    def __init__(self, url: str, timeout: float = 900.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, headers={"origin": url, "accept-language": "en"})
        self._http.get("/").raise_for_status()
        self.config: dict[str, Any] = self._http.get("/config").raise_for_status().json()
        self._session = secrets.token_hex(6)
        elements = {c["id"]: c["props"].get("elem_id") for c in self.config["components"]}
        self._events = {
            (elements.get(component), event): dependency["id"]
            for dependency in self.config["dependencies"]
            for component, event in dependency["targets"]
        }
        self._ids = {elem_id: id for id, elem_id in elements.items() if elem_id}

    def close(self) -> None:
        """Leave the page."""
        self._http.close()

    def upload(self, *files: Path) -> list[dict[str, Any]]:
        """Upload files; gives what events take for them. Raises httpx.HTTPStatusError."""
        opened = [("files", (file.name, file.read_bytes())) for file in files]
        paths = self._http.post("/gradio_api/upload", files=opened).raise_for_status().json()
        return [
            {"path": path, "orig_name": file.name, "name": file.name, "meta": {"_type": "gradio.FileData"}}
            for path, file in zip(paths, files, strict=True)
        ]

    def stream(self, element: str, event: str, data: list[Any], detail: Any = None) -> Iterator[list[Any]]:
        """The outputs of a queued event, each time they change. Raises EventError."""
        joined = self._http.post(
            "/gradio_api/queue/join",
            json={
                "fn_index": self._events[element, event],
                "data": data,
                "event_data": detail,
                "session_hash": self._session,
                "trigger_id": self._ids[element],
            },
        )
        if joined.is_error:
            raise EventError(joined.text)
        mine, output = joined.json()["event_id"], []
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as lines:
            for line in lines.iter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message.get("event_id") != mine:
                    continue
                match message["msg"]:
                    case "process_generating":
                        new = message["output"]["data"]
                        output = [apply_diff(o, d) for o, d in zip(output, new, strict=True)] if output else new
                        yield output
                    case "process_completed":
                        if not message["success"]:
                            raise EventError(str(message["output"].get("error")))
                        yield message["output"]["data"] or output
                        return

    def call(self, element: str, event: str, data: list[Any], detail: Any = None) -> list[Any]:
        """The last outputs of an event."""
        *_, last = self.stream(element, event, data, detail)
        return last

    def ask_component(self, element: str, function: str, asked: dict[str, Any]) -> Any:
        """A server function of a gr.HTML component. Raises httpx.HTTPStatusError."""
        body = {
            "data": asked,
            "component_id": self._ids[element],
            "fn_name": function,
            "session_hash": self._session,
        }
        return self._http.post("/gradio_api/component_server", json=body).raise_for_status().json()

    def fetch(self, path: str) -> bytes:
        """The bytes of an address of the page. Raises httpx.HTTPStatusError."""
        return self._http.get("/" + path.lstrip("/")).raise_for_status().content
