"""A fork server: imports a build backend once, and forks for every hook that it is asked to run.

It runs by its path in the interpreter of a build environment, so it imports the standard library
only. `fork_server.py` starts it, with /dev/null as standard input and an empty file as
standard output and error, as

    python fork_server_main.py CONTROL BACKEND

where CONTROL is the number of a SOCK_SEQPACKET socket and BACKEND is the module to import, or
nothing. When the import left nothing that a hook in a process of its own would not find as well, it
sends `ready`; else it ends. From then on every packet on CONTROL is a request: the JSON of
`{"command": [python, script, ...], "cwd": ..., "environ": {...}}`, with two descriptors, the output
and the reply socket. The hook runs in a forked child, the leader of a session, in that directory
and with these variables on top of the server's, as if `command` had been started there; without a
BACKEND the command is started, with these variables alone. Its exit code (negative: the signal that
ended it) is the only packet of the reply, and comes when all that it started has ended, too: what a
hook leaves becomes the server's child. A hook ends with its process group when the other side shuts
the reply down, the server when it closes CONTROL.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))
# The hook script does the same for its own folder: no hook must import our other modules.
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _HERE]

import atexit
import builtins
import functools
import gc
import importlib
import io
import json
import select
import signal
import socket
import threading
import time
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST_REQUEST = 1 << 17
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_ORPHANS_SECONDS = 5.0
# What differs from one hook to the next, so that an import must not depend on it.
_NAMES = ("SOURCE_DATE_EPOCH", "_PYPROJECT_HOOKS_BUILD_BACKEND")
_DIFFERENT = {*_NAMES, *map(os.fsencode, _NAMES)}
# Modules that a backend imports only when it is called, and that only define things. With these two
# tables the builds of twenty packages in kept environments take 3.08 s of processor time, without
# them 5.34 s, and do the same.
_PARTS = {
    "flit_core.buildapi": "flit_core.sdist flit_core.wheel",
    "hatchling.build": "email.headerregistry email.parser glob hatchling.bridge.app"
    " hatchling.builders.sdist hatchling.builders.wheel hatchling.metadata.core"
    " hatchling.metadata.spec hatchling.utils.context packaging.licenses packaging.requirements"
    " packaging.tags trove_classifiers",
    "poetry.core.masonry.api": "fastjsonschema glob importlib.readers lark.parsers.lalr_parser"
    " poetry.core.constraints.version.patterns poetry.core.json"
    " poetry.core.masonry.builders.sdist poetry.core.masonry.builders.wheel"
    " poetry.core.masonry.metadata poetry.core.masonry.utils.module"
    " poetry.core.packages.directory_dependency poetry.core.packages.project_package"
    " poetry.core.packages.url_dependency poetry.core.packages.vcs_dependency poetry.core.poetry"
    " poetry.core.spdx.helpers poetry.core.vcs.git poetry.core.version.helpers"
    " poetry.core.version.pep440.parser poetry.core.version.requirements",
    "setuptools.build_meta": "distutils.command.check setuptools.command.alias"
    " setuptools.command.bdist_rpm setuptools.command.bdist_wheel setuptools.command.build_clib"
    " setuptools.command.build_ext setuptools.command.build_py setuptools.command.develop"
    " setuptools.command.editable_wheel setuptools.command.install"
    " setuptools.command.install_egg_info setuptools.command.install_lib"
    " setuptools.command.install_scripts setuptools.command.rotate setuptools.command.saveopts"
    " setuptools.command.sdist tarfile tomllib",
}
# Functions that only fill a cache, which every hook would fill for itself in 100 ms: poetry-core
# compiles its schemas and its grammar, setuptools imports its validator.
_CACHES: dict[str, tuple[tuple[str, str, tuple[object, ...]], ...]] = {
    "poetry.core.masonry.api": (
        ("poetry.core.json", "validate_object", ({}, "poetry-schema")),
        ("poetry.core.json", "validate_object", ({}, "project-schema")),
        ("poetry.core.version.requirements", "Requirement", ("name",)),
    ),
    "setuptools.build_meta": (
        ("setuptools.config.pyprojecttoml", "validate", ({}, "pyproject.toml")),
    ),
}


def watched(variables: Any, seen: list[str]) -> type:
    """Return *variables*, the class of `os.environ`, noting in *seen* a look-up that differs."""

    def look_up(self: Any, key: Any) -> Any:
        if key in _DIFFERENT:
            seen.append(str(key))
        return variables.__getitem__(self, key)

    def iterate(self: Any) -> Any:
        seen.append("all")
        return variables.__iter__(self)

    return type(variables.__name__, (variables,), {"__getitem__": look_up, "__iter__": iterate})


def preload(backend: str) -> bool:
    """Import *backend*; return whether every hook may start from here, whichever it is."""
    environs: tuple[Any, ...] = (os.environ, os.environb)
    getcwd, variables, seen = os.getcwd, type(os.environ), []

    def watched_getcwd() -> str:
        seen.append("directory")
        return getcwd()

    os.getcwd = watched_getcwd
    for environ in environs:
        environ.__class__ = watched(variables, seen)
    importlib.import_module(backend)
    warm_up(backend)
    for environ in environs:
        environ.__class__ = variables
    os.getcwd = getcwd
    flush()
    printed = os.fstat(1).st_size
    threads = len(os.listdir("/proc/self/task")) - 1
    return not (seen or printed or threads)


def warm_up(backend: str) -> None:
    """Do, as far as this version of *backend* has it, what each of its hooks would do first."""
    for part in _PARTS.get(backend, "").split():
        with suppress(ImportError):
            importlib.import_module(part)
    for module, function, arguments in _CACHES.get(backend, ()):
        with suppress(Exception):
            getattr(importlib.import_module(module), function)(*arguments)


class Server:
    """Runs a child for every request that comes over *control*, one after the other."""

    def __init__(self, control: socket.socket, *, is_preloaded: bool) -> None:
        self.control = control
        self.is_preloaded = is_preloaded

    def serve(self) -> tuple[dict[str, Any], int]:
        """Return, in a child only, a request and its output."""
        while True:
            packet, received, *_ = socket.recv_fds(self.control, _LARGEST_REQUEST, 2)
            if not packet:
                os._exit(0)
            output, reply = received
            request = json.loads(packet)
            if self.is_preloaded:
                code_of(request["command"][1])  # here, for all that are forked
            try:
                pid = os.fork()
            except OSError:  # there is no memory for it: the other side sees the reply closed
                pid = -1
            if pid == 0:
                self.control.close()
                os.close(reply)
                return request, output
            os.close(output)
            if pid > 0:
                self.see_to_its_end(pid, reply)
            os.close(reply)

    def see_to_its_end(self, pid: int, reply: int) -> None:
        """Wait for a hook, end all that it left, and reply with its exit code.

        It is ended when the other side shuts *reply* or *control* down.
        """
        descriptor = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(reply, select.POLLRDHUP)
        poll.register(self.control, select.POLLRDHUP)
        poll.poll()
        os.close(descriptor)
        for kill in os.kill, os.killpg:  # it may not lead its group yet; its group may outlive it
            with suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        end_orphans()
        with suppress(OSError):  # the other side no longer waits
            os.write(reply, str(code).encode())


def adopt_orphans() -> None:
    """Become the parent of whatever a hook starts and leaves, in a session of its own too."""
    with suppress(Exception):
        import ctypes  # noqa: PLC0415 - not every interpreter has it

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans() -> None:
    """End every child of this process; their own children become ours, and end as well."""
    end = time.monotonic() + _ORPHANS_SECONDS
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)


def children() -> list[int]:
    """Return the numbers of the children of this process."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:
            if int(stream.read().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def become_hook(request: dict[str, Any], output: int) -> None:
    """Lead a session, in the directory of *request*, with its *output*."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(request["cwd"])


@functools.cache
def code_of(script: str) -> CodeType:
    """Return the code of *script*, which may have no bytecode, and must not be given one."""
    code = SourceFileLoader("__main__", script).get_code("__main__")
    assert code  # noqa: S101 - a script has code
    return code


def exec_in_place(request: dict[str, Any]) -> CodeType:
    """Make this process what starting the request's command would have made; return its code."""
    os.environ.update(request["environ"])
    sys.orig_argv[:] = request["command"]
    sys.argv[:] = request["command"][1:]
    script = sys.argv[0]
    main = ModuleType("__main__")
    main.__dict__.update(
        __annotations__={},
        __builtins__=builtins,
        __cached__=None,
        __file__=script,
        __loader__=SourceFileLoader("__main__", script),
    )
    sys.modules["__main__"] = main
    return code_of(script)


def run(code: CodeType) -> None:
    """Run *code* as the interpreter runs its main module: a traceback begins in that module."""
    try:
        exec(code, sys.modules["__main__"].__dict__)  # noqa: S102 - this is the purpose
    except Exception as error:  # noqa: BLE001 - shown, as the interpreter would
        flush()
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def flush() -> None:
    """Write out what was printed."""
    for stream in sys.stderr, sys.stdout:
        with suppress(Exception):
            stream.flush()


class FastExit:
    """Ends a process that is done without taking apart what the server's process still holds.

    That saves more time than most hooks take. It is registered before the backend can register
    anything, and so comes last. A process that failed, or has threads left, ends as others do.
    """

    def __init__(self) -> None:
        self.done = False
        atexit.register(self.end)

    def end(self) -> None:
        """Write out what is buffered, and end."""
        if not self.done or threading.active_count() > 1:
            return
        for thing in gc.get_objects():  # what the hook made, since the rest is frozen
            if issubclass(type(thing), (io.TextIOWrapper, io.BufferedWriter)) and not thing.closed:
                thing.flush()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # the interpreter has an exit code for this
        os._exit(0)


def main() -> None:
    """Preload and serve; in a child, be the hook."""
    control = socket.socket(fileno=int(sys.argv[1]))
    adopt_orphans()
    fast_exit = FastExit()
    backend = sys.argv[2]
    if backend and not preload(backend):
        os._exit(1)
    gc.freeze()
    control.send(b"ready")
    request, output = Server(control, is_preloaded=bool(backend)).serve()
    become_hook(request, output)
    if not backend:
        os.execve(request["command"][0], request["command"], request["environ"])  # noqa: S606 - as asked
    run(exec_in_place(request))
    fast_exit.done = True


if __name__ == "__main__":
    main()
