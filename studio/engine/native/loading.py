"""From a spec to loaded, tested models: device, number type, memory plan, which model may do which job, self-test."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image as Picture

from studio.checkpoints import machine
from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import published_by_role, read, require_role
from studio.checkpoints.machine import gib as gib  # benchmarks take it from here
from studio.checkpoints.memory_plan import MemoryPlan, allowed, model_sizes, plan_memory
from studio.engine.native.block_manager import RESERVED
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.model_runner import RunnerOptions
from studio.engine.native.swap import Swap
from studio.errors import ModelError, StudioError
from studio.models import tokenizer as tokenizers
from studio.models.kv_cache import BLOCK, blocks_for
from studio.models.model import from_source
from studio.models.weights import Checkpoint, RandomSource, Source
from studio.protocol import MIN_NEW_TOKENS, Control, Image, ModelCard, Prompt, Role, Text
from studio.roles import COMPOSER, with_shared
from studio.specs import MAX_BEAMS, NativeSpec

RANDOM_NOTE = "Random weights: the text means nothing · 随机权重：文字没有意义"


@dataclass(frozen=True)
class PlannedModel:
    """A model that is about to be loaded."""

    architecture: Architecture
    folder: Path | None
    checkpoint: Checkpoint | None = None  # none: random weights
    seed: int = 0


@dataclass(frozen=True)
class LoadedModels:
    """Every model of a spec, loaded and tested. With a `swap`, a executor's model must be brought before each call."""

    executors: Mapping[Role, ModelExecutor]
    budget: MemoryPlan
    swap: Swap | None = None


