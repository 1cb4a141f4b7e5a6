"""Reading a checkpoint folder: tensors by name, one at a time, straight to the device in the wanted type.

Both published forms are read, `.safetensors` and torch's `.bin` (with `weights_only`: code in it is refused), with or
without an index. Files are mapped into memory and never copied whole. What is missing or cut off is named with its
expected and found size.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from studio.checkpoints.families import require_tensors
from studio.checkpoints.shapes import Shapes, cut_off, rest, safetensors_shapes, weight_files
from studio.errors import ModelError

RANDOM_STD = 0.02


class Source(Protocol):
    """Where a model's tensors come from."""

    def __call__(self, name: str) -> Tensor:
        """The tensor on the device, in the model's type."""
        ...

    def finish(self) -> None:
        """Called after the last tensor; raises ModelError when a tensor cannot be trusted."""
        ...


class Checkpoint:
    """The files of a folder, opened; `shapes` says what is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: dict[str, Callable[[str], Tensor]] = {}
        self.shapes: Shapes = {}
        files, total = weight_files(folder)
        for path in files:
            read, shapes = _open_safetensors(path) if path.suffix == ".safetensors" else _open_bin(path, files, total)
            self._readers |= dict.fromkeys(shapes, read)
            self.shapes |= shapes

    def require(self, needed: Mapping[str, tuple[int, ...]]) -> None:
        """Raise ModelError unless every needed tensor is there in its shape."""
        require_tensors(self.folder, self.shapes, needed)

    def source(self, device: torch.device, dtype: torch.dtype) -> CheckpointSource:
        """Tensors of these files on `device` as `dtype`."""
        return CheckpointSource(self, device, dtype)

    def read(self, name: str) -> Tensor:
        """The tensor as it is in the file, on the CPU."""
        return self._readers[name](name)

    def close(self) -> None:
        """Unmap the files."""
        self._readers.clear()


class CheckpointSource:
    """A `Source` that reads files. Whether all numbers are finite is found on the device and asked once, at the end."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self._checkpoint, self._device, self._dtype = checkpoint, device, dtype
        self._finite: dict[str, Tensor] = {}

    def __call__(self, name: str) -> Tensor:
        """See `Source`."""
        tensor = self._checkpoint.read(name).to(self._device, self._dtype, copy=True)
        self._finite[name] = tensor.isfinite().all()
        return tensor

    def finish(self) -> None:
        """See `Source`."""
        flags = torch.stack(list(self._finite.values())).tolist()
        bad = [name for name, finite in zip(self._finite, flags, strict=True) if not finite]
        self._checkpoint.close()
        if bad:
            raise ModelError("weights_not_finite", path=self._checkpoint.folder, count=len(bad), first=bad[0])


class RandomSource:
    """A `Source` of random weights made on the device. Small, so that activations stay finite through all layers."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], device: torch.device, dtype: torch.dtype, seed: int = 0
    ) -> None:
        self._shapes, self._device, self._dtype = shapes, device, dtype
        self._generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, name: str) -> Tensor:
        """See `Source`. Norms are ones and biases zeros, as in a model before training."""
        shape = self._shapes[name]
        tensor = torch.empty(shape, device=self._device, dtype=self._dtype)
        if name.endswith(".bias"):
            return tensor.zero_()
        if "norm" in name:
            return tensor.fill_(1.0)
        return tensor.normal_(0.0, RANDOM_STD, generator=self._generator)

    def finish(self) -> None:
        """Nothing can be wrong."""


def _open_safetensors(path: Path) -> tuple[Callable[[str], Tensor], Shapes]:
    found = safetensors_shapes(path)
    try:
        opened: Any = safe_open(str(path), framework="pt", device="cpu")
    except SafetensorError as e:
        raise ModelError("model_broken", path=path, cause=str(e)) from e
    return opened.get_tensor, found


def _open_bin(path: Path, files: list[Path], total: int) -> tuple[Callable[[str], Tensor], Shapes]:
    try:
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as e:
            if "mmap can only be used" not in str(e):
                raise
            tensors = torch.load(path, map_location="cpu", weights_only=True)  # torch's old format has no mapping
    except pickle.UnpicklingError as e:
        raise ModelError("weights_with_code", path=path) from e
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as e:
        size, least = path.stat().st_size, rest(path, files, total)
        if size < least:
            raise cut_off(path, least, size) from e
        cause = f"it is cut off or no torch file ({size:,} bytes)"
        raise ModelError("model_broken", path=path, cause=cause) from e
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise ModelError("model_broken", path=path, cause="it is no table of tensors")
    return tensors.__getitem__, {name: tuple(tensor.shape) for name, tensor in tensors.items()}
