"""InternLM-XComposer v1: read as published, its LoRA inside its matrices, asked in its own way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sentencepiece
import torch
from golden import CORPUS, Given, picture, whole, write_weights
from golden.xcomposer1 import VISION, architecture, tensors

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import XCOMPOSER1, read
from studio.checkpoints.memory_plan import model_sizes, of_folder
from studio.engine.native import engine as native
from studio.errors import ModelError
from studio.models.model import from_source
from studio.prompts import dialect_of
from studio.protocol import Done, Generate, Piece
from studio.specs import NativeSpec

CPU = torch.device("cpu")


def tokenizer(folder: Path) -> Path:
    """A small one with v1's ends of turns."""
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
        user_defined_symbols=[f"<TOKENS_UNUSED_{i}>" for i in range(3)],
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


def config(a: Architecture) -> dict[str, object]:
    """config.json as published, in the fields that matter and some that do not."""
    return {
        "model_type": "InternLMXComposer",
        "architectures": ["InternLMXComposerForCausalLM"],
        "vocab_size": a.vocab,
        "hidden_size": a.hidden,
        "intermediate_size": a.ffn,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "max_position_embeddings": a.context,
        "rms_norm_eps": a.norm_eps,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "kqvo_bias": True,
        "internlm_lora": {"learn_param": ["q", "v", "ffn"], "lora_alpha": 8, "lora_r": 8},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards of .bin with what the published ones hold beside the weights; two rows more than pieces, as in VL."""
    made = tmp_path / "v1"
    made.mkdir()
    file = tokenizer(tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file)).get_piece_size()
    a = architecture(pieces + 2)
    (made / "tokenizer.model").write_bytes(file.read_bytes())
    (made / "config.json").write_text(json.dumps(config(a)))
    extra = {f"internlm_model.model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.zeros(8) for i in range(a.layers)}
    return write_weights(made, tensors(a) | extra, "bin-sharded")


def test_it_is_recognised_planned_and_answers(folder: Path) -> None:
    a = of_folder(folder)
    assert a and a.family is XCOMPOSER1 and a.vision == VISION and (a.image_tokens, a.kv_heads) == (5, 4)
    sizes = model_sizes(a)
    assert sizes.plora == 0 and sizes.linears == a.layers * (4 * 64 * 64 + 3 * 96 * 64)
    assert sizes.linears + sizes.vision + sizes.tables == a.parameters()
    engine = native.load(NativeSpec({"composer": str(folder), "viewer": str(folder)}, device="cpu"))
    card = engine.cards["viewer"]
    assert card is engine.cards["composer"] and card.sees and card.dialect == "xcomposer1"
    dialect = dialect_of(card)
    prompt = dialect.chat((("what?", (picture("teal"),), ""),))
    engine.submit(1, Generate("viewer", prompt, replace(dialect.answering, max_tokens=6)))
    events = []
    while engine.busy:
        events += [event for _, event in engine.step()]
    assert isinstance(events[-1], Done) and all(isinstance(event, Piece) for event in events[:-1])
    engine.close()


@torch.inference_mode()
def test_lora_is_inside_the_matrices_of_query_value_up_and_down() -> None:
    a = architecture()
    weights = tensors(a)
    ids = torch.randint(3, a.vocab, (12,), generator=torch.Generator().manual_seed(1))

    def logits(changed: dict[str, torch.Tensor], architecture: Architecture) -> torch.Tensor:
        decoder = from_source(architecture, Given(weights | changed), CPU).decoder
        return whole(decoder, decoder.embed(ids))

    merged, layer = {}, "internlm_model.model.layers."
    for name in [name for name in weights if ".lora_A." in name]:
        module = name.removesuffix(".lora_A.weight")
        assert module.rpartition(".")[2] in ("q_proj", "v_proj", "up_proj", "down_proj") and module.startswith(layer)
        merged[f"{module}.weight"] = weights[f"{module}.weight"] + weights[f"{module}.lora_B.weight"] @ weights[name]
    found, expected = logits({}, a), logits(merged, replace(a, lora_ranks={}))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, logits({}, replace(a, lora_ranks={})), atol=1e-2)
    biased = logits({f"{layer}0.self_attn.k_proj.bias": torch.ones(64)}, a)
    assert not torch.allclose(found, biased, atol=1e-3)


def test_what_is_not_v1_is_refused_by_name(folder: Path) -> None:
    a = of_folder(folder)
    assert a
    (folder / "config.json").write_text(json.dumps(config(a) | {"model_type": "InternLMXComposer9"}))
    with pytest.raises(ModelError, match="InternLMXComposerForCausalLM"):
        of_folder(folder)
    odd = {"internlm_lora": {"lora_alpha": 16, "lora_r": 8}}
    (folder / "config.json").write_text(json.dumps(config(a) | odd))
    with pytest.raises(ModelError, match="internlm_lora"):
        read(folder, a.tensors())
