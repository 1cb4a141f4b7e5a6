"""Giving up rights for good: limits, user, capabilities, Landlock, seccomp. Linux only, through the C library.

The order matters: each step takes away what an earlier one needed. Nothing here can be taken back by the process.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from studio.tools.sandbox.system_calls import filter_program

if sys.platform != "win32":
    import resource

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_SET_SECCOMP = 1, 38, 24, 22
_SIGKILL, _SECCOMP_FILTER = 9, 2
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on every machine

# struct landlock_ruleset_attr: rights to files that each version of Landlock knows; TCP's bind and connect; what may
# reach out of the domain: abstract sockets, signals.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP, _SCOPES = 0b11, 0b11
_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _REFER = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 13
_REMOVE_AND_MAKE = 0b110000 | 1 << 7 | 1 << 8  # folders and ordinary files; no links, pipes, sockets, devices


@dataclass(frozen=True)
class Rights:
    """What is left: folders and files to read, one folder to write in, bytes of memory and of one file, open files, and
    seconds of a core. `user`: the id to become, None to stay who one is."""

    readable: tuple[str, ...]
    folder: str
    memory: int
    file_size: int
    open_files: int
    cpu_seconds: int
    user: int | None = None


class NotLocked(Exception):
    """A right could not be given up, or is there still."""


def landlock_version() -> int:
    """The version of Landlock that this kernel has, 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def lock(rights: Rights, files_by: str) -> None:
    """Give up everything else. `files_by` says what keeps files apart: "landlock" must work, with "bubblewrap" it is
    used if it is there. Raises NotLocked, or OSError."""
    _limit(rights)
    os.nice(5)  # the studio goes first
    libc = _libc()
    _call(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "to gain no rights")
    if version := landlock_version():
        _landlock(libc, version, rights)
    elif files_by == "landlock":
        raise NotLocked("this kernel has no Landlock")
    if rights.user is not None:
        os.setgroups([])
        os.setresgid(rights.user, rights.user, rights.user)
        os.setresuid(rights.user, rights.user, rights.user)
    os.chdir(rights.folder)
    _drop_capabilities(libc)
    _call(libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "to end with its parent")  # a change of user undoes it
    program = filter_program(os.getpid())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    _call(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, header, 0, 0), "to filter system calls")


def prove(forbidden: Iterable[str]) -> None:
    """Try what must not work. Raises NotLocked for what does. `forbidden` are paths that must not be readable."""
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("sockets", lambda: socket.socket()),
        ("processes", os.fork),
        ("signals", lambda: os.kill(os.getppid(), 0)),
        ("programs", lambda: os.execv("/bin/true", ["true"])),
    ]
    attempts += [(path, partial(os.listdir, path)) for path in forbidden]
    for name, attempt in attempts:
        try:
            if attempt() == 0:
                os._exit(1)  # the child of a fork that worked
        except OSError:
            continue
        raise NotLocked(f"{name} are not out of reach")


def _limit(rights: Rights) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, rights.memory),
        (resource.RLIMIT_FSIZE, rights.file_size),
        (resource.RLIMIT_NOFILE, rights.open_files),
        (resource.RLIMIT_CPU, rights.cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Nothing of root is left, also where the process is root's."""
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last, and where there is none to drop
    header = struct.pack("=Ii", 0x20080522, 0)  # version 3, this process
    _call(libc.syscall(_CAPSET[os.uname().machine], header, bytes(24)), "to drop capabilities")


def _landlock(libc: ctypes.CDLL, version: int, rights: Rights) -> None:
    known = _FILE_RIGHTS[max(v for v in _FILE_RIGHTS if v <= version)]
    attributes = struct.pack("=QQQ", known, _TCP, _SCOPES)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _call(
        libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)), "Landlock"
    )
    for path in rights.readable:
        _allow(libc, ruleset, path, _READ | _LIST)
    for path, access in (("/dev/null", _READ | _WRITE), ("/dev/urandom", _READ), ("/dev/zero", _READ)):
        _allow(libc, ruleset, path, access)
    _allow(libc, ruleset, rights.folder, known & (_READ | _WRITE | _LIST | _TRUNCATE | _REFER | _REMOVE_AND_MAKE))
    _call(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint(0)), "Landlock")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    """A path that is not there needs no rule."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        access &= ~(_LIST | _REFER | _REMOVE_AND_MAKE)
    rule = struct.pack("=Qi", access, handle)
    _call(libc.syscall(_ADD_RULE, ruleset, 1, rule, ctypes.c_uint(0)), f"Landlock for {path}")
    os.close(handle)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    return libc


def _call(result: int, purpose: str) -> int:
    if result < 0:
        raise NotLocked(f"{purpose}: {os.strerror(ctypes.get_errno())}")
    return result
