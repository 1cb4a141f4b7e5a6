"""Two models on a card that holds one: they take turns in one piece of its memory.

Weights do not change, so each model's image stays in main memory, locked there for a fast copy, and a turn is one
copy of it to the device: 17 GB in half a second over a fast bus, nothing to copy back. All models share one arena, so a
tensor's address is the same in every turn and CUDA graphs that were captured with it stay valid.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

ALIGN = 512  # bytes; what CUDA's own allocator gives


class Swap:
    """`park` each model after loading it, then `open`; `bring` a model before each piece of work with it.

    Only one model's numbers are right at a time: the others' tensors show whatever is in the arena. Whatever changes
    (caches, static inputs of graphs) must live outside the model that is parked.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._parked: list[tuple[object, Tensor, list[tuple[Tensor, int]]]] = []  # model, image, tensors with offsets
        self._arena: Tensor | None = None
        self._here: object = None
        self.turns = 0
        self.seconds = 0.0  # spent on copies

    @property
    def bytes_on_host(self) -> int:
        """Main memory it holds."""
        return sum(image.numel() for _, image, _ in self._parked)

    @torch.inference_mode()
    def park(self, model: object) -> None:
        """Move a model's tensors to main memory and free the device's. The model can compute again after `bring`."""
        assert self._arena is None, "all models are parked before the first turn"
        offsets: dict[int, int] = {}  # by address of the storage; views share one
        placed: list[tuple[Tensor, int]] = []
        size = 0
        for tensor in _tensors(model, self._device):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in offsets:
                offsets[storage.data_ptr()] = size
                size += -(-storage.nbytes() // ALIGN) * ALIGN
            placed.append((tensor, offsets[storage.data_ptr()]))
        image = _locked(size, self._device)
        storages = {offset: tensor.untyped_storage() for tensor, offset in placed}
        for offset, storage in storages.items():
            flat = torch.empty(0, dtype=torch.uint8, device=self._device).set_(storage, 0, (storage.nbytes(),), (1,))
            image[offset : offset + storage.nbytes()].copy_(flat)
        for storage in storages.values():
            storage.resize_(0)
        self._parked.append((model, image, placed))

    @torch.inference_mode()
    def open(self) -> None:
        """Make the arena, as large as the largest model, and put every tensor of every model into it."""
        size = max(image.numel() for _, image, _ in self._parked)
        self._arena = torch.empty(size, dtype=torch.uint8, device=self._device)
        for _, _, placed in self._parked:
            for tensor, offset in placed:
                at = offset // tensor.element_size() + tensor.storage_offset()
                tensor.set_(self._arena.untyped_storage(), at, tensor.size(), tensor.stride())

    def bring(self, model: object) -> None:
        """Make this model's numbers right. Waits for the copy; free when it is there already."""
        if model is self._here:
            return
        image = next(image for parked, image, _ in self._parked if parked is model)
        assert self._arena is not None
        started = time.perf_counter()
        self._here = None  # a copy that fails leaves no model whole
        with torch.inference_mode():
            self._arena[: image.numel()].copy_(image, non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._here = model
        self.turns += 1
        self.seconds += time.perf_counter() - started


def _locked(size: int, device: torch.device) -> Tensor:
    """Main memory that the device copies from at full speed. torch's own `pin_memory` would round up to a power of
    two, 32 GiB for a 7B model; where the system refuses to lock so much, the copy is slower and right."""
    block = torch.empty(size, dtype=torch.uint8)
    if device.type == "cuda":
        result = torch.cuda.cudart().cudaHostRegister(block.data_ptr(), size, 0)  # type: ignore[no-untyped-call]
        if int(result) != 0:
            try:
                torch.zeros(1, device=device)  # CUDA tells a refusal again at the next launch; here it harms nobody
            except RuntimeError as e:
                logging.getLogger(__name__).warning("main memory for swapping is not locked: %s", e)
    return block


def _tensors(model: object, device: torch.device) -> Iterator[Tensor]:
    """Every tensor on the device that a model holds, each once, however deep."""
    waiting: list[Any] = [model]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Tensor):
            if thing.device == device:
                yield thing
        elif isinstance(thing, list | tuple | set):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += thing.values()
        elif type(thing).__module__.startswith("studio."):
            waiting += vars(thing).values()
