"""The shared build configs: files of this package, written into a repository and kept up to date.

What a repository has may be an earlier version, with edits of its own. `earlier/` holds
every version that was ever written, as NAME.N.yaml: what differs from all of them are edits.
"""

from __future__ import annotations

import difflib
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from steps.host.errors import Problem
from steps.host.files import NewFile, write_together
from steps.host.git import run_git

FOLDER = "cloudbuild"
_LIKE = 0.6  # of the lines
_NO_GIT = "install git, which merges the edits, or take the new version with --force"


def shared_build_configs() -> dict[str, str]:
    """Return the shared build configs by their paths in a repository."""
    folder = resources.files("triggers") / "build_configs"
    files = sorted((it for it in folder.iterdir() if it.is_file()), key=lambda file: file.name)
    return {f"{FOLDER}/{file.name}": file.read_text(encoding="utf-8") for file in files}


def is_behind(path: str, text: str) -> bool:
    """Return whether *text*, of the shared build config *path*, comes from an earlier version."""
    current = shared_build_configs().get(path)
    return current is not None and _base(path, text) != current


@dataclass(frozen=True)
class Update:
    """The shared build config *path* with our changes and the repository's own edits.

    *conflict* says that both changed the same lines; *text* then has git's conflict markers.
    """

    path: str
    text: str
    conflict: bool = False

    @property
    def problem(self) -> Problem:
        """What is said of a conflict."""
        return Problem(
            f"{self.path!r} was edited where this version of Shipwheel changes it",
            "merge it by hand as printed, or take the new version with --force; nothing was"
            " written",
        )


def update(path: str, text: str) -> Update:
    """Return *text*, which the repository has at *path*, brought up to date.

    Raises InputError where git cannot be run.
    """
    current, base = shared_build_configs()[path], _base(path, text)
    if base in {text, current}:  # no edits, or nothing to bring
        return Update(path, current if text == base else text)
    with tempfile.TemporaryDirectory() as folder:
        versions = {"yours": text, "base": base, "new": current}
        write_together(
            NewFile(path=Path(folder) / name, content=version) for name, version in versions.items()
        )
        labels = (argument for name in versions for argument in ("-L", name))
        merged = run_git(Path(folder), "merge-file", "-p", *labels, *versions, hint=_NO_GIT)
    return Update(path, merged.stdout, conflict=merged.returncode != 0)


def _base(path: str, text: str) -> str:
    """Return the version that *text* was edited from: the one that it is most like.

    A file that is like none was written by hand, and has no update.
    """
    current, lines = shared_build_configs()[path], text.splitlines()
    likeness = {
        it: difflib.SequenceMatcher(None, it.splitlines(), lines).ratio()
        for it in (current, *_earlier(path))
    }
    most = max(likeness, key=lambda it: likeness[it])
    return most if likeness[most] > _LIKE else current


def _earlier(path: str) -> list[str]:
    stem = Path(path).stem
    folder = resources.files("triggers.manifest") / "earlier"
    files = (it for it in folder.iterdir() if it.name.rsplit(".", 2)[0] == stem)
    numbered = sorted(files, key=lambda it: int(it.name.split(".")[-2]))
    return [it.read_text(encoding="utf-8") for it in numbered]
