"""Which published models would fit a given memory, from what is published of them: nothing need be here."""

from __future__ import annotations

from studio.checkpoints import ladder
from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import TILE_PIXELS, TILE_PIXELS_2D5, published, published_chat
from studio.checkpoints.machine import gib
from studio.checkpoints.memory_plan import MemoryPlan, allowed, model_sizes, plan_memory
from studio.errors import ModelError

XCOMPOSER = "xcomposer2.5-7b"  # what is suggested first where a GPU has room for it
PLENTY = 1 << 50  # bytes of main memory: what a turn of models takes there is another question
CANDIDATES = (
    ("xcomposer2.5-7b", "internlm2-chat-7b"),
    ("xcomposer2.5-7b",),
    ("xcomposer2-7b", "xcomposer2-vl-7b", "internlm2-chat-7b"),
    ("xcomposer2-7b", "xcomposer2-vl-7b"),
    ("xcomposer2-7b",),
    ("xcomposer2-vl-7b",),
    ("xcomposer2-4khd-7b",),
    ("xcomposer2-vl-1.8b",),
    ("internlm2-chat-7b",),
    ("internlm2-chat-1.8b",),
)


def architecture_of(name: str) -> Architecture:
    """The published shapes of one of the `CANDIDATES`."""
    if name.startswith("internlm2-"):
        return published_chat(name.removeprefix("internlm2-"))
    if name == "xcomposer2.5-7b":
        return published("2.5-7b", TILE_PIXELS_2D5)
    if name == "xcomposer2-4khd-7b":
        return published("4khd-7b", TILE_PIXELS)
    return published(name.rpartition("-")[2], 490 if "-vl-" in name else 224)


def quantization_for(name: str, memory: int, context: int) -> str | None:
    """How one of the `CANDIDATES` fits `memory` bytes of a GPU, with the whole context where that can be: none, int8,
    or None where it does not."""
    fitting = []
    for quantize in ("none", "int8"):
        try:
            plan = _plan((name,), memory, context, quantize)
        except ModelError:
            continue
        if not plan.shortened:
            return quantize
        fitting.append(quantize)
    return fitting[0] if fitting else None


def lines(memory: int, context: int) -> list[str]:
    """For each set of models a line that says how it fits `memory` bytes of a GPU, or that it does not."""
    return [_line(names, memory, context) for names in CANDIDATES]


def ladder_lines(memory: int, context: int) -> list[str]:
    """For each GGUF model a line that says whether so many bytes have room for it, on a GPU or without one; then what
    is suggested on either."""
    lines = []
    for model in ladder.LADDER:
        verb = "writes and sees pictures" if model.sees else "writes"
        fits = "fits" if model.memory <= memory else "does not fit"
        lines.append(f"{model.name}: {fits}, runs in {model.rung} GB, {model.size / 1e9:.1f} GB to download, {verb}")
    whole = (XCOMPOSER,) if quantization_for(XCOMPOSER, memory, context) else ()
    for where, gpu in (("on a GPU", True), ("without a GPU", False)):
        found = ladder.suggest(memory, gpu)
        names = [*(whole if gpu else ()), *(m.name for m in (found.sees, found.writes, found.quick) if m)]
        lines.append(f"suggested {where}: {', '.join(names) or 'the starter model'}")
    return lines


def _line(names: tuple[str, ...], memory: int, context: int) -> str:
    title = " + ".join(names)
    failed: ModelError | None = None
    for quantize in ("none", "int8"):
        try:
            plan = _plan(names, memory, context, quantize)
        except ModelError as e:
            failed = failed or e
            continue
        flags = " --quantize int8" * (quantize == "int8") + " --swap auto" * plan.swap
        tokens = " / ".join(f"{tokens:,}" for tokens in dict.fromkeys(plan.contexts))
        how = f", with{flags}" if flags else ""
        return f"{title}: fits, {gib(plan.needed)}, context {tokens} tokens{how}"
    assert failed is not None
    return f"{title}: does not fit, needs {failed.facts['needed']}"


def _plan(names: tuple[str, ...], memory: int, context: int, quantize: str) -> MemoryPlan:
    sizes = [model_sizes(architecture_of(name)) for name in names]
    return plan_memory(sizes, "cuda", 2, allowed(memory, memory), PLENTY, quantize, "auto", context)
