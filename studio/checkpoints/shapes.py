"""The weight files of a checkpoint folder, and the shapes in them, read without torch.

A safetensors file begins with a JSON header. A `.bin` is a zip archive whose pickle names each tensor's size; it is
read by an unpickler that can build nothing but these sizes, so code in it is refused and never runs.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from studio.errors import ModelError

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
Shapes = dict[str, tuple[int, ...]]


def weight_files(folder: Path) -> tuple[list[Path], int]:
    """The weight files and the bytes of all their tensors (0: no index says it), each there and not empty.

    Raises ModelError with the file, and its expected and found size.
    """
    if not folder.is_dir():
        raise ModelError("checkpoint_folder_missing", path=folder)
    files, total = _listed(folder)
    for path in files:
        _check_there(path, files, total)
    return files, total


def listed_files(folder: Path) -> list[Path]:
    """The weight files that a checkpoint says it has, be they there or not. Raises ModelError."""
    return _listed(folder)[0]


def shapes(folder: Path) -> Shapes:
    """The shapes of all tensors of a checkpoint. Empty where torch's old format hides them."""
    files, total = weight_files(folder)
    found: Shapes = {}
    for path in files:
        if path.suffix == ".safetensors":
            found |= safetensors_shapes(path)
        elif zipfile.is_zipfile(path):
            found |= _bin_shapes(path)
        elif path.stat().st_size < rest(path, files, total):
            raise cut_off(path, rest(path, files, total), path.stat().st_size)
        else:
            return {}
    return found


def safetensors_shapes(path: Path) -> Shapes:
    """Shapes from the header. Raises ModelError when the file is none or cut off."""
    size = path.stat().st_size
    try:
        with path.open("rb") as f:
            length = int.from_bytes(f.read(8), "little")
            header = json.loads(f.read(length)) if length <= size else None
        if header is None:
            raise cut_off(path, 8 + length, size)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        expected = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        found = {name: tuple(map(int, entry["shape"])) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
        raise ModelError("model_broken", path=path, cause="it is not a safetensors file") from e
    if size < expected:
        raise cut_off(path, expected, size)
    return found


def rest(path: Path, files: list[Path], total: int) -> int:
    """At least so many bytes must be in `path`: those of all tensors less the other files that are there."""
    others = sum(file.stat().st_size for file in files if file != path and file.is_file())
    absent = [file for file in files if not file.is_file()] or [path]
    return max(1, (total - others) // len(absent))


def cut_off(path: Path, expected: int, found: int) -> ModelError:
    """The error that names a file that is not whole."""
    return ModelError("file_cut_off", path=path, expected=expected, found=found)


def _listed(folder: Path) -> tuple[list[Path], int]:
    for name in INDEXES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            files = sorted({folder / file for file in index["weight_map"].values()})
            return files, int(index.get("metadata", {}).get("total_size", 0))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as e:
            raise ModelError("config_bad", path=path, cause=f"it is no index of weight files ({e!r})") from e
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        if found := sorted(folder.glob(pattern)):
            return found, 0
    raise ModelError("checkpoint_file_missing", path=folder / "pytorch_model.bin.index.json")


def _check_there(path: Path, files: list[Path], total: int) -> None:
    """The file exists and is no stand-in of git-lfs, which a clone without git-lfs leaves behind."""
    if not path.is_file():
        if total:
            raise ModelError("shard_missing", path=path, expected=rest(path, files, total))
        raise ModelError("checkpoint_file_missing", path=path)
    size = path.stat().st_size
    if size < 1024:
        words = path.read_bytes().split()
        if words[:1] == [b"version"] and b"size" in words:
            raise cut_off(path, int(words[words.index(b"size") + 1]), size)
    if size == 0:
        raise cut_off(path, rest(path, files, total), 0)


class _OnlyShapes(pickle.Unpickler):
    """Builds the table of a `.bin` with each tensor's size in the tensor's place."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, *_: tuple(size)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        return None


def _bin_shapes(path: Path) -> Shapes:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as f:
                table = _OnlyShapes(f).load()
    except pickle.UnpicklingError as e:
        raise ModelError("weights_with_code", path=path) from e
    except (zipfile.BadZipFile, StopIteration, OSError, ValueError, EOFError, TypeError) as e:
        raise ModelError("model_broken", path=path, cause="it is cut off or no torch file") from e
    if not isinstance(table, dict) or not all(isinstance(size, tuple) for size in table.values()):
        raise ModelError("model_broken", path=path, cause="it is no table of tensors")
    return {str(key): size for key, size in table.items()}
