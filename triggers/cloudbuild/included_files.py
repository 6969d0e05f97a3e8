"""What to write into `includedFiles`: the globs of directories and files, in Go's syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.host.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No way to take these literally is documented for all of Cloud Build's readers.
_SPECIAL = frozenset("*?[]{}\\,$")


def below(directory: str) -> str:
    """Return the glob of everything in *directory*: `dir/*` would miss its subdirectories."""
    return "**" if directory == "." else f"{directory}/**"


def without_covered(directories: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return globs for *directories* and *files*, none of which another one includes."""
    folders = dict.fromkeys(directories)
    outer = [folder for folder in folders if not any(_holds(other, folder) for other in folders)]
    single = [path for path in dict.fromkeys(files) if not any(_holds(d, path) for d in outer)]
    return [*map(below, outer), *single]


def unwritable(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem per path that a glob cannot name."""
    for path in dict.fromkeys(paths):
        if special := sorted(_SPECIAL & set(path)):
            yield Problem(
                f"The path {path!r} cannot be written as a glob: it has {' '.join(special)}",
                "rename the directory, or exclude it in the manifest",
            )


def _holds(directory: str, path: str) -> bool:
    return path != directory and (directory == "." or path.startswith(f"{directory}/"))
