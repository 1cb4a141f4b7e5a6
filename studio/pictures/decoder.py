"""The process in which picture files from outside are opened: a file's bytes come in, a clean picture goes out.

It reads frames from its standard input until that closes, also because its parent died. The decoders of eight formats
run here, on bytes of strangers, so the process gives up what it does not need before the first file: it can open no
file and no connection, write none, and is killed when a file takes too long. On Linux its memory is limited as well.
macOS knows that limit and does not keep it, and Windows has none of these: there the estimate from the header
(`cost.py`) and the parent's time limit (`decoder_client.py`) are what holds.

What is not covered: the process keeps its user's right to send signals, and could hand back wrong pixels.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from dataclasses import asdict
from typing import IO

from studio.errors import StudioError
from studio.pictures.cost import MAX_FILE_BYTES, MEMORY, PATIENCE
from studio.pictures.frames import Header, read_frame, write_frame
from studio.pictures.normalise import known_formats, normalise

if sys.platform != "win32":
    import resource


def main() -> None:
    """Announce readiness, then answer one file after another."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    status = open("/proc/self/status", "rb") if sys.platform == "linux" else None
    known_formats()
    _give_up_rights()
    write_frame(answers, {"ready": True})
    while True:
        try:
            request, data = read_frame(requests, MAX_FILE_BYTES)
        except EOFError:
            return
        _limit_memory(len(data))
        _set_alarms(request["seconds"])
        started = time.process_time()
        header, image = _answer(data)
        del data
        _set_alarms(0)
        header |= {"peak": _peak_memory(status), "cpu": time.process_time() - started}
        try:
            write_frame(answers, header, image)
        except BrokenPipeError:
            return


def _answer(data: bytes) -> tuple[Header, bytes]:
    try:
        image = normalise(data)
    except StudioError as e:
        return {"error": e.key, "facts": e.facts}, b""
    return {
        "mime": image.mime,
        "width": image.width,
        "height": image.height,
        "hints": asdict(image.hints),
    }, image.data


def _give_up_rights() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C goes to the whole terminal group; the parent decides
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # what a library prints must not get between the frames
    os.dup2(nowhere, 2)
    os.close(nowhere)
    if sys.platform != "win32":
        for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            resource.setrlimit(limit, (0, 0))


def _limit_memory(file_bytes: int) -> None:
    """For one file: less the parent's copy of it."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY - file_bytes, resource.RLIM_INFINITY))


def _set_alarms(seconds: float) -> None:
    """Let the system kill this process after so many seconds of a core, and by the clock after the parent would have
    done so, for when it is gone; 0 takes that back."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds and PATIENCE * seconds + 1)


def _peak_memory(status: IO[bytes] | None) -> int:
    """The most memory this process has had, in bytes; 0 where the system does not tell. `status` is Linux's
    /proc/self/status: there, getrusage would tell the parent's peak until this process has had more."""
    if status:
        found = re.search(rb"VmHWM:\s*(\d+) kB", os.pread(status.fileno(), 4096, 0))
        return int(found[1]) * 1024 if found else 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if sys.platform == "darwin" else 0


if __name__ == "__main__":
    main()
