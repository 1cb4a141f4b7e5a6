"""Compare a checkpoint with recorded results of the original code: `studio models check FOLDER --golden IO`.

The file has any of: `pixel_values` → `image_embeds`; `image_embeds.NAME` of the file `pictures/NAME.png` beside it;
`text_ids` → `text_logits`; `inputs_embeds`, `im_mask` → `logits`, and the ids that follow them: `greedy`, `beam3` (3
beams), either with a repetition penalty (`greedy_penalty_1_3`). With an ending (`logits.write`) they are computed with
that adapter, `base` is none; `logits_last100` are the last rows. `ntk600_logits` and `ntk600_greedy`: as if the model
had been trained on 600 positions.
Everything is computed on the CPU in float32, the way the records were made.
"""

from __future__ import annotations

import json
import re
from copy import copy
from dataclasses import dataclass, replace
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
from studio.models.image_preprocessing import opened
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BatchLayout, Chunk, blocks_for
from studio.models.linear import IMAGE, active_rows
from studio.models.model import Model, from_folder
from studio.models.rope import RopeTables
from studio.protocol import Sampling

TOLERANCE = 1e-4
RECORD = re.compile(
    r"(?:ntk(?P<trained>\d+)_)?(?P<kind>image_embeds|text_logits|logits|greedy|beam(?P<beams>\d+))"
    r"(?:_penalty_(?P<penalty>\d+_\d+))?(?:_last(?P<last>\d+))?(?:\.(?P<of>\w+))?"
)
INPUTS = {"image_embeds": ("pixel_values",), "text_logits": ("text_ids",)}


@dataclass(frozen=True)
class Record:
    """What the name of a record says. `of`: the adapter, or the picture of its `image_embeds`."""

    name: str
    kind: str
    beams: int
    penalty: float
    trained: int
    last: int
    of: str

    @classmethod
    def parse(cls, name: str) -> Record | None:
        """None for a name of nothing that can be compared."""
        if (found := RECORD.fullmatch(name)) is None:
            return None
        penalty = float((found["penalty"] or "1").replace("_", "."))
        numbers = (int(found[key] or 0) for key in ("beams", "trained", "last"))
        beams, trained, last = numbers
        return cls(name, found["kind"].rstrip("0123456789"), beams, penalty, trained, last, found["of"] or "")

    @property
    def adapter(self) -> str:
        """The adapter that it was computed with, or an empty string."""
        return "" if self.of == "base" else self.of

    def inputs(self, masked: bool) -> tuple[str, ...]:
        """The records that it was computed from; `masked`: the model treats image positions in another way."""
        if self.kind == "image_embeds" and self.of:
            return ()
        return INPUTS.get(self.kind, ("inputs_embeds", "im_mask") if masked else ("inputs_embeds",))


