"""What the models need in memory, computed before anything is loaded: one place for the engine and `studio doctor`.

Sizes come from the shapes in the files and the settings; torch is not imported. The choice, in this order: all models
on the device; where that is too much, the idle one in main memory (`--swap`); else an error with the numbers and the
flag that helps. Either way the context is halved, down to 4,096 tokens, where that makes the difference. `--quantize
int8` shrinks the linears of the decoder alone: LoRA, ViT, projector, embeddings and head stay in 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.checkpoints import machine
from studio.checkpoints import shapes as files
from studio.checkpoints.architecture import LINEARS, Architecture
from studio.checkpoints.families import published_by_role, read
from studio.checkpoints.machine import gib
from studio.errors import ModelError
from studio.specs import NativeSpec

WORKSPACE = 2 << 30  # bytes on a GPU for activations, pictures, beams and graphs, beside weights and cache
NOTHING: Mapping[str, int] = {}
CUDA_CONTEXT = 768 << 20  # bytes that CUDA and its libraries take beside torch (755 MiB measured on an H100)
MIN_CONTEXT = 4096  # tokens: what XComposer2 was trained on
INT8 = 1 + 1 / 64  # bytes of a weight: itself, and at most one 16-bit scale for each group of 128


@dataclass(frozen=True)
class ModelSizes:
    """How many numbers each part of a model has; `cache` is a token's keys and values."""

    name: str
    linears: int
    plora: int  # all low-rank matrices
    vision: int
    tables: int  # embeddings, head, norms
    cache: int
    context: int

    def weights(self, element: int, quantize: str) -> int:
        """Bytes at `element` bytes a number."""
        linears = self.linears * (INT8 if quantize == "int8" else element)
        return int(linears) + (self.plora + self.vision + self.tables) * element


@dataclass(frozen=True)
class MemoryPlan:
    """What will be where, in bytes. `weights` and `caches` are given by model, in the order of `names`."""

    names: tuple[str, ...]
    weights: tuple[int, ...]
    caches: tuple[int, ...]
    workspace: int
    free: int  # on the device
    host: int  # in main memory
    device: str
    swap: bool  # one model is on the device at a time
    contexts: tuple[int, ...]  # tokens, by model
    shortened: bool = False  # a longer context was asked for

    @property
    def needed(self) -> int:
        """Bytes on the device."""
        weights = max(self.weights) if self.swap else sum(self.weights)
        return weights + sum(self.caches) + self.workspace

    @property
    def needed_on_host(self) -> int:
        """Bytes of main memory that stay locked: every model that takes its turn has its place there."""
        return sum(self.weights) if self.swap else 0

    @property
    def fits(self) -> bool:
        """Whether there is room for it."""
        return self.needed <= self.free and self.needed_on_host <= self.host

    @property
    def spare(self) -> int:
        """Bytes left on the device, for a larger cache."""
        return max(0, self.free - self.needed)

    def lines(self) -> list[str]:
        """The plan for people."""
        rows = zip(self.names, self.weights, self.caches, self.contexts, strict=True)
        told = [
            f"{name}: weights {gib(weights)}, KV cache {gib(cache)} for a context of {context:,} tokens"
            for name, weights, cache, context in rows
        ]
        if self.shortened:
            told.append("the context is shorter than --context, as memory is short")
        how = ", one model at a time on it" if self.swap else ""
        told.append(
            f"workspace {gib(self.workspace)}; in all {gib(self.needed)} of {gib(self.free)} on {self.device}{how}"
        )
        if self.swap:
            told.append(f"main memory: {gib(self.needed_on_host)} of {gib(self.host)} for the idle model's place")
        return told


