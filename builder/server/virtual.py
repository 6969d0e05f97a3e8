"""A virtual repository: several repositories behind one address, in the order of their priorities.

The priority decides which upstream serves a version that several have, and nothing else: other
versions of the same name are listed whatever upstream they are in, so a client that takes the
highest may take it from the upstream with the lowest priority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from builder.server.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version

    from builder.server.repository import ListedFile


class VirtualRepository(Repository):
    """A repository of what its *upstreams* have; each comes with its priority, the higher first."""

    mode: ClassVar[str] = "VIRTUAL_REPOSITORY"

    def __init__(self, upstreams: Mapping[Repository, int]) -> None:
        self._upstreams = sorted(upstreams, key=lambda it: upstreams[it], reverse=True)

    def projects(self) -> set[str]:
        """Return the names that an upstream lists."""
        return set().union(*(it.projects() for it in self._upstreams))

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the files of every version, each version's from one upstream."""
        return merged(it.files_of(project) for it in self._upstreams)

    def path_of(self, project: str, filename: str) -> Path:
        """Return where the upstream that serves this version has the file."""
        for file in self.files_of(project):
            if file.filename == filename:
                return file.source.path_of(project, filename)
        raise FileNotFoundError(filename)


def merged(listings: Iterable[Sequence[ListedFile]]) -> list[ListedFile]:
    """Return the files of *listings*, of each version those of the first listing that has it."""
    files: list[ListedFile] = []
    taken: set[Version] = set()
    for listing in listings:
        files += [file for file in listing if file.version not in taken]
        taken |= {file.version for file in listing}
    return files
