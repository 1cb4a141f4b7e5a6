"""The system calls that code in the sandbox may make, as a filter for the kernel (seccomp).

What is on no list does not exist there (ENOSYS), as on an older kernel, and libraries do without it. Each list has the
name of a call and its number on x86_64 and on aarch64, `-` where there is none; the numbers are those of Linux'
asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator

# Files, memory, threads, time, pipes. Which files is Landlock's and the mount namespace's matter.
_ALLOWED = """
read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; preadv 295 69; pwritev 296 70;
preadv2 327 286; pwritev2 328 287; lseek 8 62; open 2 -; openat 257 56; openat2 437 437; close 3 57; close_range 436
436; creat 85 -; dup 32 23; dup2 33 -; dup3 292 24; pipe 22 -; pipe2 293 59; stat 4 -; fstat 5 80; lstat 6 -;
newfstatat 262 79; statx 332 291; access 21 -; faccessat 269 48; faccessat2 439 439; readlink 89 -; readlinkat 267
78; getdents 78 -; getdents64 217 61; getcwd 79 17; chdir 80 49; fchdir 81 50; statfs 137 43; fstatfs 138 44; mkdir
83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -; unlinkat 263 35; rename 82 -; renameat 264 38; renameat2 316 276;
ftruncate 77 46; fallocate 285 47; fsync 74 82; fdatasync 75 83; flock 73 32; fadvise64 221 223; readahead 187 213;
umask 95 166; sendfile 40 71; copy_file_range 326 285; mmap 9 222; munmap 11 215; mprotect 10 226; mremap 25 216;
madvise 28 233; brk 12 214; msync 26 227; mincore 27 232; futex 202 98; futex_waitv 449 449; set_robust_list 273 99;
get_robust_list 274 100; set_tid_address 218 96; rseq 334 293; membarrier 324 283; sched_yield 24 124;
sched_getaffinity 204 123; sched_getparam 143 121; sched_getscheduler 145 120; sched_get_priority_max 146 125;
sched_get_priority_min 147 126; getcpu 309 168; gettid 186 178; rt_sigaction 13 134; rt_sigprocmask 14 135;
rt_sigreturn 15 139; rt_sigpending 127 136; rt_sigtimedwait 128 137; rt_sigsuspend 130 133; sigaltstack 131 132;
restart_syscall 219 128; pause 34 -; alarm 37 -; setitimer 38 103; getitimer 36 102; nanosleep 35 101;
clock_nanosleep 230 115; clock_gettime 228 113; clock_getres 229 114; gettimeofday 96 169; time 201 -; times 100
153; poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; epoll_create 213 -; epoll_create1 291 20; epoll_ctl 233
21; epoll_wait 232 -; epoll_pwait 281 22; epoll_pwait2 441 441; eventfd 284 -; eventfd2 290 19; sendto 44 206;
recvfrom 45 207; sendmsg 46 211; recvmsg 47 212; shutdown 48 210; getsockopt 55 209; setsockopt 54 208; getsockname
51 204; getpeername 52 205; getpid 39 172; getppid 110 173; getuid 102 174; geteuid 107 175; getgid 104 176; getegid
108 177; getresuid 118 148; getresgid 120 150; getgroups 115 158; getpgid 121 155; getpgrp 111 -; getsid 124 156;
getpriority 140 141; getrlimit 97 163; getrusage 98 165; uname 63 160; sysinfo 99 179; getrandom 318 278; exit 60
93; exit_group 231 94; wait4 61 260; waitid 247 95; arch_prctl 158 -
"""
# Network, processes, debugging, users, limits, special files: EPERM, which Python tells as PermissionError. Links could
# lead who reads the folder out of it; truncate takes a path that an older Landlock does not look at.
_REFUSED = """
socket 41 198; connect 42 203; bind 49 200; listen 50 201; accept 43 202; accept4 288 242; fork 57 -; vfork 58 -;
execve 59 221; execveat 322 281; ptrace 101 117; process_vm_readv 310 270; process_vm_writev 311 271; tkill 200 130;
rt_sigqueueinfo 129 138; rt_tgsigqueueinfo 297 240; pidfd_open 434 434; pidfd_send_signal 424 424; pidfd_getfd 438
438; setrlimit 160 164; setuid 105 146; setgid 106 144; setresuid 117 147; setresgid 119 149; setreuid 113 145;
setregid 114 143; setgroups 116 159; sched_setaffinity 203 122; sched_setscheduler 144 119; sched_setparam 142 118;
sched_setattr 314 274; setpriority 141 140; mount 165 40; umount2 166 39; pivot_root 155 41; chroot 161 51; unshare
272 97; setns 308 268; symlink 88 -; symlinkat 266 36; link 86 -; linkat 265 37; mknod 133 -; mknodat 259 33;
truncate 76 45; kexec_load 246 104; init_module 175 105; finit_module 313 273; reboot 169 142; bpf 321 280;
perf_event_open 298 241; keyctl 250 219; add_key 248 217; request_key 249 218
"""
# Owner, mode and times of a file, which Landlock does not look at: as if they had been done, so that copying works.
_IGNORED = """
chmod 90 -; fchmod 91 52; fchmodat 268 53; chown 92 -; fchown 93 55; lchown 94 -; fchownat 260 54; utime 132
-; utimes 235 -; futimesat 261 -; utimensat 280 88; fchmodat2 452 452
"""
# Extended attributes, which Landlock does not look at either: as on a file system that has none.
_UNSUPPORTED = """
setxattr 188 5; getxattr 191 8; listxattr 194 11; removexattr 197 14; lsetxattr 189 6; fsetxattr 190 7;
lgetxattr 192 9; fgetxattr 193 10; llistxattr 195 12; flistxattr 196 13; lremovexattr 198 15; fremovexattr 199
16
"""
# Allowed with some arguments only, see `_checked`.
_CHECKED = """
clone 56 220; kill 62 129; tgkill 234 131; prlimit64 302 261; ioctl 16 29; fcntl 72 25; prctl 157 167; socketpair 53
199
"""

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column in the lists; the kernel's AUDIT_ARCH

_LOAD, _EQUAL, _ANY_BIT, _MASK, _RETURN = 0x20, 0x15, 0x45, 0x54, 0x06  # operations of the kernel's BPF
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; an argument has 8 bytes, the low half first

_CLONE_THREAD = 0x10000
_SOCK_STREAM = 1
_FCNTL_OWNER = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: who gets a signal when a pipe is ready
_IOCTLS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS (isatty), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_PRCTLS = (15, 0x53564D41)  # PR_SET_NAME, PR_SET_VMA


def is_known_machine() -> bool:
    """Whether there are lists for this processor."""
    return platform.machine() in _MACHINES


def filter_program(pid: int) -> bytes:
    """The filter as an array of struct sock_filter, for the process `pid` on this machine. Raises KeyError on a machine
    without lists."""
    column, arch = _MACHINES[platform.machine()]
    program = [_op(_LOAD, _ARCH), _op(_EQUAL, arch, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, _NUMBER)]
    actions = {_ALLOWED: _ALLOW, _REFUSED: _ERRNO | errno.EPERM, _IGNORED: _ERRNO, _UNSUPPORTED: _ERRNO | errno.ENOTSUP}
    for names, action in actions.items():
        for _, number in _numbers(names, column):
            program += [_op(_EQUAL, number, 0, 1), _op(_RETURN, action)]
    for name, number in _numbers(_CHECKED, column):
        check = _checked(name, pid)
        program += [_op(_EQUAL, number, 0, len(check)), *check]
    return b"".join([*program, _op(_RETURN, _ERRNO | errno.ENOSYS)])


def _checked(name: str, pid: int) -> list[bytes]:
    """Look at an argument, then return: what holds for one call of _CHECKED."""
    refuse, allow = _op(_RETURN, _ERRNO | errno.EPERM), _op(_RETURN, _ALLOW)
    match name:
        case "clone":  # a thread, no process
            return [_argument(0), _op(_ANY_BIT, _CLONE_THREAD, 1, 0), refuse, allow]
        case "kill" | "tgkill":  # itself, as abort() does
            return [_argument(0), _op(_EQUAL, pid, 1, 0), refuse, allow]
        case "prlimit64":  # reading: there is no new limit
            return [
                _argument(2),
                _op(_EQUAL, 0, 1, 0),
                refuse,
                _argument(2, high=True),
                _op(_EQUAL, 0, 1, 0),
                refuse,
                allow,
            ]
        case "socketpair":  # a stream: a datagram socket could send to any name
            return [_argument(1), _op(_MASK, 0xF), _op(_EQUAL, _SOCK_STREAM, 1, 0), refuse, allow]
        case "fcntl":
            return [_argument(1), *(op for c in _FCNTL_OWNER for op in (_op(_EQUAL, c, 0, 1), refuse)), allow]
        case _:
            known = _IOCTLS if name == "ioctl" else _PRCTLS
            return [
                _argument(1 if name == "ioctl" else 0),
                *(op for k in known for op in (_op(_EQUAL, k, 0, 1), allow)),
                refuse,
            ]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(index: int, high: bool = False) -> bytes:
    return _op(_LOAD, _ARGUMENTS + 8 * index + 4 * high)


def _numbers(names: str, column: int) -> Iterator[tuple[str, int]]:
    for entry in names.split(";"):
        name, *numbers = entry.split()
        if numbers[column] != "-":
            yield name, int(numbers[column])
