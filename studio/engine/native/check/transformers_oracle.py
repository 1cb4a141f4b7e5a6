"""A second opinion: the text path of a checkpoint as transformers computes it.

InternLM2's mathematics is Llama's, only its tensors are cut otherwise. So a transformers Llama of equal weights must
give the same logits for text, whoever recorded nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from studio.checkpoints.architecture import Architecture
from studio.models.kv_cache import BatchLayout, Chunk, blocks_for
from studio.models.model import Model, from_folder
from studio.models.weights import Checkpoint

TOKENS = 24


def llama(a: Architecture, weights: Callable[[str], Tensor]) -> LlamaForCausalLM:
    """A Llama whose weights are those that `weights` gives by this family's names. PLoRA is left out: text never uses
    it."""
    config = LlamaConfig(
        vocab_size=a.vocab,
        hidden_size=a.hidden,
        intermediate_size=a.ffn,
        num_hidden_layers=a.layers,
        num_attention_heads=a.heads,
        num_key_value_heads=a.kv_heads,
        rms_norm_eps=a.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": a.rope_theta},
        tie_word_embeddings=False,
    )
    state = {
        "model.embed_tokens.weight": weights("model.tok_embeddings.weight"),
        "model.norm.weight": weights("model.norm.weight"),
        "lm_head.weight": weights("output.weight"),
    }
    group = a.heads // a.kv_heads
    for i in range(a.layers):
        to = f"model.layers.{i}."
        qkv = weights(f"{to}attention.wqkv.weight").view(a.kv_heads, group + 2, a.head_dim, a.hidden)
        state[f"{to}self_attn.q_proj.weight"] = qkv[:, :group].reshape(-1, a.hidden)
        state[f"{to}self_attn.k_proj.weight"] = qkv[:, group].reshape(-1, a.hidden)
        state[f"{to}self_attn.v_proj.weight"] = qkv[:, group + 1].reshape(-1, a.hidden)
        state[f"{to}self_attn.o_proj.weight"] = weights(f"{to}attention.wo.weight")
        for ours, theirs in (("w1", "gate"), ("w3", "up"), ("w2", "down")):
            state[f"{to}mlp.{theirs}_proj.weight"] = weights(f"{to}feed_forward.{ours}.weight")
        state[f"{to}input_layernorm.weight"] = weights(f"{to}attention_norm.weight")
        state[f"{to}post_attention_layernorm.weight"] = weights(f"{to}ffn_norm.weight")
    with torch.device("meta"):
        model = LlamaForCausalLM(config).eval()
    model.load_state_dict(state, strict=True, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # its table is no weight, so it must leave meta, too
    return model


@torch.inference_mode()
def difference(folder: Path) -> tuple[str, float]:
    """The model's name, and the largest difference between its text logits and the Llama's, in float32 on the CPU.

    Both are in memory one after the other. Raises ModelError when the folder holds no model that can be run.
    """
    ours = from_folder(folder, torch.device("cpu"), torch.float32)
    a = ours.architecture
    ids = torch.randint(3, a.vocab, (TOKENS,), generator=torch.Generator().manual_seed(0))
    found = _text_logits(ours, ids)
    del ours
    source = Checkpoint(folder).source(torch.device("cpu"), torch.float32)
    expected: Any = llama(a, source)(ids[None]).logits[0]
    return a.name, float((found - expected).abs().max())


def _text_logits(model: Model, ids: Tensor) -> Tensor:
    decoder = model.decoder
    blocks = blocks_for(len(ids))
    layout = BatchLayout((Chunk(0, len(ids), range(blocks)),), decoder.device)
    return decoder.logits(decoder.forward(decoder.embed(ids), decoder.new_kv_cache(blocks), layout))
