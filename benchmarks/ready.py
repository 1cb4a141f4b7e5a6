"""How soon a fresh process answers: start, checkpoint, self-test, graphs, first token. Weights lie in the page cache.

    python benchmarks/ready.py FOLDER [--size 7b] [--tokenizer tokenizer.model] [--device cuda]

FOLDER is a checkpoint; where it does not exist, one with random weights is written there (17 GB for 7b). The process is
started twice, as kernels are compiled once for a machine. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from common import SIZES, default_dtype, environment

from studio.checkpoints.architecture import Architecture
from studio.engine.native import engine as native
from studio.engine.native.loading import parse_device
from studio.models.weights import RandomSource
from studio.protocol import Generate, Sampling, Text
from studio.specs import NativeSpec


def write(folder: Path, a: Architecture, tokenizer: Path, device: torch.device) -> None:
    """A checkpoint with random weights, as published."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    shutil.copy(tokenizer, folder / "tokenizer.model")
    assert a.vision is not None
    config = {
        "model_type": "internlmxcomposer2",
        "architectures": ["InternLMXComposer2ForCausalLM"],
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "rms_norm_eps": a.norm_eps,
        "rope_theta": a.rope_theta,
        "bos_token_id": a.bos,
        "eos_token_id": a.eos,
        "max_position_embeddings": 32768,
        "max_length": a.context,
        "img_size": a.vision.image,
    }
    (folder / "config.json").write_text(json.dumps(config))
    source = RandomSource(a.tensors(), device, default_dtype(device))
    names = sorted(a.tensors())
    for i in range(2):
        save_file({name: source(name).cpu() for name in names[i::2]}, folder / f"model-{i + 1}-of-2.safetensors")


def answer(folder: Path, device: str) -> dict[str, Any]:
    """Load it and answer, in this process; seconds from here."""
    started = time.perf_counter()
    engine = native.load(NativeSpec({"viewer": str(folder)}, device=device, batch=8))
    loaded = time.perf_counter() - started
    engine.submit(1, Generate("viewer", (Text("Hello"),), Sampling(max_tokens=1)))
    while engine.busy:
        engine.step()
    return {"loaded_s": loaded, "first_token_s": time.perf_counter() - started}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="7b")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--here", action="store_true", help="load in this process, and say no more than how long it took"
    )
    given = parser.parse_args()
    if given.here:
        print(json.dumps(answer(given.folder, given.device)))
        return
    device = parse_device(given.device)
    if not given.folder.is_dir():
        write(given.folder, SIZES[given.size](490), given.tokenizer, device)
    result: dict[str, Any] = dict(environment(device))
    for run in ("first", "second"):
        started = time.perf_counter()
        command = [sys.executable, __file__, str(given.folder), "--here", "--device", given.device]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        result[run] = {**json.loads(out.splitlines()[-1]), "process_s": time.perf_counter() - started}
        print(run, result[run])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
