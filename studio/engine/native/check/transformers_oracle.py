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

from studio.checkpoints.architecture import LINEARS, Architecture
from studio.models.kv_cache import BatchLayout, Chunk, blocks_for
from studio.models.linear import active_rows
from studio.models.model import Model, from_folder, internlm2_source
from studio.models.weights import Checkpoint

TOKENS = 24


def llama(a: Architecture, weights: Callable[[str], Tensor]) -> LlamaForCausalLM:
    """A Llama whose weights are those that `weights` gives by InternLM2's names. PLoRA is left out, as text never uses
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
        attention_bias=bool(a.biases),
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
        for kind in ("weight", "bias") if a.biases else ("weight",):
            qkv = weights(f"{to}attention.wqkv.{kind}")
            heads = qkv.view(a.kv_heads, group + 2, a.head_dim, *qkv.shape[1:])
            state[f"{to}self_attn.q_proj.{kind}"] = heads[:, :group].reshape(-1, *qkv.shape[1:])
            state[f"{to}self_attn.k_proj.{kind}"] = heads[:, group].reshape(-1, *qkv.shape[1:])
            state[f"{to}self_attn.v_proj.{kind}"] = heads[:, group + 1].reshape(-1, *qkv.shape[1:])
            state[f"{to}self_attn.o_proj.{kind}"] = weights(f"{to}attention.wo.{kind}")
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
def differences(folder: Path) -> tuple[str, dict[str, float]]:
    """The model's name, and for each of its adapters, and "" for none, the largest difference between its text logits
    and the Llama's, in float32 on the CPU.

    Both are in memory one after the other. Raises ModelError when the folder holds no model that can be run.
    """
    ours = from_folder(folder, torch.device("cpu"), torch.float32)
    a = ours.architecture
    ids = torch.randint(3, a.vocab, (TOKENS,), generator=torch.Generator().manual_seed(0))
    found = {adapter: _text_logits(ours, ids, adapter) for adapter in ("", *a.adapters)}
    del ours
    result = {}
    for adapter, logits in found.items():
        source = internlm2_source(a, Checkpoint(folder).source(torch.device("cpu"), torch.float32))
        expected: Any = llama(a, merged(a, source, adapter))(ids[None]).logits[0]
        result[adapter] = float((logits - expected).abs().max())
    return a.name, result


def merged(a: Architecture, weights: Callable[[str], Tensor], adapter: str) -> Callable[[str], Tensor]:
    """The weights with the LoRA sets of an adapter added."""
    parts = a.adapters.get(adapter, ())

    def weight(name: str) -> Tensor:
        tensor, module = weights(name), name.removesuffix(".weight")
        if module.endswith(LINEARS):
            for part in parts:
                tensor = tensor + weights(f"{module}.lora_{part}_B.weight") @ weights(f"{module}.lora_{part}_A.weight")
        return tensor

    return weight


def _text_logits(model: Model, ids: Tensor, adapter: str) -> Tensor:
    decoder, tokens = model.decoder, len(ids)
    blocks = blocks_for(tokens)
    layout = BatchLayout((Chunk(0, tokens, range(blocks), tokens),), decoder.device)
    active = active_rows({adapter: [(0, tokens)]}, decoder.device, decoder.dtype)
    return decoder.logits(decoder.forward(decoder.embed(ids), decoder.new_kv_cache(blocks), layout, active))
