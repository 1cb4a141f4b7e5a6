"""Running Python code that a model wrote, or a person, without trusting it.

Code runs in a process of its own (`child`), which gives up its rights before the first line of code (`lockdown`) and
proves to itself that they are gone. The page's process (`code_process`, `code_pool`) watches it, freezes it between two
runs, and kills it. What holds the code:

- No network, other processes, signals to others, debugging, or raised limits: a seccomp filter, a list of the system
  calls that are allowed (`system_calls`).
- Of files, Python and its packages for reading and the conversation's folder for writing: the mount namespace of
  bubblewrap where it is installed and works, and Landlock where the kernel has it; at least one of them, else no code
  runs. Started by root, the process becomes an unprivileged user where that user can reach Python.
- Memory, file size and open files by rlimits; time, threads and what is written to the folder by the page's process,
  which looks five times a second; output by what reads it. No secrets in its environment; /proc is not there.

What this does not cover:
- A fault of the kernel in the system calls that are left. For code of people who mean harm, a machine of its own.
- Side channels: timing, the caches of the CPU.
- Up to `limits.LIMITS` of a core, memory and disk are the code's to waste, for each conversation that runs code.
  Files that are open and removed count only when the disk runs low.
- Where only Landlock holds, code can find out whether a path exists and how large a file is, not what is in it.
- Nothing the code says is true: its output and pictures may be made to deceive the model, or the person.
"""
