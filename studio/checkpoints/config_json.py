"""Reading `config.json` and tables of shapes: what is missing or impossible is a ModelError that names it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
MAX_DIGITS = 1 << 20  # no context or count of this family is larger


class Fields:
    """Fields of config.json that must be there."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.path, self._config = folder / "config.json", config

    def __call__(self, name: str) -> float:
        """A number that is not negative."""
        value = self._config.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
            raise self.wrong(name, "is missing" if value is None else f"cannot be {value!r}")
        return float(value)

    def whole(self, name: str, most: int = MAX_DIGITS) -> int:
        """A whole number up to `most`."""
        value = self(name)
        if value != int(value) or value > most:
            raise self.wrong(name, f"cannot be {self._config[name]!r}")
        return int(value)

    def __contains__(self, name: str) -> bool:
        return bool(self._config.get(name))

    def wrong(self, name: str, said: str) -> ModelError:
        """The error that names a field."""
        return ModelError("config_bad", path=self.path, cause=f"{name!r} {said}")


def config_of(folder: Path) -> dict[str, Any]:
    """The object in `config.json`."""
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError("checkpoint_file_missing", path=path)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ModelError("config_bad", path=path, cause=f"it is not JSON: {e}") from e
    if not isinstance(config, dict):
        raise ModelError("config_bad", path=path, cause="it is not a JSON object")
    return config


def shape_of(folder: Path, shapes: Shapes, name: str, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor that must be there, of so many dimensions and not empty."""
    shape = shapes.get(name)
    if shape is None or len(shape) != dimensions or 0 in shape:
        cause = f"{name} is missing" if shape is None else f"{name} has the shape {list(shape)}"
        raise ModelError("model_broken", path=folder, cause=cause)
    return shape


def layers_of(shapes: Shapes, prefix: str) -> int:
    """One more than the highest number under this prefix; a number no model has is left to be missed elsewhere."""
    numbers = (name[len(prefix) :].partition(".")[0] for name in shapes if name.startswith(prefix))
    return 1 + max((int(n) for n in numbers if n.isdecimal() and len(n) < 4), default=-1)
