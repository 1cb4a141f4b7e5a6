"""The process in which code runs: gives up its rights, says that it is ready, then runs what it is given.

Requests and answers are frames as those of the picture decoders. What comes out of this process is believed in nothing:
the code could write an answer itself.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from studio.pictures.frames import read_frame, write_frame
from studio.tools.sandbox.lockdown import NotLocked, Rights, lock, prove
from studio.tools.sandbox.notebook import Notebook, prepare, to_data

MAX_CODE = 1 << 20  # bytes of a request


def main() -> None:
    """`argv` ends with JSON, see `guards.command`."""
    orders: dict[str, Any] = json.loads(sys.argv[-1])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    sys.path[:] = [path for path in sys.path if path != orders["package"]]
    del sys.argv[1:]
    try:
        lock(Rights(**{**orders["rights"], "readable": tuple(orders["rights"]["readable"])}), orders["files_by"])
        prove(orders["forbidden"])
    except (NotLocked, OSError) as e:
        write_frame(answers, {"cause": str(e)})
        return
    notebook = Notebook()
    signal.signal(signal.SIGINT, notebook.interrupt)
    if orders["prepare"]:
        prepare()
    write_frame(answers, {"ready": True})
    while True:
        try:
            _, code = read_frame(requests, MAX_CODE)
        except EOFError:
            return
        said, pictures = to_data(notebook.run(code.decode()))
        text = json.dumps(said).encode()
        write_frame(answers, {"sizes": [len(text), *map(len, pictures)]}, b"".join([text, *pictures]))


if __name__ == "__main__":
    main()
