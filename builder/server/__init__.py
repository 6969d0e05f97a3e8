"""The registry emulator: pypiserver behind the paths and answers of Artifact Registry.

It listens on loopback only. A repository is a folder PROJECT/REPO below the root, holding a
folder per project; a repository that was not named when the emulator started does not exist.
"""

from __future__ import annotations

import logging
import socket
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import waitress
from waitress import wasyncore

from builder.server.frontend import Frontend
from builder.server.layout import Layout, upstream_of
from builder.server.remote import RemoteRepository
from builder.server.standard import StandardRepository
from builder.server.virtual import VirtualRepository
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from builder.server.repository import Repository

LOOPBACK = "127.0.0.1"
DEFAULT_REPOSITORY = "demo/pypi"


class Emulator:
    """Serve *repositories* below *root* while the `with` block runs, in threads of this process.

    *repositories* are PROJECT/REPO, and standard. *remotes* map such a name to the index that it
    caches, *virtuals* to the priorities of its upstreams, the higher number first. With a *token*
    every request must come with it, as the password of the user `oauth2accesstoken`. *port* 0
    takes a free one. Raises InputError for repositories that cannot be, a root that cannot be
    written, and a port that is taken.
    """

    def __init__(
        self,
        root: Path,
        *,
        repositories: Sequence[str] = (DEFAULT_REPOSITORY,),
        remotes: Mapping[str, str] = MappingProxyType({}),
        virtuals: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self._root = root
        self._layout = Layout(
            standards=tuple(name.replace(":", "/") for name in repositories),
            remotes={name: upstream_of(name, url) for name, url in remotes.items()},
            virtuals=virtuals,
        )
        self._token = token
        self._port = port
        self._sockets: dict[int, object] = {}

    @property
    def host(self) -> str:
        """The value for ARTIFACT_REGISTRY_EMULATOR_HOST: 127.0.0.1:PORT."""
        return f"{LOOPBACK}:{self._server.effective_port}"

    def contents(self) -> dict[str, str]:
        """Return what each repository serves, in words."""
        layout = self._layout
        told = {name: f"from {self._root / name}" for name in layout.standards}
        told |= {name: f"as a cache of {it.index_url}" for name, it in layout.remotes.items()}
        for name, upstreams in layout.virtuals.items():
            order = sorted(upstreams.items(), key=lambda it: -it[1])
            told[name] = "from " + ", ".join(f"{it} (priority {number})" for it, number in order)
        return told

    def __enter__(self) -> Self:
        """Create the repositories and listen."""
        frontend = Frontend(self._open_repositories(), self._token)
        # Eight uploads at once may wait for one another without anybody having to read of it.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._server = waitress.create_server(
            frontend, map=self._sockets, sockets=[self._listen()], threads=8
        )
        self._thread = threading.Thread(target=self._server.run, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let running requests end, then close every socket."""
        self._server.task_dispatcher.shutdown()
        pulled = threading.Event()

        # The loop closes its own sockets, so that it never waits for one that has gone; but not
        # before the trigger was pulled, for that is one of them, and the loop may be awake already.
        def close() -> None:
            pulled.wait()
            wasyncore.close_all(self._sockets)

        self._server.trigger.pull_trigger(close)
        pulled.set()
        self._thread.join()

    def _open_repositories(self) -> dict[str, Repository]:
        layout, root = self._layout, self._root
        try:
            for name in (*layout.standards, *layout.remotes):
                (root / name).mkdir(parents=True, exist_ok=True)
            found: dict[str, Repository] = {
                name: StandardRepository(root / name) for name in layout.standards
            }
            for name, upstream in layout.remotes.items():
                found[name] = RemoteRepository(root / name, upstream)
        except OSError as error:
            message = f"The emulator cannot keep files in {str(root)!r}: {error.strerror}"
            raise InputError(message, "name with --root a folder that can be written") from error
        for name, upstreams in layout.virtuals.items():
            found[name] = VirtualRepository({found[it]: upstreams[it] for it in upstreams})
        return found

    def _listen(self) -> socket.socket:
        try:
            return socket.create_server((LOOPBACK, self._port))
        except OSError as error:
            message = f"The emulator cannot listen on {LOOPBACK}:{self._port}: {error.strerror}"
            raise InputError(message, "leave --port out to take a free one") from error
