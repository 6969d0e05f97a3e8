"""The registry emulator: pypiserver behind the paths and answers of Artifact Registry.

It listens on loopback only. A repository is a folder PROJECT/REPO below the root, holding a
folder per project; a repository that was not named when the emulator started does not exist.
"""

from __future__ import annotations

import logging
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Self

import waitress
from waitress import wasyncore

from builder.emulator.frontend import Frontend
from builder.emulator.standard import StandardRepository
from steps.errors import InputError, Problem
from steps.registry import REPOSITORY_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
DEFAULT_REPOSITORY = "demo/pypi"


class Emulator:
    """Serve *repositories* below *root* while the `with` block runs, in threads of this process.

    *repositories* are PROJECT/REPO. With a *token* every request must come with it, as the
    password of the user `oauth2accesstoken`. *port* 0 takes a free one. Raises InputError for a
    name that no repository can have, a root that cannot be written, and a port that is taken.
    """

    def __init__(
        self,
        root: Path,
        *,
        repositories: Sequence[str] = (DEFAULT_REPOSITORY,),
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self._root = root
        self._repositories = [name.replace(":", "/") for name in repositories]
        self._token = token
        self._port = port
        self._sockets: dict[int, object] = {}
        InputError.raise_all(
            Problem(
                f"No repository can have this name: {name!r}", "use PROJECT/REPO, in lower case"
            )
            for name in self._repositories
            if not REPOSITORY_PATH.fullmatch(name)
        )

    @property
    def host(self) -> str:
        """The value for ARTIFACT_REGISTRY_EMULATOR_HOST: 127.0.0.1:PORT."""
        return f"{LOOPBACK}:{self._server.effective_port}"

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
        # The loop closes its own sockets, so that it never waits for one that has gone.
        self._server.trigger.pull_trigger(partial(wasyncore.close_all, self._sockets))
        self._thread.join()

    def _open_repositories(self) -> dict[str, StandardRepository]:
        try:
            for name in self._repositories:
                (self._root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"The emulator cannot keep files in {str(self._root)!r}: {error.strerror}"
            raise InputError(message, "name a folder that can be written as the root") from error
        return {name: StandardRepository(self._root / name) for name in self._repositories}

    def _listen(self) -> socket.socket:
        try:
            return socket.create_server((LOOPBACK, self._port))
        except OSError as error:
            message = f"The emulator cannot listen on {LOOPBACK}:{self._port}: {error.strerror}"
            raise InputError(message, "leave the port out to take a free one") from error
