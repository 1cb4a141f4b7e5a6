"""Out of memory, from torch's words to a sentence with numbers."""

from __future__ import annotations

import re

import torch

from studio.checkpoints import machine
from studio.checkpoints.machine import gib
from studio.errors import OutOfMemory


def memory_error(error: Exception, device: torch.device) -> OutOfMemory | None:
    """OutOfMemory with the numbers, if that is what torch's error is about; torch's reserve is given back."""
    if isinstance(error, torch.OutOfMemoryError):
        asked = re.search(r"Tried to allocate ([\d.]+ \w+)", str(error))
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(device) if device.type == "cuda" else (0, 0)
        needed = asked[1] if asked else "?"
        return OutOfMemory("out_of_memory_call", device=str(device), needed=needed, free=gib(free))
    if asked := re.search(r"tried to allocate (\d+) bytes", str(error)):  # the CPU's way to say it
        host = gib(machine.host_free())
        return OutOfMemory("out_of_memory_call", device="CPU", needed=gib(int(asked[1])), free=host)
    return None
