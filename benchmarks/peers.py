"""The same shape on transformers: what `generate` reaches on this device, plain and at its best."""

from __future__ import annotations

import time

import torch
import transformers

from studio.checkpoints.architecture import Architecture


def generate(a: Architecture, device: torch.device, quick: bool) -> dict[str, float]:
    """Tokens a second of one stream of a Llama with this shape and random weights, eager and with a static cache and
    torch.compile, sampling as ours does."""
    config = transformers.LlamaConfig(
        vocab_size=a.vocab,
        hidden_size=a.hidden,
        intermediate_size=a.ffn,
        num_hidden_layers=a.layers,
        num_attention_heads=a.heads,
        num_key_value_heads=a.kv_heads,
        max_position_embeddings=a.context,
        tie_word_embeddings=False,
    )
    with torch.device(device):
        model = transformers.LlamaForCausalLM(config).to(torch.bfloat16).eval()
    found = {"peer_transformers_eager_tokens_per_s": _rate(model, device, 16 if quick else 128)}
    print(found, flush=True)  # compiling the other takes more than a minute
    if not quick:
        model.generation_config.cache_implementation = "static"
        found["peer_transformers_static_compiled_tokens_per_s"] = _rate(model, device, 256, warm=2)
    return found


def _rate(model: transformers.LlamaForCausalLM, device: torch.device, new: int, warm: int = 1) -> float:
    ids = torch.randint(3, 900, (1, 60), device=device)
    asked = dict(do_sample=True, top_k=40, top_p=0.8, repetition_penalty=1.005, min_new_tokens=new, max_new_tokens=new)
    seconds = {}
    for tokens in (1, new):
        asked |= {"min_new_tokens": tokens, "max_new_tokens": tokens}
        for _ in range(warm + 1):
            started = time.perf_counter()
            model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=2, **asked)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[tokens] = time.perf_counter() - started
    return (new - 1) / (seconds[new] - seconds[1])
