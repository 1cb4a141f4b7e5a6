"""What this machine offers to keep code apart, and the command that starts a process with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any, Literal

from studio.errors import StudioError
from studio.tools.sandbox.lockdown import Rights, landlock_version
from studio.tools.sandbox.system_calls import is_known_machine

NOBODY = 65534
INSIDE = "/files"  # where bubblewrap shows the conversation's folder
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")
_PACKAGE = Path(__file__).parents[3]  # the folder that `studio` lies in
_MODULES = (
    "__init__.py",
    "tools/__init__.py",
    "tools/sandbox",
    "pictures/__init__.py",
    "pictures/frames.py",
)
_START = "import sys; sys.path.append(sys.argv[1]); from studio.tools.sandbox.child import main; main()"


@dataclass(frozen=True)
class Guard:
    """One way to keep files apart. `own_users`: bubblewrap makes a user namespace; without one it needs root. `user` is
    whom the process becomes, None where it stays who it is."""

    files_by: Literal["bubblewrap", "landlock"]
    own_users: bool = False
    user: int | None = None


@cache
def guards(root: Path) -> tuple[Guard, ...]:
    """Those that may work here, the strongest first; none: see `unavailable`. `root` has the conversations' folders."""
    if sys.platform != "linux" or not is_known_machine():
        return ()
    by_root = os.geteuid() == 0
    found: list[Guard] = []
    if shutil.which("bwrap"):
        found += [Guard("bubblewrap", False, NOBODY)] if by_root else []
        found.append(Guard("bubblewrap", True))
    if landlock_version():
        found.append(Guard("landlock", False, NOBODY if by_root and _reachable((*readable(), str(root))) else None))
    return tuple(found)


def unavailable(data: Path) -> StudioError | None:
    """Why code cannot be kept apart on this machine; None where it can, as far as it is known without trying."""
    if sys.platform != "linux" or not is_known_machine():
        return StudioError("sandbox_no_linux")
    if not guards(data):
        return StudioError("sandbox_nothing_offered")
    inside = next((path for path in readable() if data.resolve().is_relative_to(Path(path).resolve())), None)
    return StudioError("sandbox_data_readable", data=data, path=inside) if inside else None


@cache
def readable() -> tuple[str, ...]:
    """What code may read: the system's libraries, Python, and its packages."""
    pythons = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    pythons |= {os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}
    return (*_SYSTEM, *sorted(p for p in pythons if p not in ("/usr", "/")))


def command(guard: Guard, rights: Rights, forbidden: Sequence[str], prepare: bool, info: int) -> list[str]:
    """The command for a process with `rights`, see `code_process.start`. bubblewrap writes the id of the process whose
    child it is to the file descriptor `info`."""
    bubbled = guard.files_by == "bubblewrap"
    shown = replace(rights, folder=INSIDE if bubbled else rights.folder, user=guard.user)
    orders: dict[str, Any] = {"rights": asdict(shown), "files_by": guard.files_by, "prepare": prepare}
    orders |= {"forbidden": [*forbidden], "package": str(_PACKAGE)}
    python = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, str(_PACKAGE), json.dumps(orders)]
    return [*_bubblewrap(guard, rights, info), *python] if bubbled else python


def compile_packages() -> None:
    """Let Python keep the compiled form of the packages that code wants, which the sandbox cannot write: without it,
    each process takes 20 s longer to be ready. Does nothing where that was done."""
    spec = find_spec("sympy")
    if spec is None or not spec.origin or os.path.exists(cache_from_source(spec.origin)):
        return
    with tempfile.TemporaryDirectory() as folder, suppress(OSError, subprocess.TimeoutExpired):
        program = [sys.executable, "-I", "-c", "import pandas, sympy, matplotlib.pyplot"]
        environment = {**os.environ, "MPLBACKEND": "Agg", "MPLCONFIGDIR": folder}
        subprocess.run(program, env=environment, timeout=300, capture_output=True, check=False)


def _bubblewrap(guard: Guard, rights: Rights, info: int) -> list[str]:
    wrap = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--info-fd", str(info)]
    wrap += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    wrap += ["--unshare-user"] if guard.own_users else []
    wrap += ["--hostname", "code", "--cap-drop", "ALL"]
    if guard.user is not None:
        wrap += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # given up by becoming that user
    shown = [*rights.readable, *(str(_PACKAGE / "studio" / module) for module in _MODULES)]
    for parent in sorted({str(parent) for path in shown for parent in Path(path).parents} - {"/"}):
        wrap += ["--dir", parent]  # bubblewrap's own would be closed to other users
    for path in rights.readable:
        linked = os.path.islink(path) and os.path.dirname(path) == "/"
        wrap += ["--symlink", os.readlink(path), path] if linked else ["--ro-bind-try", path, path]
    for path in shown[len(rights.readable) :]:
        wrap += ["--ro-bind", path, path]
    for device in ("/dev/null", "/dev/zero", "/dev/urandom"):
        wrap += ["--dev-bind", device, device]
    return [*wrap, "--bind", rights.folder, INSIDE, "--remount-ro", "/", "--"]


def _reachable(paths: Sequence[str]) -> bool:
    """Whether every user can go to these paths."""
    folders = {parent for path in paths if os.path.exists(path) for parent in (Path(path), *Path(path).parents)}
    return all(folder.stat().st_mode & 0o001 for folder in folders if folder.is_dir())
