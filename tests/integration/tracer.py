"""Runs a command, and notes the arguments of every process that it or a descendant starts.

Run as a program: tracer.py LOG COMMAND...  The kernel stops each of them as it begins to run a
program, however short-lived (see ptrace(2)), so that none is missed. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

_CONT, _SEIZE, _LISTEN = 7, 0x4206, 0x4208
_FORK, _VFORK, _CLONE, _EXEC, _STOP = 1, 2, 3, 4, 128  # events
_ALL_THREADS = 0x40000000
_OPTIONS = 1 << _FORK | 1 << _VFORK | 1 << _CLONE | 1 << _EXEC | 1 << 20  # the last: end with us
_STOPS = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p


def trace(log: int, command: list[str]) -> int:
    """Run *command* to its end and return its exit code, as a shell would."""
    begin, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(begin, 1)
        os.execv(command[0], command)  # noqa: S606 - a shell would be one more
    if _ptrace(_SEIZE, child, None, _OPTIONS):
        os.kill(child, signal.SIGKILL)
        raise OSError(ctypes.get_errno(), "the kernel does not let this process be traced")
    os.write(go, b".")
    code = 0
    with suppress(ChildProcessError):  # when the last of them has gone
        while True:
            process, status = os.waitpid(-1, _ALL_THREADS)
            if not os.WIFSTOPPED(status):
                code = os.waitstatus_to_exitcode(status) if process == child else code
                continue
            if status >> 16 == _EXEC:
                _note(log, process)
            _go_on(process, status)
    return code if code >= 0 else 128 - code


def _go_on(process: int, status: int) -> None:
    event, number = status >> 16, os.WSTOPSIG(status)
    if event == _STOP and number in _STOPS:
        _ptrace(_LISTEN, process, None, None)
    else:
        _ptrace(_CONT, process, None, None if event else number)


def _note(log: int, process: int) -> None:
    with suppress(OSError), open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123 - quick
        os.write(log, b"\nexec: " + file.read())


if __name__ == "__main__":
    descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.exit(trace(descriptor, sys.argv[2:]))
