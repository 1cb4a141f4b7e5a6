"""Any GGUF model on llama.cpp (through xllamacpp): the engine of the starter model and of models people bring along.

The prompt goes in as token ids: ordinary text is tokenised with `parse_special` off, so that a typed `<|im_end|>` stays
text, and only `Control` segments become control tokens. llama.cpp's server object does the rest: sampling, the cached
prefix, whole characters, abort. It opens its own loopback port, which is closed to others by a random key.
"""

from __future__ import annotations

import base64
import json
import math
import os
import queue
import secrets
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import xllamacpp

from studio.engine.base import Cancelled
from studio.errors import ContextOverflow, EngineError, ModelError, StudioError
from studio.protocol import (
    MIN_NEW_TOKENS,
    Choose,
    Control,
    Done,
    Generate,
    Image,
    ModelCard,
    Piece,
    Prompt,
    Reason,
    Role,
    Text,
    Usage,
)
from studio.roles import ROLES
from studio.specs import GgufSpec

Chunk = dict[str, Any]
BATCH = 256  # tokens of a prompt between two looks at Stop; llama.cpp's own 2,048 took 33 s on two busy cores
NOWHERE = -50.0  # log-probability given to an option that llama.cpp did not list


class GgufEngine:
    """One GGUF model in both roles."""

    def __init__(self, spec: GgufSpec) -> None:
        if not Path(spec.path).is_file():
            raise ModelError("model_file_missing", path=spec.path, advice="Check the path given with --gguf.")
        self._card = spec.card
        self._key = secrets.token_hex(16)
        try:
            self._server = xllamacpp.Server(self._parameters(spec))
        except (RuntimeError, ValueError, OSError) as e:
            raise ModelError("model_broken", path=spec.path, cause="llama.cpp does not read it as a GGUF model") from e

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """The same card for both roles."""
        return dict.fromkeys(ROLES, self._card)

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done | None]:
        """Stream the continuation; see `Engine.generate`."""
        s = call.sampling
        request = {
            **self._prompt(call.prompt, s.max_tokens),
            "temperature": s.temperature,
            "top_p": s.top_p,
            "top_k": s.top_k,
            "repeat_penalty": s.repetition_penalty,
            "repeat_last_n": self._card.context,
            "seed": s.seed % 2**32,
            "stop": list(s.stop),
            "return_progress": True,  # a chunk without text for every batch of the prompt
        }
        reason: Reason = "cancelled"
        usage = Usage()
        for chunk in self._stream(request, cancelled):
            choice = chunk["choices"][0]
            yield Piece(choice["text"]) if choice["text"] else None
            if choice["finish_reason"]:
                reason = "length" if choice["finish_reason"] == "length" else "stop"
            if "timings" in chunk:
                usage = _usage(chunk["timings"])
        yield Done(reason, usage)

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """Log-probabilities of the first token in which each option differs; the options must differ there."""
        firsts = [self._tokenize(option, special=False)[0] for option in call.options]
        request = {**self._prompt(call.prompt, 1), "temperature": 0.0, "n_probs": 1 << 20}
        listed: dict[int, float] = {}
        for chunk in self._stream(request, cancelled):
            for token in (chunk["choices"][0].get("logprobs") or {}).get("content", ()):
                listed |= {top["id"]: top["logprob"] for top in token["top_logprobs"]}
        return tuple(max(NOWHERE, listed.get(first, -math.inf)) for first in firsts)

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`. What a picture takes, llama.cpp says to nobody: it counts as the card has it."""
        pictures = [sum(isinstance(segment, Image) for segment in prompt) for prompt in prompts]
        ids = map(self._encode, prompts)
        return tuple(len(i) + n * self._card.image_tokens for i, n in zip(ids, pictures, strict=True))

    def memory(self) -> Mapping[str, int]:
        """Resident bytes of the worker's process."""
        return {"process": psutil.Process().memory_info().rss}

    def close(self) -> None:
        """Drop the model."""
        del self._server

    def _parameters(self, spec: GgufSpec) -> Any:
        threads = spec.threads or os.cpu_count() or 1
        p = xllamacpp.CommonParams()
        p.model.path = spec.path
        p.n_ctx = spec.card.context
        p.n_parallel = 1
        p.cpuparams.n_threads = threads
        p.cpuparams_batch.n_threads = threads
        p.n_gpu_layers = 999 if spec.gpu else 0
        p.api_keys = [self._key]
        p.verbosity = -1
        if spec.mmproj:
            p.mmproj.path = spec.mmproj
        else:
            p.n_batch = BATCH  # a picture may have to go in as one batch
        return p

    def _prompt(self, prompt: Prompt, new: int) -> Chunk:
        """The request's `prompt`, and `max_tokens` up to `new`; raises ContextOverflow when too few are left."""
        pictures: list[str] = []
        if any(isinstance(segment, Image) for segment in prompt):
            given = {"prompt_string": _with_markers(prompt, pictures), "multimodal_data": pictures}
            return {"prompt": given, "max_tokens": new}
        ids, limit = self._encode(prompt), self._card.context
        if (needed := len(ids) + min(new, MIN_NEW_TOKENS)) > limit:
            raise ContextOverflow("context_overflow", needed=needed, limit=limit, model=self._card.name)
        return {"prompt": ids, "max_tokens": min(new, limit - len(ids))}

    def _encode(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt, pictures left out."""
        ids: list[int] = []
        for segment in prompt:
            match segment:
                case Text(text):
                    ids += self._tokenize(text, special=False)
                case Control(piece):
                    ids += self._tokenize(piece, special=True)
        return ids

    def _tokenize(self, text: str, special: bool) -> list[int]:
        body = json.dumps({"content": text, "add_special": False, "parse_special": special}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        url = self._server.listening_address.rstrip("/") + "/tokenize"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            tokens: list[int] = json.load(answer)["tokens"]
        return tokens

    def _stream(self, request: Chunk, cancelled: Cancelled) -> Iterator[Chunk]:
        """llama.cpp calls back from its own loop; a thread and a queue turn that into an iterator."""
        chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        gone = threading.Event()

        def receive(chunk: Chunk) -> bool:
            chunks.put(chunk)
            return gone.is_set() or cancelled()

        thread = threading.Thread(target=self._complete, args=(request, receive, chunks.put), daemon=True)
        thread.start()
        try:
            while (chunk := chunks.get()) is not None:
                if "error" in chunk:
                    raise _translated(chunk["error"], self._card)
                yield chunk
        finally:
            gone.set()
            thread.join()

    def _complete(self, request: Chunk, receive: Callable[[Chunk], bool], end: Callable[[Chunk | None], None]) -> None:
        try:
            self._server.handle_completions({**request, "stream": True, "cache_prompt": True}, receive)
        except (RuntimeError, ValueError, TypeError) as e:
            end({"error": {"message": str(e)}})
        finally:
            end(None)


def _with_markers(prompt: Prompt, pictures: list[str]) -> str:
    """Text with llama.cpp's media markers; fills `pictures`. A typed marker or control token is broken up by a
    zero-width space, since with pictures llama.cpp takes one string and reads control tokens anywhere in it."""
    parts = []
    for segment in prompt:
        match segment:
            case Text(text):
                parts.append(text.replace("<|", "<\u200b|").replace("<__", "<\u200b__"))
            case Control(piece):
                parts.append(piece)
            case Image(_, data):
                pictures.append(base64.b64encode(data).decode())
                parts.append("<__media__>")
    return "".join(parts)


def _usage(timings: Mapping[str, float]) -> Usage:
    first = timings["prompt_ms"] / 1000
    cached, read = int(timings["cache_n"]), int(timings["prompt_n"])
    total = first + timings["predicted_ms"] / 1000
    return Usage(cached + read, cached, int(timings["predicted_n"]), first, total)


def _translated(error: Mapping[str, Any], card: ModelCard) -> StudioError:
    if error.get("type") == "exceed_context_size_error":
        return ContextOverflow(
            "context_overflow", needed=error["n_prompt_tokens"], limit=error["n_ctx"], model=card.name
        )
    return EngineError("engine_failed", cause=error.get("message", "llama.cpp gave no reason"))
