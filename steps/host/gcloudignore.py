"""What gcloud uploads of a directory of source, for a build as for a function.

By `.gcloudignore` where there is one, else, in a git checkout, by `.gitignore` without `.git`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

IGNORE_FILE = ".gcloudignore"
GIT_IGNORE_FILE = ".gitignore"
INCLUDE = "#!include:"
BY_DEFAULT = (IGNORE_FILE, ".git", GIT_IGNORE_FILE)


def uploaded(source: Path, *, leave_out: Path | None = None) -> Iterator[Path]:
    """Yield files and folders; what is below an ignored folder cannot be included again.

    The folder *leave_out*, a resolved path, counts as ignored. Raises InputError when an ignore
    file cannot be read.
    """
    rules = _ignore_rules(source)
    for folder, folders, files in os.walk(source):
        here = Path(folder).relative_to(source)
        if leave_out and leave_out.parent == Path(folder).resolve():
            folders[:] = [name for name in folders if name != leave_out.name]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        kept = [n for n in sorted(folders) if not rules.match_file(f"{(here / n).as_posix()}/")]
        folders[:] = [name for name in kept if name not in links]
        yield from (here / name for name in kept)
        for name in sorted(files):
            if not rules.match_file((here / name).as_posix()):
                yield here / name


def is_uploaded(source: Path, path: str) -> bool:
    """Return whether gcloud would upload the file at *path* from *source*, be it there or not."""
    rules = _ignore_rules(source)
    parts = path.split("/")
    folders = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
    return not (rules.match_file(path) or any(map(rules.match_file, folders)))


def _ignore_rules(source: Path) -> GitIgnoreSpec:
    ignore_file = source / IGNORE_FILE
    git_ignore_file = source / GIT_IGNORE_FILE
    if ignore_file.exists():
        return GitIgnoreSpec.from_lines(_lines(ignore_file, follow=True))
    if git_ignore_file.exists():
        return GitIgnoreSpec.from_lines([*BY_DEFAULT, *_lines(git_ignore_file, follow=False)])
    return GitIgnoreSpec.from_lines(BY_DEFAULT if (source / ".git").exists() else [])


def _lines(file: Path, *, follow: bool) -> Iterator[str]:
    """Yield the patterns of *file*; `#!include:` puts those of a neighbour in its place."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"Cannot read the ignore file {str(file)!r}: {error}"
        raise InputError(message, "it has to be a text file beside the source") from None
    for line in lines:
        if not line.startswith(INCLUDE):
            yield line
        elif "/" in (name := line.removeprefix(INCLUDE).strip()):
            message = f"{file}: {line!r} includes a file of another directory"
            raise InputError(message, "gcloud only includes files beside the ignore file")
        elif follow:
            yield from _lines(file.parent / name, follow=False)
