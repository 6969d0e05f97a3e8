"""What all repositories have in common: projects, the files of each, and where a file lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.version import Version


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """A file on an index page, and the repository that it comes from."""

    filename: str
    version: Version
    sha256: str | None
    source: Repository


class Repository(ABC):
    """A repository; *mode* is its mode in the words of the service's API."""

    mode: ClassVar[str]

    @abstractmethod
    def projects(self) -> set[str]:
        """Return the names of its projects, normalised."""

    @abstractmethod
    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the files of *project*; raise ShipwheelError when an upstream does not tell."""

    @abstractmethod
    def path_of(self, project: str, filename: str) -> Path:
        """Return where the file lies; raise OSError when there is none, or ShipwheelError."""

    def is_emptied(self, project: str) -> bool:  # noqa: ARG002 - where nothing is deleted
        """Return whether every version of *project* was deleted."""
        return False