def plan_memory(
    models: Sequence[ModelSizes],
    device: str,
    element: int,
    free: int,
    host: int,
    quantize: str = "none",
    swap: str = "auto",
    context: int = 16384,
) -> MemoryPlan:
    """The plan for these models (each named once) with these settings.

    `device` is as torch names it, `element` the bytes of a number there, `free` its free bytes, `host` those of main
    memory; `context` is the longest, in tokens. Raises ModelError with the numbers and the flag that helps when nothing
    allowed fits.
    """
    gpu = device.startswith("cuda")

    def plan(quantize: str, swap: bool, count: int = len(models), limit: int = MIN_CONTEXT) -> MemoryPlan:
        # With a count of one, the larger model: whichever runs alone has room then.
        some = sorted(models, key=lambda m: -m.weights(element, quantize))[:count] if count < len(models) else models
        contexts = tuple(min(m.context, limit, context) for m in some)
        return MemoryPlan(
            tuple(m.name for m in some),
            tuple(m.weights(element, quantize) for m in some),
            tuple(m.cache * tokens * element for m, tokens in zip(some, contexts, strict=True)),
            WORKSPACE if gpu else 0,
            free,
            host,
            device,
            swap,
            contexts,
            contexts != tuple(min(m.context, context) for m in some),
        )

    swappable = gpu and len(models) > 1
    allowed = _ways(swap, swappable)
    ways = [plan(quantize, way) for way in allowed]
    for way in allowed:
        for limit in _limits(context):
            if (chosen := plan(quantize, way, limit=limit)).fits:
                return chosen
    if quantize == "none" and gpu and any(plan("int8", way.swap).fits for way in ways):
        key = "card_too_small_int8"
    elif swap == "off" and swappable and plan(quantize, True).fits:
        key = "card_too_small_swap"
    elif len(models) > 1 and plan(quantize, False, 1).fits:
        key = "card_too_small_for_two"
    else:
        key = "card_too_small"
    least = min(ways, key=lambda way: way.needed)
    raise ModelError(key, model=", ".join(least.names), needed=gib(least.needed), device=device, free=gib(free))


def before_loading(spec: NativeSpec, freed: Mapping[str, int] = NOTHING) -> MemoryPlan | None:
    """What `spec` would need on this machine, without torch; None where torch's old format hides the sizes. `freed`:
    what a worker holds that will be gone by then, see `WorkerClient.memory`.

    Raises ModelError when a file is wrong or nothing allowed fits.
    """
    if spec.random_weights:
        models_of_roles = published_by_role(spec.random_weights).values()
        found: list[Architecture | None] = [*{id(a): a for a in models_of_roles}.values()]
    else:
        folders = dict.fromkeys(Path(name).expanduser().resolve() for name in spec.folders.values() if name)
        found = [of_folder(folder) for folder in folders]
    architectures = [a for a in found if a is not None]
    if len(architectures) < len(found):
        return None
    cards = machine.gpus() if spec.device == "auto" or spec.device.startswith("cuda") else []
    host = machine.host_free() + freed.get("process", 0)
    models = [model_sizes(a) for a in architectures]
    how = spec.quantize, spec.swap, spec.context
    if not cards:
        return plan_memory(models, "cpu", 4, host, host, *how)
    number = spec.device.partition(":")[2]
    index = int(number) if number.isdigit() and int(number) < len(cards) else 0
    held = freed.get(f"cuda:{index}", 0)
    free = cards[index].free + (held + CUDA_CONTEXT if held else 0)
    return plan_memory(models, f"cuda:{index}", 2, allowed(free, spec.gpu_memory), host, *how)


def allowed(free: int, limit: int) -> int:
    """Bytes of a GPU that a plan may use: those that are free, or as many as `limit` (0: none) leaves beside CUDA's
    own."""
    return min(free, limit - CUDA_CONTEXT) if limit else free


def model_sizes(a: Architecture) -> ModelSizes:
    """The sizes of an architecture's parts."""
    sizes = dict.fromkeys(("linears", "plora", "vision", "tables"), 0)
    for name, shape in a.tensors().items():
        if not a.family.merged(name):
            sizes[_part(name)] += math.prod(shape)
    return ModelSizes(a.name, **sizes, cache=a.cache_bytes(1, 1), context=a.context)


def of_folder(folder: Path) -> Architecture | None:
    """What is in a checkpoint folder, read without torch; None where torch's old format hides it.

    Raises ModelError when it is no model that can run, or a file is missing or cut off.
    """
    shapes = files.shapes(folder)
    return read(folder, shapes) if shapes else None


def _limits(context: int) -> list[int]:
    """Contexts to try, the longest first: halves of what was asked for, and the least."""
    limits = [context]
    while limits[-1] > MIN_CONTEXT:
        limits.append(max(limits[-1] // 2, MIN_CONTEXT))
    return limits


def _ways(swap: str, swappable: bool) -> tuple[bool, ...]:
    if not swappable or swap == "off":
        return (False,)
    return (True,) if swap == "on" else (False, True)


def _part(name: str) -> str:
    if ".Plora_" in name or ".lora_" in name:
        return "plora"
    if any(name.endswith(f".{linear}.weight") for linear in LINEARS):
        return "linears"
    if name.startswith("internlm_model."):  # v1
        return "linears" if name.endswith("_proj.weight") else "tables"
    return "tables" if name.startswith(("model.", "output.")) else "vision"
