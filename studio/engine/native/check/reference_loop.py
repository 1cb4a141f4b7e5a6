"""Prefill and decoding of one sequence in the plainest way, and beam search. The engine's own loop is `ModelExecutor`.

They know neither text nor cancelling. Recorded results are checked with them, and tests hold the engine against them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from studio.engine.native.beam import BeamScorer
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import sample
from studio.models.async_copy import to_device
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BLOCK, BatchLayout, Chunk, KVCache, blocks_for
from studio.models.linear import IMAGE, active_rows
from studio.protocol import Sampling

Span = tuple[int, int]  # first position of an image block, and the one after its last


@torch.inference_mode()
def read_prompt(
    decoder: Decoder,
    kv_cache: KVCache,
    table: Sequence[int],
    x: Tensor,
    spans: Sequence[Span] = (),
    adapter: str = "",
) -> Tensor:
    """Read a whole prompt x [tokens, hidden] in one go; returns the logits [vocab] after its last token."""
    tokens = x.shape[0]
    layout = BatchLayout((Chunk(0, tokens, table, tokens),), decoder.device)
    active = active_rows({IMAGE: spans, adapter: [(0, tokens)]}, decoder.device, x.dtype)
    return decoder.logits(decoder.forward(x.clone(), kv_cache, layout, active)[-1:])[0]


@torch.inference_mode()
def step(
    decoder: Decoder, kv_cache: KVCache, ids: Tensor, chunks: Sequence[Chunk], adapters: Sequence[str] = ()
) -> Tensor:
    """Each sequence reads one id of `ids` [sequences], with its adapter; returns the logits [sequences, vocab] of the
    next."""
    spans: dict[str, list[Span]] = {}
    for i, adapter in enumerate(adapters):
        if adapter:
            spans.setdefault(adapter, []).append((i, i + 1))
    active = active_rows(spans, decoder.device, decoder.dtype)
    layout = BatchLayout(tuple(chunks), decoder.device)
    return decoder.logits(decoder.forward(decoder.embed(ids), kv_cache, layout, active))


def sample_ids(
    decoder: Decoder,
    kv_cache: KVCache,
    table: Sequence[int],
    prompt: int,
    logits: Tensor,
    sampling: Sampling,
    adapter: str = "",
) -> Iterator[int]:
    """Ids one after another behind a prompt of so many tokens, until the table is full."""
    a = decoder.architecture
    rows = DecodeBatch(1, len(table), a.vocab, decoder.device)
    rows.set_row(0, prompt, table, sampling, a.bos)
    for at in range(prompt, len(table) * BLOCK + 1):
        ids = sample(logits[None], rows)
        yield int(ids)
        if at < len(table) * BLOCK:
            logits = step(decoder, kv_cache, ids, [Chunk(at, 1, table)], [adapter])[0]


class BeamSearch:
    """Beam search behind a prompt that has been read: all beams share its full blocks, each has its own behind them."""

    def __init__(
        self,
        decoder: Decoder,
        kv_cache: KVCache,
        table: Sequence[int],
        prompt: int,
        logits: Tensor,
        beams: BeamScorer,
        count: int,
        adapter: str = "",
    ) -> None:
        """`table` has the prompt's blocks, then spare ones; see `beam_search_blocks`."""
        self._decoder, self._kv_cache, self._prompt = decoder, kv_cache, prompt
        self.beams = beams
        self.rounds = 0
        self._adapters = [adapter] * count
        self._shared = list(table[: prompt // BLOCK])
        spare = list(table[blocks_for(prompt) :])
        each = len(spare) // count
        self._tails = [spare[i * each : (i + 1) * each] for i in range(count)]
        if prompt % BLOCK:
            kv_cache.copy_blocks([table[prompt // BLOCK]] * count, [tail[0] for tail in self._tails])
        self._scores = logits.expand(count, -1)

    @torch.inference_mode()
    def advance(self, last: bool = False) -> None:
        """One round: every beam grows by a token. The `last` round needs no scores after it."""
        parents, ids = self.beams.advance(self._scores)
        self.rounds += 1
        if self.beams.done or last:
            return
        position = self._prompt + self.rounds - 1
        used = blocks_for(position - len(self._shared) * BLOCK)
        moves = [(parent, i) for i, parent in enumerate(parents) if parent != i] if used else []
        if moves:
            sources = [block for parent, _ in moves for block in self._tails[parent][:used]]
            targets = [block for _, i in moves for block in self._tails[i][:used]]
            self._kv_cache.copy_blocks(sources, targets)
        chunks = [Chunk(position, 1, self._shared + tail) for tail in self._tails]
        ids_there = to_device(ids, self._decoder.device)
        self._scores = step(self._decoder, self._kv_cache, ids_there, chunks, self._adapters)


def beam_search_blocks(prompt: int, most: int, count: int) -> int:
    """Blocks that a search over `most` tokens with `count` beams needs behind a prompt."""
    return blocks_for(prompt) + count * (blocks_for(prompt + most) - prompt // BLOCK)


def beam_search_tokens(prompt: int, blocks: int, count: int) -> int:
    """Tokens that a search with `count` beams may write behind a prompt with so many blocks in all."""
    return ((blocks - blocks_for(prompt)) // count + prompt // BLOCK) * BLOCK - prompt
