"""Copies between host and device for which neither waits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def to_device(numbers: Any, device: torch.device, dtype: torch.dtype = torch.int64) -> Tensor:
    """A list or tensor of the host on the device. The copy is queued like a kernel: an ordinary one would wait until
    all work launched so far is done."""
    there = torch.as_tensor(numbers, dtype=dtype)
    if device.type != "cuda":
        return there.to(device)
    return there.pin_memory().to(device, non_blocking=True)


class AsyncCopy:
    """A tensor on its way to the host."""

    def __init__(self, found: Tensor) -> None:
        self._event = None
        self._numbers = found
        if found.is_cuda:
            self._numbers = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
            self._numbers.copy_(found, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    @property
    def ready(self) -> bool:
        """Whether `read` need not wait."""
        return self._event is None or bool(self._event.query())  # type: ignore[no-untyped-call]

    def read(self) -> list[float]:
        """Waits for these numbers alone, not for work launched later."""
        if self._event is not None:
            self._event.synchronize()
        numbers: list[float] = self._numbers.tolist()
        return numbers
