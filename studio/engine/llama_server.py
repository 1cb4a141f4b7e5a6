"""llama.cpp's server object inside this process: completions as iterators of chunks, tokens, its own loopback port.

The port is closed to others by a random key.
"""

from __future__ import annotations

import json
import queue
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping
from typing import Any

import xllamacpp

from studio.engine.base import Cancelled

Chunk = dict[str, Any]


class LlamaServer:
    """A loaded model. `marker` stands for a picture in a prompt; empty where the model takes none. Raises RuntimeError,
    ValueError or OSError where llama.cpp does not load it."""

    def __init__(self, parameters: Any, sees: bool) -> None:
        self._key = secrets.token_hex(16)
        parameters.api_keys = [self._key]
        self._server = xllamacpp.Server(parameters)
        self.marker: str = self.ask("/props").get("media_marker", "<__media__>") if sees else ""

    def tokenize(self, text: str, special: bool, add: bool = False) -> list[int]:
        """Token ids; with `special` control tokens in the text are read, with `add` it begins as every text does."""
        if not text:
            return []
        body = {"content": text, "add_special": add, "parse_special": special}
        tokens: list[int] = self.ask("/tokenize", body)["tokens"]
        return tokens

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer of llama.cpp's server."""
        with self._open(path, body, 60) as answer:
            return json.load(answer)

    def _open(self, path: str, body: Mapping[str, Any] | None, timeout: float) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        url = self._server.listening_address.rstrip("/") + path
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=timeout)

    def stream(self, request: Chunk, cancelled: Cancelled) -> Generator[Chunk, None, None]:
        """What comes of a completion, in OpenAI's form; an error as a chunk of its own. llama.cpp calls back from its
        own loop; a thread and a queue turn that into an iterator."""
        chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        gone = threading.Event()

        def receive(chunk: Chunk) -> bool:
            chunks.put(chunk)
            return gone.is_set() or cancelled()

        thread = threading.Thread(target=self._complete, args=(request, receive, chunks.put), daemon=True)
        thread.start()
        try:
            while (chunk := chunks.get()) is not None:
                yield chunk
        finally:
            gone.set()
            thread.join()

    def _complete(self, request: Chunk, receive: Callable[[Chunk], bool], end: Callable[[Chunk | None], None]) -> None:
        request = {**request, "stream": True, "cache_prompt": True}
        try:
            if self.marker:  # a model that sees: the call in the process takes neither token ids nor pictures then
                self._complete_by_http(request, receive)
            else:
                self._server.handle_completions(request, receive)
        except urllib.error.HTTPError as e:
            end(_error_in(e.read()))
        except (RuntimeError, ValueError, TypeError, OSError) as e:
            end({"error": {"message": str(e)}})
        finally:
            end(None)

    def _complete_by_http(self, request: Chunk, receive: Callable[[Chunk], bool]) -> None:
        """The same by the server's own port. Closing the connection ends the work."""
        with self._open("/completion", {**request, "n_predict": request["max_tokens"]}, 3600) as answer:
            for line in answer:
                if line.startswith(b"error: "):
                    receive(_error_in(line.removeprefix(b"error: ")))
                if line.startswith(b"data: ") and receive(_as_choice(json.loads(line.removeprefix(b"data: ")))):
                    return


def _as_choice(chunk: Chunk) -> Chunk:
    """A piece of llama.cpp's own answer in the form of OpenAI's, as the call in the process gives it."""
    if "error" in chunk:
        return chunk
    ended = chunk.get("stop_type", "none") if chunk.get("stop") else None
    choice = {
        "text": chunk.get("content", ""),
        "finish_reason": ended and ("length" if ended == "limit" else "stop"),
        "logprobs": {"content": chunk.get("completion_probabilities", ())},
    }
    return {"choices": [choice], **({"timings": chunk["timings"]} if ended and "timings" in chunk else {})}


def _error_in(body: bytes) -> Chunk:
    try:
        error = json.loads(body)
        return {"error": error.get("error", error)}
    except (ValueError, AttributeError):
        return {"error": {"message": body[:200].decode("utf-8", "replace")}}