def load(spec: NativeSpec) -> LoadedModels:
    """Every model of the spec, loaded and tested. One folder in both roles is loaded once."""
    if spec.threads:
        torch.set_num_threads(spec.threads)
    device = parse_device(spec.device)
    dtype = default_dtype(device)
    plans = _plans(spec)
    distinct = {plan.folder if plan.checkpoint else id(plan): plan for plan in plans.values()}
    plan = plan_memory_of([planned.architecture for planned in distinct.values()], device, dtype, spec)
    if spec.gpu_memory and device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, allowed(total, spec.gpu_memory) / total), device)
    swap = Swap(device) if plan.swap else None
    done: dict[object, ModelExecutor] = {}
    for (key, planned), context in zip(distinct.items(), plan.contexts, strict=True):
        planned = replace(planned, architecture=replace(planned.architecture, context=context))
        blocks = num_kv_blocks(planned.architecture, spec.batch, plan.spare // 2 // len(distinct), dtype.itemsize)
        done[key] = load_executor(planned, device, dtype, blocks, spec)
        if swap:
            swap.park(done[key].model)
    if swap:
        swap.open()
    for executor in done.values():
        executor.warm_up()  # after the weights have got the places at which graphs will find them
    return LoadedModels({role: done[p.folder if p.checkpoint else id(p)] for role, p in plans.items()}, plan, swap)


def load_executor(
    plan: PlannedModel, device: torch.device, dtype: torch.dtype, blocks: int, spec: NativeSpec
) -> ModelExecutor:
    """Load one planned model, give it so many blocks of cache, and test it."""
    a = plan.architecture
    if plan.checkpoint:
        source: Source = plan.checkpoint.source(device, dtype)
    else:
        source = RandomSource(a.tensors(), device, dtype, plan.seed)
    note = "" if plan.checkpoint else RANDOM_NOTE
    executor = ModelExecutor(
        _card(a, note),
        from_source(a, source, device, int8=spec.quantize == "int8"),
        _tokenizer(plan),
        blocks,
        spec.batch,
        RunnerOptions(deterministic=spec.deterministic),
    )
    self_test(executor)
    return executor


def _card(a: Architecture, note: str) -> ModelCard:
    return ModelCard(
        name=a.name,
        dialect=a.family.dialect,
        languages=("zh", "en"),
        sees=a.vision is not None,
        context=a.context,
        beams=MAX_BEAMS,
        note=note,
        image_tokens=a.image_tokens,
        tile_tokens=a.tile_tokens,
        adapters=tuple(a.adapters),
    )


def num_kv_blocks(a: Architecture, batch: int, spare: int, element: int) -> int:
    """Blocks of KV cache: one context, which the memory plan has counted; beams behind it; and as far as `spare` bytes
    go, enough for every request at once and as much again as a prefix cache."""
    context = blocks_for(a.context)
    beams = MAX_BEAMS * blocks_for(MIN_NEW_TOKENS + BLOCK)  # 0.1 GiB of the 7B's, out of the workspace
    return RESERVED + context + beams + min((2 * batch - 1) * context, spare // a.cache_bytes(BLOCK, element))


def parse_device(name: str) -> torch.device:
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


def default_dtype(device: torch.device) -> torch.dtype:
    """bf16 on a GPU, fp16 on one without it, float32 on the CPU (where 16 bits are slower)."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def plan_memory_of(
    models: list[Architecture], device: torch.device, dtype: torch.dtype, spec: NativeSpec
) -> MemoryPlan:
    """What will be where; ModelError with the numbers and the flag that helps when it cannot be."""
    host = machine.host_free()
    free = allowed(torch.cuda.mem_get_info(device)[0], spec.gpu_memory) if device.type == "cuda" else host
    how = spec.quantize, spec.swap, spec.context
    return plan_memory([model_sizes(a) for a in models], str(device), dtype.itemsize, free, host, *how)


def self_test(executor: ModelExecutor) -> None:
    """Read one tiny picture and a word: a checkpoint whose parts do not fit together shows it here, at the start."""
    picture: Prompt = (_tiny_picture(),) if executor.card.sees else ()
    family = executor.model.architecture.family
    prompt: Prompt = (*picture, Control(family.start_of_turn), Text("user\n1"), Control(family.end_of_turn))
    try:
        logits = executor.logits_after(prompt)
    except StudioError:
        raise
    except (RuntimeError, IndexError) as e:
        raise ModelError("selftest_failed", model=executor.card.name, cause=str(e).splitlines()[0]) from e
    if not bool(logits.isfinite().all()):
        raise ModelError("selftest_failed", model=executor.card.name, cause="it computes NaN or infinity")
    if float(logits.std()) == 0.0:
        raise ModelError("selftest_failed", model=executor.card.name, cause="it finds every token equally likely")


def _plans(spec: NativeSpec) -> dict[Role, PlannedModel]:
    if spec.random_weights:
        models = published_by_role(spec.random_weights)
        planned: dict[int, PlannedModel] = {}
        for seed, (role, a) in enumerate(models.items()):
            folder = Path(given) if (given := spec.folders.get(role)) else None
            planned.setdefault(id(a), PlannedModel(a, folder, seed=seed))
        return with_shared({role: planned[id(a)] for role, a in models.items()})
    plans = {role: _opened(role, Path(name).expanduser()) for role, name in spec.folders.items() if name}
    if not plans:
        raise ModelError(COMPOSER.missing)
    return plans


def _opened(role: Role, folder: Path) -> PlannedModel:
    checkpoint = Checkpoint(folder)
    architecture = read(folder, checkpoint.shapes)
    checkpoint.require(architecture.tensors())
    require_role(role, folder, architecture)
    return PlannedModel(architecture, folder.resolve(), checkpoint)


def _tokenizer(plan: PlannedModel) -> tokenizers.Tokenizer:
    """The checkpoint's own; random weights borrow the one of a folder that was given, or do with bytes."""
    path, family = plan.folder / "tokenizer.model" if plan.folder else None, plan.architecture.family
    if path is None or (plan.checkpoint is None and not path.is_file()):
        return tokenizers.bytes_only(plan.architecture.vocab)
    ends = family.end_of_turn, *family.also_ends
    return tokenizers.from_file(path, plan.architecture.vocab, family.control_tokens, ends, family.extra_rows)


def _tiny_picture() -> Image:
    file = io.BytesIO()
    Picture.linear_gradient("L").resize((8, 8)).convert("RGB").save(file, "PNG")
    return Image("self-test", file.getvalue())
