"""A tiny InternLM-XComposer v1."""

from __future__ import annotations

from dataclasses import replace

import torch

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import XCOMPOSER1
from studio.checkpoints.xcomposer1 import SampledVision

VISION = SampledVision(28, 14, 88, 2, 1, 96, 5, 64, 64, queries=3, sampler_layers=3, sampler_ffn=80)


def architecture(vocab: int = 402) -> Architecture:
    a = Architecture(XCOMPOSER1, vocab, 64, 2, 4, 4, 96, 1e-5, 1e4, 1024, 1, 2, vision=VISION)
    return replace(a, lora_ranks={"merged": 8}, biases=("attention.wqkv", "attention.wo"))


def tensors(a: Architecture, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    made = {name: torch.randn(shape, generator=generator) * 0.1 for name, shape in a.tensors().items()}
    return {name: t + 1 if "norm" in name.lower() and name.endswith("weight") else t for name, t in made.items()}
