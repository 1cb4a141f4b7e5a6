"""Numbers between host and device, without either waiting for the other."""

from __future__ import annotations

from collections.abc import Callable
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


def to_host(found: Tensor) -> Callable[[], list[float]]:
    """Start copying numbers to the host; calling the result waits for them alone, not for work launched later."""
    if not found.is_cuda:
        return found.tolist
    pinned = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
    pinned.copy_(found, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()

    def read() -> list[float]:
        copied.synchronize()
        numbers: list[float] = pinned.tolist()
        return numbers

    return read
