"""From a spec to loaded, tested models: device, number type, memory plan, which model may do which job, self-test."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from PIL import Image as Picture

from studio.checkpoints import machine
from studio.checkpoints.architecture import PIXELS, Architecture, published, read, require_role
from studio.checkpoints.machine import gib as gib  # benchmarks take it from here
from studio.checkpoints.memory_plan import Budget, budget, parts
from studio.engine.native.block_manager import RESERVED
from studio.engine.native.executor import Seat
from studio.engine.native.model_runner import Options
from studio.engine.native.swap import Swap
from studio.errors import ModelError, StudioError
from studio.models import tokenizer as tokenizers
from studio.models.kv_cache import BLOCK, blocks_for
from studio.models.model import from_source
from studio.models.weights import Checkpoint, RandomSource, Source
from studio.protocol import LEAST_ROOM, Control, Image, ModelCard, Prompt, Role, Text
from studio.specs import MOST_BEAMS, NativeSpec

RANDOM_NOTE = "Random weights: the text means nothing · 随机权重：文字没有意义"


@dataclass(frozen=True)
class Planned:
    """A model that is about to be loaded."""

    architecture: Architecture
    folder: Path | None
    checkpoint: Checkpoint | None = None  # none: random weights
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """Every model of a spec, loaded and tested. With a `swap`, a seat's model must be brought before each call."""

    seats: Mapping[Role, Seat]
    budget: Budget
    swap: Swap | None = None


def load(spec: NativeSpec) -> Loaded:
    """Every model of the spec, loaded and tested. One folder in both roles is loaded once."""
    if spec.threads:
        torch.set_num_threads(spec.threads)
    device = device_of(spec.device)
    dtype = dtype_of(device)
    plans = _plans(spec)
    distinct = {plan.folder if plan.checkpoint else id(plan): plan for plan in plans.values()}
    plan = budget_of([planned.architecture for planned in distinct.values()], device, dtype, spec)
    swap = Swap(device) if plan.swap else None
    done: dict[object, Seat] = {}
    for (key, planned), context in zip(distinct.items(), plan.contexts, strict=True):
        planned = replace(planned, architecture=replace(planned.architecture, context=context))
        blocks = cache_blocks(planned.architecture, spec.batch, plan.spare // 2 // len(distinct), dtype.itemsize)
        done[key] = seat_of(planned, device, dtype, blocks, spec)
        if swap:
            swap.park(done[key].model)
    if swap:
        swap.open()
    for seat in done.values():
        seat.warm()  # after the weights have got the places at which graphs will find them
    return Loaded({role: done[p.folder if p.checkpoint else id(p)] for role, p in plans.items()}, plan, swap)


def seat_of(plan: Planned, device: torch.device, dtype: torch.dtype, blocks: int, spec: NativeSpec) -> Seat:
    """Load one planned model, give it so many blocks of cache, and test it."""
    a = plan.architecture
    if plan.checkpoint:
        source: Source = plan.checkpoint.source(device, dtype)
    else:
        source = RandomSource(a.tensors(), device, dtype, plan.seed)
    dialect: Literal["internlm2", "xcomposer2"] = "internlm2" if a.family == "internlm2" else "xcomposer2"
    note = "" if plan.checkpoint else RANDOM_NOTE
    seat = Seat(
        ModelCard(a.name, dialect, ("zh", "en"), a.vision is not None, a.context, MOST_BEAMS, note, a.image_tokens),
        from_source(a, source, device, int8=spec.quantize == "int8"),
        _tokenizer(plan),
        blocks,
        spec.batch,
        Options(deterministic=spec.deterministic),
    )
    self_test(seat)
    return seat


def cache_blocks(a: Architecture, batch: int, spare: int, element: int) -> int:
    """Blocks of cache: one context, which the budget has counted, beams behind it, and as far as `spare` bytes go
    enough for every call at once and as much again for what was read before."""
    context = blocks_for(a.context)
    beams = MOST_BEAMS * blocks_for(LEAST_ROOM + BLOCK)  # 0.1 GiB of the 7B's, out of the workspace
    return RESERVED + context + beams + min((2 * batch - 1) * context, spare // a.cache_bytes(BLOCK, element))


def device_of(name: str) -> torch.device:
    """The device by its name; `auto` takes the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as e:
        raise ModelError("device_missing", device=name, cause=str(e).splitlines()[0]) from e
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def dtype_of(device: torch.device) -> torch.dtype:
    """bf16 on a GPU, fp16 on one without it, float32 on the CPU (where 16 bits are slower)."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def budget_of(models: list[Architecture], device: torch.device, dtype: torch.dtype, spec: NativeSpec) -> Budget:
    """What will be where; ModelError with the numbers and the flag that helps when it cannot be."""
    host = machine.host_free()
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else host
    how = spec.quantize, spec.swap, spec.context
    return budget([parts(a) for a in models], str(device), dtype.itemsize, free, host, *how)


def self_test(seat: Seat) -> None:
    """Read one tiny picture and a word: a checkpoint whose parts do not fit together shows it here, at the start."""
    picture: Prompt = (_tiny_picture(),) if seat.card.sees else ()
    prompt: Prompt = (*picture, Control("[UNUSED_TOKEN_146]"), Text("user\n1"), Control("[UNUSED_TOKEN_145]"))
    try:
        logits = seat.logits_after(prompt)
    except StudioError:
        raise
    except (RuntimeError, IndexError) as e:
        raise ModelError("selftest_failed", model=seat.card.name, cause=str(e).splitlines()[0]) from e
    if not bool(logits.isfinite().all()):
        raise ModelError("selftest_failed", model=seat.card.name, cause="it computes NaN or infinity")
    if float(logits.std()) == 0.0:
        raise ModelError("selftest_failed", model=seat.card.name, cause="it finds every token equally likely")


def _plans(spec: NativeSpec) -> dict[Role, Planned]:
    folders: dict[Role, str] = {"composer": spec.composer, "viewer": spec.viewer}
    if spec.random_weights:
        return {
            role: Planned(published(spec.random_weights, PIXELS[role]), Path(folder) if folder else None, seed=seed)
            for seed, (role, folder) in enumerate(folders.items())
        }
    plans: dict[Role, Planned] = {}
    for role, name in folders.items():
        if name:
            plans[role] = _opened(role, Path(name).expanduser())
    if not plans:
        raise ModelError("composer_missing")
    return plans


def _opened(role: Role, folder: Path) -> Planned:
    checkpoint = Checkpoint(folder)
    architecture = read(folder, checkpoint.shapes)
    checkpoint.require(architecture.tensors())
    require_role(role, folder, architecture)
    return Planned(architecture, folder.resolve(), checkpoint)


def _tokenizer(plan: Planned) -> tokenizers.Tokenizer:
    """The checkpoint's own; random weights borrow the one of a folder that was given, or do with bytes."""
    path = plan.folder / "tokenizer.model" if plan.folder else None
    if path is None or (plan.checkpoint is None and not path.is_file()):
        return tokenizers.bytes_only(plan.architecture.vocab)
    return tokenizers.from_file(path, plan.architecture.vocab)


def _tiny_picture() -> Image:
    file = io.BytesIO()
    Picture.linear_gradient("L").resize((8, 8)).convert("RGB").save(file, "PNG")
    return Image("self-test", file.getvalue())