def compare(folder: Path, golden: Path) -> dict[str, Any]:
    """One JSON-ready object: the largest difference per tensor, the first differing step per list of ids (or None)."""
    io = _records(golden)
    model = from_folder(folder, torch.device("cpu"), torch.float32)
    masked = bool(model.architecture.ranks)
    tensors: dict[str, float] = {}
    ids: dict[str, dict[str, Any]] = {}
    for record in filter(None, map(Record.parse, sorted(io))):
        if not all(name in io for name in record.inputs(masked)):
            continue
        if record.kind in ("greedy", "beam"):
            expected = io[record.name].tolist()
            step = _first_difference(_continue(model, record, io, len(expected)), expected)
            ids[record.name] = {"equal": step is None, "first_difference": step, "steps": len(expected)}
            continue
        try:
            found = _compute(model, record, io, golden)
        except (RuntimeError, IndexError) as e:
            cause = f"{(*record.inputs(masked), record.name)[0]} does not fit this model ({e})"
            raise ModelError("golden_bad", path=golden, cause=cause) from e
        tensors[record.name] = _difference(golden, record.name, found, io[record.name])
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
    from studio.engine.native.check.transformers_oracle import differences  # transformers takes seconds to import

    name, found = differences(folder)
    return {
        "model": name,
        "tensors": {f"text_logits_of_llama{'.' * bool(adapter)}{adapter}": d for adapter, d in found.items()},
        "ids": {},
        "tolerance": TOLERANCE,
        "ok": max(found.values()) <= TOLERANCE,
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
def _compute(model: Model, record: Record, io: dict[str, Tensor], golden: Path) -> Tensor:
    if record.kind == "image_embeds":
        return _image_embeds(model, record, io, golden)
    decoder = _decoder(model, record)
    if record.kind == "text_logits":
        x, spans = decoder.embed(io["text_ids"].flatten()), []
    else:
        x, spans = io["inputs_embeds"][0].clone(), _spans(io)
    tokens = x.shape[0]
    blocks = blocks_for(tokens)
    layout = BatchLayout((Chunk(0, tokens, range(blocks), tokens),), decoder.device)
    active = active_rows({IMAGE: spans, record.adapter: [(0, tokens)]}, decoder.device, x.dtype)
    hidden = decoder.forward(x, decoder.new_kv_cache(blocks), layout, active)[-record.last :]
    return decoder.logits(hidden).view(*io[record.name].shape[:-1], -1)


def _image_embeds(model: Model, record: Record, io: dict[str, Tensor], golden: Path) -> Tensor:
    if model.tower is None:
        raise ModelError("model_cannot", model=model.architecture.name, ability="see pictures", advice="")
    if not record.of:
        return model.tower(io["pixel_values"])
    path = golden.parent / "pictures" / f"{record.of}.png"
    if not path.is_file():
        raise ModelError("golden_bad", path=golden, cause=f"{path} is missing")
    facts = golden.parent / "pictures.json"
    known = json.loads(facts.read_text())["pictures"] if facts.is_file() else {}
    tiles = known.get(record.of, {}).get("hd_num", 0)
    return torch.stack(model.tower.embed([model.tower.preprocess(opened(path.read_bytes(), path.name), tiles)]))


def _decoder(model: Model, record: Record) -> Decoder:
    """The model's decoder, or one that was trained on fewer positions."""
    if not record.trained:
        return model.decoder
    decoder, a = copy(model.decoder), model.architecture
    short = replace(a, trained=record.trained, context=int(a.rope_factor * record.trained))
    decoder.architecture, decoder.rope = short, RopeTables(short, decoder.device)
    return decoder


def _difference(golden: Path, name: str, found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        cause = f"{name} has the shape {list(expected.shape)}, this model gives {list(found.shape)}"
        raise ModelError("golden_bad", path=golden, cause=cause)
    return float((found - expected.float()).abs().max())


def _first_difference(found: list[int], expected: list[int]) -> int | None:
    """The first step at which two lists of ids differ, in a token or by ending; None when they are equal."""
    pairs = enumerate(zip_longest(found, expected))
    return next((step for step, (a, b) in pairs if a != b), None)


def _continue(model: Model, record: Record, io: dict[str, Tensor], steps: int) -> list[int]:
    """The ids that follow the recorded prompt: greedy, penalised or by beams, as the record's name says."""
    decoder = _decoder(model, record)
    a, x = decoder.architecture, io["inputs_embeds"][0]
    prompt, spans = x.shape[0], _spans(io)
    table = range(beam_search_blocks(prompt, steps, record.beams or 1))
    kv_cache = decoder.new_kv_cache(len(table))
    logits = read_prompt(decoder, kv_cache, table, x, spans, record.adapter)
    if record.beams:
        beams = BeamScorer(record.beams, frozenset({a.eos}), record.penalty, a.bos, decoder.device)
        search = BeamSearch(decoder, kv_cache, table, prompt, logits, beams, record.beams, record.adapter)
        while not beams.done and search.rounds < steps:
            search.advance(last=search.rounds + 1 == steps)
        return list(beams.best().ids)
    sampling = Sampling(temperature=0, repetition_penalty=record.penalty)
    ids = sample_ids(decoder, kv_cache, table, prompt, logits, sampling, record.adapter)
    return list(islice(ids, steps))


def _spans(io: dict[str, Tensor]) -> list[Span]:
    """Where pictures stand in the recorded prompt: runs of ones in its mask."""
    mask = io["im_mask"][0].tolist() if "im_mask" in io else []
    edges = [i for i, (a, b) in enumerate(zip([0, *mask], [*mask, 0], strict=True)) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))
