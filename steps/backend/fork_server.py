"""Runs the hooks of build backends, in forks of a process that imported the backend once.

`fork_server_main.py` is the other side, and has the contract. Where a fork could differ from a
process, the server starts a process for each hook: for a backend inside the project's own tree, for
one that fails, prints, starts threads or looks at what differs from hook to hook when it is
imported, for environments beyond the sixteenth, and when pyproject-hooks does not name the backend
in the variable where this module expects it. Either way what a hook leaves running ends with it. On
other systems than Linux a hook is a child of this process, and only its process group ends with it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.children import followed, last_written, open_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from steps.host.children import Children, OnLine

_MAIN = Path(__file__).with_name("fork_server_main.py")
_BACKEND = "_PYPROJECT_HOOKS_BUILD_BACKEND"
_IN_TREE = "_PYPROJECT_HOOKS_BACKEND_PATH_JSON"
_PER_HOOK = {_BACKEND, "SOURCE_DATE_EPOCH"}
_MOST = 16  # fork servers at a time, of some 20 to 40 MB each
_REPLY = 16  # bytes: "ready", or an exit code
_END_SECONDS = 10  # for a fork server to end its hooks


class ForkServers(AbstractContextManager["ForkServers"]):
    """A fork server for each environment and backend; leaving the context ends all of them.

    Usable from several threads at once, each with environments of its own.
    """

    def __init__(self, children: Children) -> None:
        self._children = children
        self._lock = threading.Lock()
        self._servers: dict[tuple[str, str], _ForkServer | None] = {}

    def __exit__(self, *_: object) -> None:
        """Let every server end its hooks and itself."""
        self._end(tuple(self._servers))

    def end(self, python: str) -> None:
        """End the servers of one interpreter, before its environment is removed."""
        self._end([key for key in tuple(self._servers) if key[0] == python])

    def _end(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            servers = [server for key in keys if (server := self._servers.pop(key, None))]
        for server in servers:
            server.control.shutdown(socket.SHUT_WR)
        for server in servers:
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(_END_SECONDS)
            self._children.end(server.process)
            server.control.close()

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        environ: Mapping[str, str],
        on_line: OnLine | None = None,
        fork: bool = True,
    ) -> str:
        """Run *command*, a call of pyproject-hooks' script, as `Children.run` would.

        Unless it may *fork* the process of the backend, it has one of its own.
        """
        backend = environ.get(_BACKEND, "").partition(":")[0]
        if not fork or _IN_TREE in environ:
            backend = ""
        for each in dict.fromkeys([backend, ""]):
            if server := self._server(command[0], each, environ):
                with suppress(_Gone):
                    return server.run(command, cwd, environ, on_line)
        return self._children.run(command, cwd=cwd, environ=environ, on_line=on_line)

    def _server(self, python: str, backend: str, environ: Mapping[str, str]) -> _ForkServer | None:
        key = python, backend
        if sys.platform != "linux":
            return None
        if key not in self._servers:
            preloaded = sum(1 for _, each in tuple(self._servers) if each)
            can = not backend or preloaded < _MOST
            server = _start(self._children, *key, environ) if can else None
            with self._lock:
                self._servers[key] = server
        return self._servers[key]


class _Gone(Exception):  # noqa: N818 - what happened to the fork server
    """The fork server ended, or could not fork."""


@dataclass(frozen=True)
class _ForkServer:
    """This side of a fork server that is ready."""

    children: Children
    process: subprocess.Popen[bytes]
    is_preloaded: bool
    control: socket.socket

    def run(
        self, command: Sequence[str], cwd: str, environ: Mapping[str, str], on_line: OnLine | None
    ) -> str:
        """Run *command* in a child; raise what `Children.run` raises, and _Gone."""
        own = {
            key: value
            for key, value in environ.items()
            if key in _PER_HOOK or not self.is_preloaded
        }
        request = json.dumps({"command": [*command], "cwd": cwd, "environ": own}).encode()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with open_output() as output, followed(output, on_line), near:
            with far:
                try:
                    socket.send_fds(self.control, [request], [output.fileno(), far.fileno()])
                except OSError:
                    raise _Gone from None
            code = self._wait(near)
            if code is None:
                timeout = self.children.timeout or 0
                raise subprocess.TimeoutExpired([*command], timeout, last_written(output))
            if code:
                raise subprocess.CalledProcessError(code, [*command], last_written(output))
            return last_written(output)

    def _wait(self, reply: socket.socket) -> int | None:
        """Return the exit code, or None when the time is over and the hook has been ended."""
        reply.settimeout(self.children.timeout)
        try:
            answer = reply.recv(_REPLY)
        except TimeoutError:
            reply.shutdown(socket.SHUT_WR)
            reply.settimeout(_END_SECONDS)
            with suppress(TimeoutError):
                reply.recv(_REPLY)
            return None
        if not answer:
            raise _Gone
        return int(answer)


def _start(
    children: Children, python: str, backend: str, environ: Mapping[str, str]
) -> _ForkServer | None:
    """Start a fork server, and return it when it is ready and as good as a process per hook."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far, open_output() as output:
        process = children.start(
            [python, str(_MAIN), str(far.fileno()), backend],
            cwd=Path(python).parent,
            environ={key: value for key, value in environ.items() if key not in _PER_HOOK},
            output=output,
            pass_fds=[far.fileno()],
        )
    near.settimeout(children.timeout)
    with suppress(TimeoutError, ConnectionError):
        if near.recv(_REPLY):
            near.settimeout(None)
            return _ForkServer(children, process, bool(backend), near)
    children.end(process)
    near.close()
    return None
