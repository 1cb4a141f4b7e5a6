"""The decoding loops: a model, a filled cache and the first logits in; token ids out.

They know neither text nor cancelling. Who consumes them decides after every id, or every round of beams, whether to go
on, and that is where calls are cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from studio.models.beam import Beams
from studio.models.cache import Cache
from studio.models.decoder import CHUNK, Decoder
from studio.models.sampler import Sampler

Span = tuple[int, int]  # first position of an image block, and the one after its last


@torch.inference_mode()
def read_chunk(decoder: Decoder, cache: Cache, x: Tensor, spans: Sequence[Span], start: int) -> Tensor:
    """Read the chunk of the prompt x [1, tokens, hidden] that begins at `start`; returns its hidden states."""
    end = min(start + CHUNK, x.shape[1])
    rows = [i - start for first, last in spans for i in range(max(first, start), min(last, end))]
    image_rows = torch.tensor(rows, device=x.device) if rows else None
    return decoder.forward(x[:, start:end], cache, image_rows)


def read_prompt(
    decoder: Decoder, cache: Cache, x: Tensor, spans: Sequence[Span] = (), cancelled: Callable[[], bool] = lambda: False
) -> Tensor | None:
    """Read a whole prompt; returns the logits [vocab] after its last token, or None when cancelled on the way."""
    hidden = x
    for start in range(0, x.shape[1], CHUNK):
        if cancelled():
            return None
        hidden = read_chunk(decoder, cache, x, spans, start)
    with torch.inference_mode():
        return decoder.logits(hidden[0, -1])


def sampled(decoder: Decoder, cache: Cache, logits: Tensor, sampler: Sampler) -> Iterator[int]:
    """Ids one after another until the cache is full.

    On a GPU the next step is launched before the host reads the id, so that the device never waits for the host.
    """
    ahead = decoder.device.type == "cuda"
    token = sampler(logits)
    while True:
        read = _to_host(token)
        room = cache.length < cache.capacity
        if ahead and room:
            logits = decoder.step(token[None], cache)[0]
        yield read()
        if not room:
            return
        if not ahead:
            logits = decoder.step(token[None], cache)[0]
        token = sampler(logits)


def searched(decoder: Decoder, prompt: Cache, logits: Tensor, beams: Beams, count: int, most: int) -> Iterator[int]:
    """Beam search over at most `most` tokens behind the cached prompt: yields the number of rounds done, and the result
    is then in `beams`. The beams' cache is made for this call: a row a beam, as long as needed."""
    cache = decoder.cache(prompt.length + most, batch=count)
    cache.fill_from(prompt)
    scores = logits.expand(count, -1)
    for done in range(1, most + 1):
        with torch.inference_mode():
            parents, ids = beams.advance(scores)
        yield done
        if beams.done or done == most:
            return
        with torch.inference_mode():
            cache.reorder(torch.tensor(parents, device=decoder.device))
            scores = decoder.step(torch.tensor(ids, device=decoder.device)[:, None], cache)


def _to_host(token: Tensor) -> Callable[[], int]:
    """Start copying an id to the host; calling the result waits for it alone, not for work launched later."""
    if not token.is_cuda:
        return lambda: int(token)
    pinned = torch.empty(1, dtype=token.dtype, pin_memory=True)
    pinned.copy_(token, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()

    def read() -> int:
        copied.synchronize()
        return int(pinned)

    return read
