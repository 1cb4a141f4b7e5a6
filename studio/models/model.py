"""A whole model: the decoder, the vision where it has them, and where both come from."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import read
from studio.models.clip import VisionTower
from studio.models.internlm2 import Decoder
from studio.models.weights import Checkpoint, RandomSource, Source


@dataclass(frozen=True)
class Model:
    """Loaded weights, ready to compute."""

    architecture: Architecture
    decoder: Decoder
    tower: VisionTower | None

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        element = self.decoder.embedding.element_size()
        saved = sum(linear.weight.numel() * element - linear.bytes for linear in self.decoder.linears)
        return self.architecture.parameters() * element - saved


def from_folder(folder: Path, device: torch.device, dtype: torch.dtype) -> Model:
    """The model in a checkpoint folder. Raises ModelError with the reason."""
    checkpoint = Checkpoint(folder)
    architecture = read(folder, checkpoint.shapes)
    checkpoint.require(architecture.tensors())
    return from_source(architecture, checkpoint.source(device, dtype), device)


def with_random_weights(architecture: Architecture, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Model:
    """The model with random weights, made on the device."""
    return from_source(architecture, RandomSource(architecture.tensors(), device, dtype, seed), device)


def from_source(architecture: Architecture, source: Source, device: torch.device, int8: bool = False) -> Model:
    """Build the parts from their tensors, one at a time; with `int8` the decoder's matrices are quantised."""
    with torch.inference_mode():
        family = architecture.family
        source = internlm2_source(architecture, source)
        decoder: Decoder = _class_of(family.decoder)(architecture, source, device, int8)
        tower: VisionTower | None = _class_of(family.tower)(architecture, source) if architecture.vision else None
        source.finish()
    return Model(architecture, decoder, tower)


def internlm2_source(architecture: Architecture, source: Source) -> Source:
    """The tensors of a model by InternLM2's names."""
    name = architecture.family.source
    renamed: Source = _class_of(name)(architecture, source) if name else source
    return renamed


def _class_of(name: str) -> Any:
    """The class that a family names as "module:class"."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
