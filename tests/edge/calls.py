"""Calls as no page of ours makes them: for tests a few, for benchmarks/calls.py many."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
import httpx
from hypothesis import strategies as st

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, -1, 2**31, 2**53, 2**63, 10**400, 1e308, float("nan"), float("inf"), -0.0, 1.5]),
    st.text(max_size=20),
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        ["", "\0", "\ud800", "a" * 3000, "/etc/passwd", "../x", "zip", "docx", "instruction", "title", "🙂"]
    ),
)
_NAMES = st.sampled_from(
    "kind id section text picture path name title caption words format search filter offset key version versions type "
    "turn question place liked index value files meta url edit wish to seed max_tokens temperature".split()
)
_KINDS = st.sampled_from(
    "show undo redo accept place own title text move delete insert_after insert_before caption remove_picture rename "
    "duplicate undelete versions compare restore add describe continue illustrate propose".split()
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)
_ASKED = st.builds(lambda facts, kind: {**facts, **kind}, st.dictionaries(_NAMES, _VALUES, max_size=5),
                   st.fixed_dictionaries({}, optional={"kind": _KINDS | _LEAVES, "id": st.integers(0, 5)}))  # fmt: skip
_SESSIONS = st.sampled_from(["one", "two"]) | _LEAVES


@dataclass(frozen=True)
class Request:
    """One request of HTTP."""

    method: str
    path: str
    body: bytes = b""
    kind: str = "application/json"

    def send(self, client: httpx.Client) -> httpx.Response:
        """Gives the answer's status; a stream is not read."""
        headers = {"Content-Type": self.kind} if self.method != "GET" else {}
        with client.stream(self.method, self.path, content=self.body or None, headers=headers) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer


def requests(blocks: gr.Blocks) -> st.SearchStrategy[Request]:
    """Calls of all that there is, well formed and not."""
    return st.one_of(_events(blocks), _server_functions(blocks), _others(), _broken(blocks))


def _events(blocks: gr.Blocks) -> st.SearchStrategy[Request]:
    functions = [f for f in blocks.fns.values() if f.fn is not None]
    names = sorted({str(f.api_name) for f in functions})

    def body(function: gr.blocks.BlockFunction) -> st.SearchStrategy[Request]:
        size = len(function.inputs)
        data = st.lists(_VALUES | _ASKED, min_size=size, max_size=size) | st.lists(_VALUES, max_size=4) | _VALUES
        made = st.fixed_dictionaries(
            {"data": data, "fn_index": st.just(function._id) | _LEAVES, "session_hash": _SESSIONS},
            optional={"event_data": _VALUES | _ASKED, "trigger_id": _LEAVES, "batched": _LEAVES, "event_id": _LEAVES},
        )
        way = st.sampled_from(["queue/join", "run/predict", "api/x", "call/x"])
        named = st.builds(lambda way, name: f"{way}/{name}", st.sampled_from(["call", "run", "api"]),
                          st.just(str(function.api_name)) | st.sampled_from(names))  # fmt: skip
        by_name = st.fixed_dictionaries({"data": data}, optional={"session_hash": _SESSIONS})
        return st.builds(_posted, way, made) | st.builds(_posted, named, by_name)

    return st.sampled_from(functions).flatmap(body)


def _server_functions(blocks: gr.Blocks) -> st.SearchStrategy[Request]:
    known = [
        (number, name)
        for number, block in blocks.blocks.items()
        for name, _ in inspect.getmembers(block, lambda f: getattr(f, "_is_server_fn", None) is True)
    ]

    def body(at: tuple[int, str]) -> st.SearchStrategy[Request]:
        facts = {
            "component_id": st.just(at[0]) | _LEAVES,
            "fn_name": st.just(at[1]) | _LEAVES | st.sampled_from(["__init__", "postprocess", "unload"]),
            "session_hash": _SESSIONS,
            "data": _ASKED | _VALUES,
        }
        return st.builds(_posted, st.just("component_server"), st.fixed_dictionaries(facts))

    return st.sampled_from(known).flatmap(body)


def _others() -> st.SearchStrategy[Request]:
    part = st.sampled_from(["one", "0" * 32, "0" * 64, "..%2f", "%00", "x" * 300, "%F0%9F%99%82", "%ff", "a.png"])
    read = st.sampled_from(
        "pictures thumbnails downloads page assets static svelte gradio_api/file= gradio_api/call/ask gradio_api/call "
        "gradio_api/stream gradio_api/heartbeat/.. gradio_api config theme.css login".split()
    )
    gets = st.builds(lambda place, part: Request("GET", f"/{place}/{part}"), read, part)
    names = st.sampled_from(["queue/data?session_hash", "upload_progress?x", "info?all_endpoints", "file"])
    asked = st.builds(lambda name, part: Request("GET", f"/gradio_api/{name}={part}"), names, part)
    facts = st.dictionaries(st.sampled_from(["session_hash", "fn_index", "event_id"]), _LEAVES)
    ends = st.builds(_posted, st.sampled_from(["cancel", "reset", "nothing", "upload"]), facts | _VALUES)
    return gets | asked | ends


def _broken(blocks: gr.Blocks) -> st.SearchStrategy[Request]:
    path = st.sampled_from(
        ["queue/join", "component_server", "call/ask", "call/write", "run/predict", "cancel", "upload"]
    )
    body = st.binary(max_size=60) | st.sampled_from(
        [b"", b"null", b"[]", b"{", b'{"data":', b"[" * 3000, b'{"a":' * 3000, b'{"data": [NaN]}', b'{"data": [1e999]}',
         b"\xef\xbb\xbf{}", b'{"data": ["\\ud800"]}', "{}".encode("utf-16"), b'{"fn_index": 99999, "data": []}']
    )  # fmt: skip
    kind = st.sampled_from(
        ["application/json", "text/plain", "", "multipart/form-data; boundary=x", "application/json; x"]
    )
    return st.builds(lambda p, b, k: Request("POST", f"/gradio_api/{p}", b, k), path, body, kind)


def _posted(path: str, body: Any) -> Request:
    return Request("POST", f"/gradio_api/{path}", json.dumps(body).encode())
