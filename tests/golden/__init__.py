"""Tiny models for tests: made here, written to folders in every published form; and where the recorded results are."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
from PIL import Image as Picture
from safetensors.torch import save_file

from studio.checkpoints.architecture import LINEARS, Architecture, Vision
from studio.checkpoints.families import INTERNLM2_CHAT, XCOMPOSER2
from studio.engine.native.check import transformers_oracle as oracle
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BatchLayout, Chunk, blocks_for
from studio.models.linear import image_rows
from studio.protocol import Image

DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "golden_small"
SHARED = Path(__file__).parents[3] / "shared" / "data"  # beside the checkout: whole sets of recorded results
REAL_TOKENIZER = SHARED / "tokenizer.model"
needs_tokenizer = pytest.mark.skipif(not REAL_TOKENIZER.is_file(), reason=f"no real tokenizer here: {REAL_TOKENIZER}")

CORPUS = (
    "The quick brown fox jumps over the lazy dog. A picture of a lake, user, assistant, system. "
    "你好，世界。适合插入图像的行是 "
)
CONTROLS = [f"[UNUSED_TOKEN_{i}]" for i in range(140, 147)]


def train_tokenizer(folder: Path) -> Path:
    """A small sentencepiece model with the family's properties: byte fallback, no prefix, nothing stripped."""
    text = folder / "corpus.txt"
    text.write_text("\n".join(CORPUS[i:] + CORPUS[:i] for i in range(len(CORPUS))), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        user_defined_symbols=CONTROLS,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


def architecture(
    vocab: int = 400, eyes: bool = True, rank: int = 6, image: int = 28, context: int = 256, **changes: object
) -> Architecture:
    """A model of two layers; every size is different, so that a mixed-up dimension shows."""
    vision = Vision(image, 7, 48, 2, 4, 80, (image // 7) ** 2 + 1, 48, 72) if eyes else None
    values: dict[str, object] = {
        "family": XCOMPOSER2 if eyes else INTERNLM2_CHAT,
        "vocab": vocab,
        "hidden": 64,
        "layers": 2,
        "heads": 8,
        "kv_heads": 2,
        "ffn": 112,
        "norm_eps": 1e-5,
        "rope_theta": 1e6,
        "context": context,
        "bos": 1,
        "eos": 2,
        "ranks": dict.fromkeys(LINEARS, rank) if eyes else {},
        "vision": vision,
    }
    return Architecture(**(values | changes))  # type: ignore[arg-type]


def tensors(a: Architecture, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights, large enough that every part of the model matters in the result."""
    generator = torch.Generator().manual_seed(seed)
    made = {name: torch.randn(shape, generator=generator) * 0.1 for name, shape in a.tensors().items()}
    return {name: t + 1 if "norm" in name and name.endswith("weight") else t for name, t in made.items()}


class Given:
    """A weight source over tensors in memory."""

    def __init__(self, weights: dict[str, torch.Tensor], dtype: torch.dtype = torch.float32) -> None:
        self._weights, self._dtype = weights, dtype

    def __call__(self, name: str) -> torch.Tensor:
        return self._weights[name].to(self._dtype)

    def finish(self) -> None:
        pass


def config(a: Architecture) -> dict[str, object]:
    """config.json as published."""
    result: dict[str, object] = {
        "model_type": "internlmxcomposer2" if a.vision else "internlm2",
        "architectures": ["InternLMXComposer2ForCausalLM" if a.vision else "InternLM2ForCausalLM"],
        "vocab_size": a.vocab,
        "hidden_size": a.hidden,
        "intermediate_size": a.ffn,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "max_position_embeddings": a.context,
        "rms_norm_eps": a.norm_eps,
        "rope_theta": a.rope_theta,
        "bos_token_id": a.bos,
        "eos_token_id": a.eos,
        "rope_scaling": {"type": "dynamic", "factor": 1.0},
    }
    return result | ({"max_length": 64, "img_size": a.vision.image} if a.vision else {})


def write(folder: Path, a: Architecture, weights: dict[str, torch.Tensor], form: str = "safetensors") -> Path:
    """A checkpoint folder. Forms: safetensors, bin, and each with `-sharded` for two files and an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(a)))
    return write_weights(folder, weights, form)


def write_weights(folder: Path, weights: dict[str, torch.Tensor], form: str) -> Path:
    """The weight files alone; see `write`."""
    kind = form.removesuffix("-sharded")
    stem = "model" if kind == "safetensors" else "pytorch_model"
    if kind == form:
        _save(weights, folder / f"{stem}.{kind}")
        return folder
    names = sorted(weights)
    halves = [names[::2], names[1::2]]
    where: dict[str, Any] = {}
    for i, half in enumerate(halves, 1):
        file = f"{stem}-{i:05}-of-00002.{kind}"
        _save({name: weights[name] for name in half}, folder / file)
        where |= dict.fromkeys(half, file)
    total = sum(t.numel() * t.element_size() for t in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / f"{stem}.{kind}.index.json").write_text(json.dumps(index))
    return folder


def _save(weights: dict[str, torch.Tensor], path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file({name: t.contiguous() for name, t in weights.items()}, path)
    else:
        torch.save(dict(weights), path)


def llama(a: Architecture, weights: dict[str, torch.Tensor], merged: bool = False) -> transformers.LlamaForCausalLM:
    """A Llama of equal weights; `merged` adds each linear's PLoRA product, as if every position were an image's."""

    def weight(name: str) -> torch.Tensor:
        pair = [name.replace(".weight", f".Plora_{part}.weight") for part in "BA"]
        return weights[name] + weights[pair[0]] @ weights[pair[1]] if merged and pair[0] in weights else weights[name]

    return oracle.llama(a, weight)


@torch.inference_mode()
def whole(decoder: Decoder, x: torch.Tensor, spans: Sequence[tuple[int, int]] = ()) -> torch.Tensor:
    """Logits [tokens, vocab] of embeddings [tokens, hidden], all read in one go, pictures at `spans`."""
    blocks = blocks_for(x.shape[0])
    layout = BatchLayout((Chunk(0, x.shape[0], range(blocks)),), decoder.device)
    image = image_rows(list(spans), decoder.device, x.dtype)
    return decoder.logits(decoder.forward(x.clone(), decoder.new_kv_cache(blocks), layout, image))


def picture(colour: str | tuple[int, ...] = "red", size: tuple[int, int] = (40, 30)) -> Image:
    """A one-coloured picture as a protocol Image."""
    file = io.BytesIO()
    Picture.new("RGB", size, colour).save(file, "PNG")
    return Image(sha256(file.getvalue()).hexdigest(), file.getvalue())
