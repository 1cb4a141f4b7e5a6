"""What a GGUF file needs and how it would run here, computed from its header before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.checkpoints import gguf_file, ladder, machine
from studio.checkpoints.gguf_file import GgufHeader
from studio.checkpoints.machine import gib
from studio.errors import InputError, ModelError
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import GgufSpec

IMAGE_TOKENS = 1024  # of a picture: most models take fewer, and the file does not say it
UNKNOWN_CONTEXT = 4096  # tokens, where a file does not say
SHORTEST_CONTEXT = 512  # a file that says less says nothing
MIN_CONTEXT = 2048  # to which it is shortened where memory is short
CPU_CONTEXT = 8192  # tokens: a CPU reads some fifty a second, so that more would be waited for in vain
CPU_CALLS = 2  # at once on a CPU: a short one is not behind a long one
WORKSPACE = 512 << 20  # bytes beside weights and cache
TINY = 250_000_000  # parameters below which a model understands single plain sentences only (measured on SmolLM2-135M)
CHINESE_VOCABULARY = 60_000  # tokens from which a vocabulary has the Chinese characters that writing takes


@dataclass(frozen=True)
class Need:
    """What a file takes, in bytes: weights, and keys and values of all calls at a `context`."""

    weights: int
    cache: int
    context: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + WORKSPACE


def locate(settings: Settings, given: str) -> tuple[str, str] | None:
    """The model's file and its mmproj ("" for none) that a name of the ladder, a file or a folder means; None where it
    is none of these. Raises ModelError for a model that is not here, with the command that gets it, and InputError for
    a folder in which it is not clear."""
    if model := ladder.on_ladder(given):
        if folder := ladder.find(settings, model):
            return str(Path(folder) / model.file), str(Path(folder) / model.mmproj) if model.mmproj else ""
        raise ModelError("checkpoint_not_here", given=given, name=model.name, size=f"{model.size / 1e9:.1f} GB")
    path = Path(given).expanduser().absolute()  # the page's process changes its working folder
    if path.is_dir():
        return _in_folder(path)
    return (str(path), "") if path.is_file() or path.suffix == ".gguf" else None


def spec_of(settings: Settings, path: str, mmproj: str = "") -> GgufSpec:
    """How the file would run. One that cannot be read gets a spec that says little: the checks tell why."""
    title, gpu = Path(path).stem, bool(machine.gpus()) and settings.device != "cpu"
    calls = min(settings.batch, 4 if gpu else CPU_CALLS)
    eyes = IMAGE_TOKENS if mmproj else 0
    try:
        header = gguf_file.read(Path(path))
    except (ModelError, OSError):
        card = ModelCard(title, "instruct", ("en",), bool(mmproj), UNKNOWN_CONTEXT, image_tokens=eyes)
        return GgufSpec(path, card, mmproj, settings.threads, gpu, 1)
    need = need_of(header, _sizes(path, mmproj), settings.context, calls, _free(gpu), gpu)
    card = ModelCard(
        header.title or title,
        dialect_of(header),
        languages_of(header),
        bool(mmproj),
        need.context,
        image_tokens=eyes,
        parameters=header.parameters,
    )
    return GgufSpec(path, card, mmproj, settings.threads, gpu, calls)


def need_of(header: GgufHeader, weights: int, context: int, calls: int, free: int, gpu: bool) -> Need:
    """What it takes with the longest context up to `context` that has room in `free` bytes, or with the shortest."""
    made_for = header.context if header.context >= SHORTEST_CONTEXT else UNKNOWN_CONTEXT
    longest = min(made_for, context if gpu else min(context, CPU_CONTEXT))
    while True:
        need = Need(weights, header.cache_bytes(longest) * calls, longest)
        if need.total <= free or longest <= MIN_CONTEXT:
            return need
        longest = max(MIN_CONTEXT, longest // 2)


def check_memory(spec: GgufSpec, freed: int = 0) -> None:
    """Raises ModelError where the model has no room, with the numbers and the model that has. `freed`: bytes that will
    be free beside those that are."""
    try:
        header = gguf_file.read(Path(spec.path))
    except (ModelError, OSError):  # told by the check of the files
        return
    free = _free(spec.gpu) + freed
    need = need_of(header, _sizes(spec.path, spec.mmproj), spec.card.context, spec.batch, free, spec.gpu)
    if need.total <= free:
        return
    facts = {"model": spec.card.name, "needed": gib(need.total), "free": gib(free)}
    if fits := ladder.best(free, spec.card.sees) or ladder.best(free, False):
        raise ModelError("gguf_too_large", name=fits.name, **facts)
    raise ModelError("gguf_too_large_for_any", **facts)


def dialect_of(header: GgufHeader) -> str:
    """How such a model is asked: whether it follows instructions is a matter of its size."""
    return "starter" if 0 < header.parameters < TINY else "instruct"


def languages_of(header: GgufHeader) -> tuple[str, ...]:
    """What it writes, as far as the file says it."""
    named = header.facts.get("general.languages")
    if isinstance(named, tuple) and "en" in named:
        return ("en", "zh") if "zh" in named else ("en",)
    return ("en", "zh") if header.vocabulary >= CHINESE_VOCABULARY else ("en",)


def _in_folder(folder: Path) -> tuple[str, str]:
    """The one model of a folder, and its mmproj if there is one. Of a model in several files the first stands for
    all."""
    found = sorted(folder.glob("*.gguf"))
    eyes = [p for p in found if "mmproj" in p.name.lower()]
    models = [p for p in found if p not in eyes and ("-of-" not in p.name or "-00001-of-" in p.name)]
    if len(models) != 1 or len(eyes) > 1:
        names = ", ".join(p.name for p in found) or "no .gguf"
        raise InputError("gguf_folder_unclear", path=folder, found=names)
    return str(models[0]), str(eyes[0]) if eyes else ""


def _sizes(*paths: str) -> int:
    return sum(Path(path).stat().st_size for path in paths if path and Path(path).is_file())


def _free(gpu: bool) -> int:
    """Bytes that the model may take: what does not fit on a GPU stays in main memory."""
    return machine.host_free() + (sum(card.free for card in machine.gpus()) if gpu else 0)
