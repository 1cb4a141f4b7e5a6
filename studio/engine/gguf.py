"""Any GGUF model on llama.cpp (through xllamacpp): the engine of the starter model and of models people bring along.

The prompt goes in as token ids: ordinary text is tokenised with `parse_special` off and cut inside of whatever looks
like a control token, so that a typed `<|im_end|>` stays text, and only `Control` segments become control tokens.
llama.cpp's server object does the rest: sampling, grammars, several calls at once, each with its cached prefix, whole
characters, abort; see `llama_server`.

What the file says of itself (chat template, special tokens) becomes the card's `chat`, which the instruct dialect
builds its prompts from.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import xllamacpp

from studio.checkpoints import chat_template, gguf_file, machine
from studio.engine.base import Cancelled
from studio.engine.llama_server import Chunk, LlamaServer
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
    TokenIds,
    Usage,
)
from studio.roles import ROLES
from studio.specs import GgufSpec

BATCH = 256  # tokens of a prompt between two looks at Stop; llama.cpp's own 2,048 took 33 s on two busy cores
NOWHERE = -50.0  # log-probability given to an option that llama.cpp gives none
LIFT = 100.0  # added to the logits of the options of a choice, so that nothing else has any probability beside them
REPEATS = 256  # tokens in which words count as repeated; over a whole text a model is driven out of its language
DRY = {  # … and longer sequences are made unlikely, over much of a text: llama.cpp itself looks back 64 tokens only
    **{"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 4},
    "dry_penalty_last_n": 1024,
}
CACHE_MIB = 512  # of main memory for the prefixes of calls whose place another call took


class GgufEngine:
    """One GGUF model in both roles."""

    def __init__(self, spec: GgufSpec) -> None:
        left = machine.IdleShare(_own_processes())  # measured while the header is read, so that nothing waits for it
        header = gguf_file.check(Path(spec.path), "model")
        if spec.mmproj:
            gguf_file.check(Path(spec.mmproj), "mmproj")
        words = gguf_file.vocabulary(Path(spec.path))
        chat = chat_template.format_of(header.template, words.controls, words.bos, words.eos)
        try:
            self._server = LlamaServer(_parameters(spec, left.value), bool(spec.mmproj))
        except (RuntimeError, ValueError, OSError) as e:
            raise _unloadable(spec) from e
        self._card = replace(spec.card, chat=chat)
        self._special = re.compile("|".join(map(re.escape, words.controls)) or r"(?!)")
        self._first = self._first_tokens()
        self._bos = words.bos if self._first else ""
        self._stops = [s.text.rstrip() for s in chat.following[:1] if isinstance(s, Text)]  # where no token ends a turn

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
            "repeat_last_n": REPEATS,
            **DRY,
            "seed": s.seed % 2**32,
            "stop": [*s.stop, *self._stops],
            **({"grammar": s.grammar} if s.grammar else {}),
            **({"preserved_tokens": list(call.keep_controls)} if call.keep_controls else {}),
            "return_progress": True,  # a chunk without text for every batch of the prompt
        }
        reason: Reason = "cancelled"
        usage = Usage()
        for chunk in self._chunks(request, cancelled):
            choice = chunk["choices"][0]
            yield Piece(choice["text"]) if choice["text"] else None
            if choice["finish_reason"]:
                reason = "length" if choice["finish_reason"] == "length" else "stop"
            if "timings" in chunk:
                usage = _usage(chunk["timings"])
        yield Done(reason, usage)

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """Log-probabilities of the first token in which each option differs, among the options; they must differ there.

        The options' logits are lifted above all others, so llama.cpp's own probabilities are those among them."""
        firsts = [self._server.tokenize(option, special=False)[0] for option in call.options]
        request = {
            **self._prompt(call.prompt, 1),
            **{"temperature": 1.0, "top_k": 0, "top_p": 1.0, "samplers": ["temperature"], "seed": 0},
            **{"n_probs": len(firsts), "post_sampling_probs": True, "logit_bias": [[first, LIFT] for first in firsts]},
        }
        listed: dict[int, float] = {}
        for chunk in self._chunks(request, cancelled):
            for token in (chunk["choices"][0].get("logprobs") or {}).get("content", ()):
                listed |= {top["id"]: top["prob"] for top in token["top_probs"]}
        return tuple(max(NOWHERE, math.log(p)) if (p := listed.get(first, 0.0)) > 0 else NOWHERE for first in firsts)

    def _chunks(self, request: Chunk, cancelled: Cancelled) -> Iterator[Chunk]:
        """Raises the error that llama.cpp gives."""
        chunks = self._server.stream(request, cancelled)
        try:
            for chunk in chunks:
                if "error" in chunk:
                    raise _translated(chunk["error"], self._card)
                yield chunk
        finally:
            chunks.close()

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`. What a picture takes, llama.cpp says to nobody: it counts as the card has it."""
        pictures = [sum(isinstance(segment, Image) for segment in prompt) for prompt in prompts]
        ids = map(self._encode, prompts)
        return tuple(len(i) + n * self._card.image_tokens for i, n in zip(ids, pictures, strict=True))

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`."""
        ids: list[int | None] = [*self._first]
        for segment in prompt:
            ids += [None] if isinstance(segment, Image) else self._encode((segment,))[len(self._first) :]
        return TokenIds(tuple(ids), self._bos)

    def memory(self) -> Mapping[str, int]:
        """Resident bytes of the worker's process."""
        return {"process": psutil.Process().memory_info().rss}

    def close(self) -> None:
        """Drop the model."""
        del self._server

    def _prompt(self, prompt: Prompt, new: int) -> Chunk:
        """The request's `prompt`, and `max_tokens` up to `new`; raises ContextOverflow when too few are left."""
        pictures: list[str] = []
        if any(isinstance(segment, Image) for segment in prompt):
            given = {"prompt_string": self._with_markers(prompt, pictures), "multimodal_data": pictures}
            return {"prompt": given, "max_tokens": new}
        ids, limit = self._encode(prompt), self._card.context
        if (needed := len(ids) + min(new, MIN_NEW_TOKENS)) > limit:
            raise ContextOverflow("context_overflow", needed=needed, limit=limit, model=self._card.name)
        return {"prompt": ids, "max_tokens": min(new, limit - len(ids))}

    def _encode(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt, pictures left out; with the first token that the model begins every text with."""
        ids: list[int] = []
        for segment in prompt:
            match segment:
                case Text(text):
                    for part in self._cut(text):
                        ids += self._server.tokenize(part, special=False)
                case Control(piece):
                    ids += self._server.tokenize(piece, special=True)
        return ids if not self._first or ids[:1] == self._first else [*self._first, *ids]

    def _cut(self, text: str) -> Iterator[str]:
        """Text in parts, each ending after the first character of what looks like a control token. Those that a file
        calls user-defined llama.cpp would find in any text."""
        start = 0
        for found in self._special.finditer(text):
            yield text[start : found.start() + 1]
            start = found.start() + 1
        yield text[start:]

    def _first_tokens(self) -> list[int]:
        """What llama.cpp puts before a text with this model: BOS, or nothing."""
        with_first = self._server.tokenize("a", special=False, add=True)
        return with_first[:1] if with_first[1:2] == self._server.tokenize("a", special=False)[:1] else []

    def _with_markers(self, prompt: Prompt, pictures: list[str]) -> str:
        """Text with llama.cpp's media markers, which are random; fills `pictures`. With pictures llama.cpp takes one
        string, reads control tokens anywhere in it, and begins it with BOS itself; a typed control token is broken up
        by a zero-width space."""
        parts = []
        for segment in prompt:
            match segment:
                case Text(text):
                    parts.append("\u200b".join(self._cut(text)))
                case Control(piece):
                    parts.append(piece)
                case Image(_, data):
                    pictures.append(base64.b64encode(data).decode())
                    parts.append(self._server.marker)
        if isinstance(prompt[-1], Image):  # llama.cpp ends the process over a prompt that ends with a picture
            parts.append("\n")
        return "".join(parts).removeprefix(self._bos)


def _usage(timings: Mapping[str, float]) -> Usage:
    first = timings["prompt_ms"] / 1000
    cached, read = int(timings["cache_n"]), int(timings["prompt_n"])
    total = first + timings["predicted_ms"] / 1000
    return Usage(cached + read, cached, int(timings["predicted_n"]), first, total)


def _own_processes() -> list[psutil.Process]:
    """This one and the page's, whose start is over in a moment."""
    own = psutil.Process()
    return [own, *filter(None, [own.parent()])]


def _parameters(spec: GgufSpec, left: float) -> Any:
    """llama.cpp's threads wait for each other by spinning: one that has no core of its own holds up all others, so
    there are as many as find one. `left` is the part of the cores that others leave."""
    p = xllamacpp.CommonParams()
    p.model.path = spec.path
    p.n_ctx = spec.card.context * spec.batch
    p.n_parallel = spec.batch
    p.cpuparams.n_threads = spec.threads or max(1, round(left * machine.cores()))
    p.cpuparams_batch.n_threads = spec.threads or max(1, round(left * machine.threads()))
    p.cache_ram_mib = CACHE_MIB
    if not spec.gpu:  # else as many layers as fit, if llama.cpp was built with a GPU
        p.n_gpu_layers = 0
    p.verbosity = -1
    if spec.mmproj:
        p.mmproj.path = spec.mmproj
        p.mmproj_use_gpu = spec.gpu
    else:
        p.n_batch = BATCH  # a picture may have to go in as one batch
    return p


def _unloadable(spec: GgufSpec) -> ModelError:
    """Why llama.cpp does not load a model whose files look whole."""
    if spec.mmproj:
        return ModelError("mmproj_other", path=spec.mmproj, model=spec.card.name)
    return ModelError("model_broken", path=spec.path, cause="llama.cpp does not read it as a GGUF model")


def _translated(error: Mapping[str, Any], card: ModelCard) -> StudioError:
    if error.get("type") == "exceed_context_size_error":
        return ContextOverflow(
            "context_overflow", needed=error["n_prompt_tokens"], limit=error["n_ctx"], model=card.name
        )
    return EngineError("engine_failed", cause=error.get("message", "llama.cpp gave no reason"))
