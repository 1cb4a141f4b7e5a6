"""Which engine to build, as plain data: the page's process decides, the worker's process builds (`engine.build`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.protocol import Description, ModelCard, Role

MAX_BEAMS = 5  # of the native engine
MAX_TILES = 55


@dataclass(frozen=True)
class GgufSpec:
    """A GGUF file on llama.cpp. `card` says what the page may know of it."""

    path: str
    card: ModelCard
    mmproj: str = ""
    threads: int = 0
    gpu: bool = False  # layers on a GPU, where llama.cpp was built for one
    batch: int = 1  # calls at once, each with a context of its own


@dataclass(frozen=True)
class NativeSpec:
    """XComposer2 on torch: a checkpoint folder a role, or random weights of the true size."""

    folders: Mapping[Role, str] = field(default_factory=dict)  # a role without one has no model
    device: str = "cuda"
    quantize: str = "none"
    random_weights: str = ""
    threads: int = 0
    swap: str = "auto"
    batch: int = 1
    deterministic: bool = False
    gpu_memory: int = 0  # bytes of the GPU that may be taken; 0: all that are free
    context: int = 16384  # tokens; a model takes fewer where it has fewer positions, or where memory is short


@dataclass(frozen=True)
class Reply:
    """A scripted answer for the prompts that contain `match`, given `times` times (0: without end). `pace` seconds pass
    between its words."""

    text: str
    match: str = ""
    pace: float = 0.0
    times: int = 1
    reason: str = "stop"  # "length": as if cut at the limit; "crash": the process ends after the text; "hang": no end


@dataclass(frozen=True)
class ScriptedSpec:
    """Replies from a list: for tests and for work on the page."""

    replies: tuple[Reply, ...] = ()
    card: ModelCard = ModelCard(
        "scripted model", "xcomposer2", ("en", "zh"), sees=True, context=4096, beams=5, image_tokens=256
    )
    descriptions: tuple[tuple[str, Description], ...] = field(default=())  # picture key → what it shows
    batch: int = 1  # calls it answers at once, a word each in turn
    load: float = 0.0  # seconds that it takes to load
    tokenizer: str = ""  # a tokenizer.model to count with; none: words and Chinese characters are counted


def max_beams(spec: EngineSpec) -> int:
    """How many beams the models of a spec offer, known before they are loaded; 1 means none."""
    return MAX_BEAMS if isinstance(spec, NativeSpec) else spec.card.beams


def max_tiles(spec: EngineSpec) -> int:
    """The most tiles that a picture can be cut into; 0 where the model is known to cut none."""
    return MAX_TILES if isinstance(spec, NativeSpec) or spec.card.tile_tokens else 0


EngineSpec = GgufSpec | NativeSpec | ScriptedSpec
