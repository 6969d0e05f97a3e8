"""The registry emulator: Artifact Registry's Python endpoint and API, as public logs show them.

It listens on loopback only. A repository is a folder PROJECT/REPO below the root, holding a
folder per project; a repository that was not named when the emulator started does not exist.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from builder.server.answers import Answers
from builder.server.front import Front
from builder.server.layout import Layout, upstream_of
from builder.server.repositories import RemoteRepository, StandardRepository, VirtualRepository
from builder.server.service import Service
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from builder.server.repositories import ServedRepository
    from builder.server.service import Role

LOOPBACK = "127.0.0.1"
DEFAULT_REPOSITORY = "demo/pypi"
_DEFAULT = Answers()


class Emulator:
    """Serve *repositories* below *root* while the `with` block runs, in threads of this process.

    *repositories* are PROJECT/REPO, and standard. *remotes* map such a name to the index that it
    caches, *virtuals* to the priorities of its upstreams, the higher number first. With a *token*
    every request must come with it, as the password of the user `oauth2accesstoken` or, to the
    API, as a bearer token; or with one of *more_tokens*, which map to what their accounts may do.
    *answers* decides what is not known of the service, or differs. *port* 0 takes a free one.
    Raises InputError for repositories that cannot be, a root that cannot be written, and a port
    that is taken.
    """

    def __init__(
        self,
        root: Path,
        *,
        repositories: Sequence[str] = (DEFAULT_REPOSITORY,),
        remotes: Mapping[str, str] = MappingProxyType({}),
        virtuals: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
        token: str | None = None,
        more_tokens: Mapping[str, Role] = MappingProxyType({}),
        answers: Answers = _DEFAULT,
        port: int = 0,
    ) -> None:
        self._root = root
        self._layout = Layout(
            standards=tuple(name.replace(":", "/") for name in repositories),
            remotes={name: upstream_of(name, url) for name, url in remotes.items()},
            virtuals=virtuals,
        )
        self._tokens: Mapping[str, Role] = {**({token: "writer"} if token else {}), **more_tokens}
        self._answers = answers
        self._port = port

    @property
    def host(self) -> str:
        """The value for ARTIFACT_REGISTRY_EMULATOR_HOST: 127.0.0.1:PORT."""
        return f"{LOOPBACK}:{self._front.server_port}"

    def contents(self) -> dict[str, str]:
        """Return what each repository serves, in words."""
        layout = self._layout
        sources = {name: f"from {self._root / name}" for name in layout.standards}
        sources |= {name: f"as a cache of {it.index_url}" for name, it in layout.remotes.items()}
        for name, upstreams in layout.virtuals.items():
            order = sorted(upstreams.items(), key=lambda it: -it[1])
            sources[name] = "from " + ", ".join(f"{it} (priority {number})" for it, number in order)
        return sources

    def __enter__(self) -> Self:
        """Create the repositories and listen."""
        service = Service(self._layout, self._open_repositories(), self._tokens, self._answers)
        try:
            self._front = Front((LOOPBACK, self._port), service, early=self._answers.early_refusal)
        except OSError as error:
            message = f"The emulator cannot listen on {LOOPBACK}:{self._port}: {error.strerror}"
            raise InputError(message, "leave --port out to take a free one") from error
        self._front.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let running requests end, then close every connection."""
        self._front.stop()

    def _open_repositories(self) -> dict[str, ServedRepository]:
        layout, root, answers = self._layout, self._root, self._answers
        try:
            for name in (*layout.standards, *layout.remotes):
                (root / name).mkdir(parents=True, exist_ok=True)
            found: dict[str, ServedRepository] = {
                name: StandardRepository(root / name, visible_after=answers.visible_after)
                for name in layout.standards
            }
            for name, upstream in layout.remotes.items():
                found[name] = RemoteRepository(
                    root / name, upstream, kept_for=answers.index_kept_for
                )
        except OSError as error:
            message = f"The emulator cannot keep files in {str(root)!r}: {error.strerror}"
            raise InputError(message, "name with --root a folder that can be written") from error
        for name, upstreams in layout.virtuals.items():
            found[name] = VirtualRepository({found[it]: upstreams[it] for it in upstreams})
        return found
