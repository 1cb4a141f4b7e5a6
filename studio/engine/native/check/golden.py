"""Compare a checkpoint with recorded results of the original code: `studio models check FOLDER --golden IO`.

The file has any of: `pixel_values` → `image_embeds`; `text_ids` → `text_logits`; `inputs_embeds`, `im_mask` → `logits`,
and the ids that follow them: `greedy`, `greedy_penalty_1_3` (repetition penalty 1.3), `beam3` (3 beams). Everything is
computed on the CPU in float32, the way the records were made.
"""

from __future__ import annotations

import re
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from studio.engine.native.beam import BeamScorer
from studio.engine.native.check.reference_loop import BeamSearch, Span, beam_search_blocks, read_prompt, sample_ids
from studio.errors import ModelError
from studio.models.kv_cache import BatchLayout, Chunk, blocks_for
from studio.models.linear import image_rows
from studio.models.model import Model, from_folder
from studio.protocol import Sampling

TOLERANCE = 1e-4
PAIRS = {"image_embeds": ("pixel_values",), "text_logits": ("text_ids",), "logits": ("inputs_embeds", "im_mask")}


def compare(folder: Path, golden: Path) -> dict[str, Any]:
    """One JSON-ready object: the largest difference per tensor, the first differing step per list of ids (or None)."""
    io = _records(golden)
    model = from_folder(folder, torch.device("cpu"), torch.float32)
    tensors: dict[str, float] = {}
    ids: dict[str, dict[str, Any]] = {}
    for name, inputs in PAIRS.items():
        if name in io and all(i in io for i in inputs):
            try:
                found = _compute(model, name, io)
            except (RuntimeError, IndexError) as e:
                raise ModelError("golden_bad", path=golden, cause=f"{inputs[0]} does not fit this model ({e})") from e
            tensors[name] = _difference(golden, name, found, io[name])
    for name in sorted(io):
        if re.fullmatch(r"greedy(_penalty_\d+_\d+)?|beam\d+", name) and "inputs_embeds" in io:
            expected = io[name].tolist()
            step = _first_difference(_continue(model, name, io, len(expected)), expected)
            ids[name] = {"equal": step is None, "first_difference": step, "steps": len(expected)}
    if not tensors and not ids:
        raise ModelError("golden_bad", path=golden, cause="it has none of the known names")
    equal = all(entry["equal"] for entry in ids.values())
    return {
        "model": model.architecture.name,
        "tensors": tensors,
        "ids": ids,
        "tolerance": TOLERANCE,
        "ok": equal and all(d <= TOLERANCE for d in tensors.values()),
    }


def compare_with_llama(folder: Path) -> dict[str, Any]:
    """The same report where nothing was recorded: text logits against a transformers Llama of equal weights."""
    from studio.engine.native.check.transformers_oracle import difference  # transformers takes seconds to import

    name, found = difference(folder)
    return {
        "model": name,
        "tensors": {"text_logits_of_llama": found},
        "ids": {},
        "tolerance": TOLERANCE,
        "ok": found <= TOLERANCE,
    }


def _records(golden: Path) -> dict[str, Tensor]:
    if not golden.is_file():
        raise ModelError("golden_bad", path=golden, cause="there is no such file")
    try:
        records: dict[str, Tensor] = load_file(golden)
    except (SafetensorError, OSError) as e:
        raise ModelError("golden_bad", path=golden, cause=f"it is not a safetensors file ({e})") from e
    return records


@torch.inference_mode()
def _compute(model: Model, name: str, io: dict[str, Tensor]) -> Tensor:
    decoder = model.decoder
    if name == "image_embeds":
        if model.tower is None:
            raise ModelError("model_cannot", model=model.architecture.name, ability="see pictures", advice="")
        return model.tower(io["pixel_values"])
    if name == "text_logits":
        x, spans = decoder.embed(io["text_ids"].flatten()), []
    else:
        x, spans = io["inputs_embeds"][0].clone(), _spans(io["im_mask"][0].tolist())
    blocks = blocks_for(x.shape[0])
    layout = BatchLayout((Chunk(0, x.shape[0], range(blocks)),), decoder.device)
    hidden = decoder.forward(x, decoder.new_kv_cache(blocks), layout, image_rows(spans, decoder.device, x.dtype))
    return decoder.logits(hidden).view(*io[name].shape[:-1], -1)


def _difference(golden: Path, name: str, found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        cause = f"{name} has the shape {list(expected.shape)}, this model gives {list(found.shape)}"
        raise ModelError("golden_bad", path=golden, cause=cause)
    return float((found - expected.float()).abs().max())


def _first_difference(found: list[int], expected: list[int]) -> int | None:
    """The first step at which two lists of ids differ, in a token or by ending; None when they are equal."""
    pairs = enumerate(zip_longest(found, expected))
    return next((step for step, (a, b) in pairs if a != b), None)


def _continue(model: Model, name: str, io: dict[str, Tensor], steps: int) -> list[int]:
    """The ids that follow the recorded prompt: greedy, penalised or by beams, as the record's name says."""
    a, decoder = model.architecture, model.decoder
    x = io["inputs_embeds"][0]
    prompt, spans = x.shape[0], _spans(io["im_mask"][0].tolist())
    count = int(name.removeprefix("beam")) if name.startswith("beam") else 1
    table = range(beam_search_blocks(prompt, steps, count))
    kv_cache = decoder.new_kv_cache(len(table))
    logits = read_prompt(decoder, kv_cache, table, x, spans)
    if name.startswith("beam"):
        beams = BeamScorer(count, frozenset({a.eos}), 1.0, a.bos, decoder.device)
        search = BeamSearch(decoder, kv_cache, table, prompt, logits, beams, count)
        while not beams.done and search.rounds < steps:
            search.advance(last=search.rounds + 1 == steps)
        return list(beams.best().ids)
    penalty = float(name.removeprefix("greedy_penalty_").replace("_", ".")) if "penalty" in name else 1.0
    sampling = Sampling(temperature=0, repetition_penalty=penalty)
    return list(islice(sample_ids(decoder, kv_cache, table, prompt, logits, sampling), steps))


def _spans(mask: list[int]) -> list[Span]:
    """Runs of ones in a mask, as spans."""
    edges = [i for i, (a, b) in enumerate(zip([0, *mask], [*mask, 0], strict=True)) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))
