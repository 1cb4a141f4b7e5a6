"""The process in which picture files from outside are opened: a file's bytes come in, a clean picture goes out.

`python -m studio.pictures.decoder` reads frames from its standard input until that closes, also because its parent
died. The decoders of ten formats run here, on bytes of strangers, so the process gives up what it does not need before
the first file: it can open no file and no connection, write none, and is killed when a file takes too long. On Linux its
memory is limited as well. macOS knows that limit and does not keep it, and Windows has none of these: there the estimate
from the header and the parent's time limit (`decoder_pool.py`) are what holds.

What is not covered: the process keeps its user's rights to send signals, and reads its own memory.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import asdict

from studio.errors import StudioError
from studio.pictures.cost import LARGEST_FILE, MEMORY, SECONDS, too_costly
from studio.pictures.frames import Header, read_frame, write_frame
from studio.pictures.normalise import known_formats, normalise

if sys.platform != "win32":
    import resource


def main() -> None:
    """Announce readiness, then answer one file after another."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    known_formats()
    _give_up_rights()
    write_frame(answers, {"ready": True})
    while True:
        try:
            _, data = read_frame(requests, LARGEST_FILE)
        except EOFError:
            return
        _limit(len(data))
        header, made = _answer(data)
        del data
        _set_alarm(0)
        try:
            write_frame(answers, header, made)
        except BrokenPipeError:
            return


def _answer(data: bytes) -> tuple[Header, bytes]:
    try:
        made = normalise(data)
    except StudioError as e:
        return {"error": e.key, "facts": e.facts, "peak": _peak_memory()}, b""
    except MemoryError:
        return {"error": too_costly().key, "facts": too_costly().facts, "peak": _peak_memory()}, b""
    about = {"mime": made.mime, "width": made.width, "height": made.height, "hints": asdict(made.hints)}
    return {**about, "peak": _peak_memory()}, made.data


def _give_up_rights() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C goes to the whole terminal group; the parent decides
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # what a library prints must not get between the frames
    os.dup2(nowhere, 2)
    os.close(nowhere)
    if sys.platform != "win32":
        for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            resource.setrlimit(limit, (0, 0))


def _limit(file_bytes: int) -> None:
    """Limits for one file: its memory, less the parent's copy of it, and its time, for when the parent is gone."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY - file_bytes, resource.RLIM_INFINITY))
    _set_alarm(SECONDS + 1)


def _set_alarm(seconds: float) -> None:
    """Let the system kill this process after so many seconds; 0 takes that back."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _peak_memory() -> int:
    """The most memory this process has had, in bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
