"""A download in a process of its own: followed from the page, stopped at any time, continued by starting it again.

The process is `studio models download --json`, which writes a JSON line twice a second: {"done", "total", "speed",
"left"}; and at its end {"folder"} or {"error": {"en", "zh"}}.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studio.checkpoints.transfer import Transfer
from studio.errors import Language
from studio.settings import Settings

State = Literal["running", "done", "stopped", "failed"]
COMMAND = (sys.executable, "-c", "from studio.cli.main import main; main()")
PATIENCE = 5.0  # seconds for a process to end by itself


@dataclass(frozen=True)
class DownloadState:
    """What a download has come to. `error` is a sentence in each language, where it failed."""

    model: str
    state: State
    transfer: Transfer
    error: tuple[str, str] = ("", "")

    def say(self, language: Language) -> str:
        """Why it failed."""
        return self.error[language == "zh"]


class DownloadProcess:
    """See the module. `changed` is called from a thread of its own whenever the state is another."""

    def __init__(
        self,
        settings: Settings,
        model: str,
        source: str,
        changed: Callable[[DownloadState], None] = lambda state: None,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.state = DownloadState(model, "running", Transfer(0, 0))
        self._changed, self._stopped = changed, False
        arguments = ("models", "download", model, "--source", source, "--data", str(settings.folder), "--json")
        self._process = subprocess.Popen(
            (*command, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what has come is kept. Harmless when it has ended."""
        self._stopped = True
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join(PATIENCE)

    def wait(self, timeout: float | None = None) -> DownloadState:
        """The state at its end, or after `timeout` seconds."""
        self._thread.join(timeout)
        return self.state

    def _follow(self) -> None:
        assert self._process.stdout and self._process.stderr
        drained: list[str] = []  # a full pipe would stop the process
        drain = threading.Thread(target=lambda: drained.extend(self._process.stderr or ()), daemon=True)
        drain.start()
        end: State = "failed"
        error = ("", "")
        for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "done" in said:
                self._set("running", Transfer(**said))
            elif "folder" in said:
                end = "done"
            elif "error" in said:
                error = said["error"]["en"], said["error"]["zh"]
        self._process.wait()
        drain.join()
        if end != "done" and self._stopped:
            end = "stopped"
        elif end != "done" and not error[0]:
            last = drained[-1].strip() if drained else f"exit code {self._process.returncode}"
            error = (last, last)
        self._set(end, self.state.transfer, error)

    def _set(self, state: State, transfer: Transfer, error: tuple[str, str] = ("", "")) -> None:
        self.state = DownloadState(self.state.model, state, transfer, error)
        self._changed(self.state)
