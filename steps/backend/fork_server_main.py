"""A fork server: imports a build backend once, and forks for every hook that it is asked to run.

It runs by its path in the interpreter of a build environment, so it imports the standard library
only. `fork_server.py` starts it, with /dev/null as standard input and an empty file as
standard output and error, as

    python fork_server_main.py CONTROL BACKEND

where CONTROL is the number of a SOCK_SEQPACKET socket and BACKEND is the module to import. When
the import left nothing that a hook in a process of its own would not find as well, it sends
`ready`; else it ends. From then on every packet on CONTROL is a request: the JSON of
`{"command": [python, script, ...], "cwd": ..., "environ": {...}}`, with two descriptors, the output
and the reply socket. The hook runs in a forked child, the leader of a session, in that directory
and with these variables on top of the server's, as if `command` had been started there. Its exit
code (negative: the signal that ended it) is the only packet of the reply. A hook ends with its
process group when the other side shuts the reply down, the server when it closes CONTROL.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))
# The hook script does the same for its own folder: no hook must import our other modules.
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _HERE]

import atexit
import builtins
import gc
import importlib
import io
import json
import select
import signal
import socket
import threading
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST_REQUEST = 1 << 17
# What differs from one hook to the next, so that an import must not depend on it.
_DIFFERENT = {b"SOURCE_DATE_EPOCH", b"_PYPROJECT_HOOKS_BUILD_BACKEND"}
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
    " setuptools.command.sdist setuptools.config._validate_pyproject tarfile tomllib",
}
# Functions that only fill a cache, which every hook would fill for itself in 100 ms: poetry-core
# compiles its schema and its grammar.
_CACHES = {
    "poetry.core.masonry.api": (
        ("poetry.core.json", "_get_validator", "poetry-schema"),
        ("poetry.core.json", "_get_validator", "project-schema"),
        ("poetry.core.version.requirements", "Requirement", "name"),
    ),
}


class _Watched(dict[bytes, bytes]):
    """The variables of `os.environ`, which note a look-up of one that differs."""

    asked = False

    def __getitem__(self, key: bytes) -> bytes:
        self.asked = self.asked or key in _DIFFERENT
        return super().__getitem__(key)

    def __iter__(self) -> Any:
        self.asked = True
        return super().__iter__()


def preload(backend: str) -> bool:
    """Import *backend*; return whether every hook may start from here, whichever it is."""
    environ: Any = os.environ
    variables, getcwd, where = environ._data, os.getcwd, []

    def watched_getcwd() -> str:
        where.append(getcwd())
        return where[-1]

    watched = environ._data = _Watched(variables)
    os.getcwd = watched_getcwd
    importlib.import_module(backend)
    warm_up(backend)
    os.getcwd, environ._data = getcwd, variables
    variables.clear()
    variables.update(watched.items())
    flush()
    printed = os.fstat(1).st_size
    threads = len(os.listdir("/proc/self/task")) - 1
    return not (watched.asked or where or printed or threads)


def warm_up(backend: str) -> None:
    """Do, as far as this version of *backend* has it, what each of its hooks would do first."""
    for part in _PARTS.get(backend, "").split():
        with suppress(ImportError):
            importlib.import_module(part)
    for module, function, argument in _CACHES.get(backend, ()):
        with suppress(Exception):
            getattr(importlib.import_module(module), function)(argument)


class Hook:
    """A hook that runs in a child of this process; `reply` gets its exit code."""

    def __init__(self, pid: int, reply: int) -> None:
        self.pid = pid
        self.reply = reply
        self.descriptors = os.pidfd_open(pid), reply

    def end(self) -> None:
        """End it, and whatever it started; it may have ended by itself."""
        for kill in os.kill, os.killpg:  # it may not lead its group yet; its group may outlive it
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with suppress(OSError):  # the other side no longer waits
            os.write(self.reply, str(code).encode())
        for descriptor in self.descriptors:
            os.close(descriptor)


class Server:
    """Forks for every request that comes over *control*, and sees every hook to its end."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.hooks: dict[int, Hook] = {}  # by the descriptors that tell of their end
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def serve(self) -> tuple[dict[str, Any], int]:
        """Return, in a child only, a request and its output."""
        while True:
            ready = self.poll.poll()[0][0]
            if ready in self.hooks:
                self.forget(self.hooks[ready]).end()
                continue
            packet, received, *_ = socket.recv_fds(self.control, _LARGEST_REQUEST, 2)
            if not packet:
                self.end()
            output, reply = received
            if self.fork(reply) == 0:
                return json.loads(packet), output
            os.close(output)

    def fork(self, reply: int) -> int | None:
        """Fork for the hook that *reply* waits for; return None when there is no memory for it."""
        try:
            pid = os.fork()
        except OSError:
            os.close(reply)
            return None
        if pid == 0:
            self.control.close()
            for descriptor in {*self.hooks, reply}:
                os.close(descriptor)
            return 0
        hook = Hook(pid, reply)
        for descriptor in hook.descriptors:
            self.hooks[descriptor] = hook
            self.poll.register(descriptor, select.POLLIN)
        return pid

    def forget(self, hook: Hook) -> Hook:
        """Return *hook*, which nothing is to be expected from any more."""
        for descriptor in hook.descriptors:
            self.poll.unregister(descriptor)
            del self.hooks[descriptor]
        return hook

    def end(self) -> None:
        """End this process and every hook."""
        for hook in {*self.hooks.values()}:
            hook.end()
        os._exit(0)


def exec_in_place(request: dict[str, Any], output: int) -> CodeType:
    """Make this process what starting the request's command would have made; return its code."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(request["cwd"])
    os.environ.update(request["environ"])
    sys.orig_argv[:] = request["command"]
    sys.argv[:] = request["command"][1:]
    script = sys.argv[0]
    loader = SourceFileLoader("__main__", script)
    main = ModuleType("__main__")
    main.__dict__.update(
        __annotations__={},
        __builtins__=builtins,
        __cached__=None,
        __file__=script,
        __loader__=loader,
    )
    sys.modules["__main__"] = main
    code = loader.get_code("__main__")
    assert code  # noqa: S101 - a script has code
    return code


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


def fast_exit() -> None:
    """End as the interpreter would, but do not take apart what the server's process still holds.

    That saves more time than most hooks take. With threads about, the interpreter does it all.
    """
    if threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
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
    if not preload(sys.argv[2]):
        os._exit(1)
    gc.freeze()
    control.send(b"ready")
    run(exec_in_place(*Server(control).serve()))
    fast_exit()


if __name__ == "__main__":
    main()
