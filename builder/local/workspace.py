"""The workspace: a copy of the source, so that no step can change the checkout.

Which files are copied is decided as `gcloud builds submit` decides what it uploads: by
`.gcloudignore` where there is one, else, in a git checkout, by `.gitignore` without `.git`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from steps.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

IGNORE_FILE = ".gcloudignore"
_GIT_IGNORE_FILE = ".gitignore"
_INCLUDE = "#!include:"
_BY_DEFAULT = (IGNORE_FILE, ".git", _GIT_IGNORE_FILE)


def copy_source(source: Path, workspace: Path) -> int:
    """Copy the files of *source* that submit would upload into *workspace*; return how many.

    Raises InputError when the source, or a file that it includes, cannot be read.
    """
    count = 0
    for path in _included(source, _ignore_rules(source)):
        target = workspace / path
        original = source / path
        try:
            if original.is_dir() and not original.is_symlink():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(original, target, source)
        except OSError as error:
            message = f"Cannot copy {str(original)!r} into the workspace: {error.strerror}"
            raise InputError(message, f"leave it out in {IGNORE_FILE}") from None
        count += 1
    return count


def _copy(original: Path, target: Path, source: Path) -> None:
    if original.is_symlink():
        link = original.readlink()
        if link.is_absolute() and link.is_relative_to(source.absolute()):
            # An absolute link into the checkout would let a step write there.
            inside = target.parents[len(original.relative_to(source).parts) - 1]
            link = inside / link.relative_to(source.absolute())
        target.symlink_to(link)
    elif original.is_file():  # a socket or a pipe is no source
        shutil.copy2(original, target)


def _included(source: Path, rules: GitIgnoreSpec) -> Iterator[Path]:
    """Yield files and folders; what is below an ignored folder cannot be included again."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder, folders, files in os.walk(source):
        here = Path(folder).relative_to(source)
        if temporary.parent == Path(folder).resolve():  # what the workspace is in is no source
            folders[:] = [name for name in folders if name != temporary.name]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        kept = [n for n in sorted(folders) if not rules.match_file(f"{(here / n).as_posix()}/")]
        folders[:] = [name for name in kept if name not in links]
        yield from (here / name for name in kept)
        for name in sorted(files):
            if not rules.match_file((here / name).as_posix()):
                yield here / name


def _ignore_rules(source: Path) -> GitIgnoreSpec:
    ignore_file = source / IGNORE_FILE
    git_ignore_file = source / _GIT_IGNORE_FILE
    if ignore_file.exists():
        return GitIgnoreSpec.from_lines(_lines(ignore_file, follow=True))
    if git_ignore_file.exists():
        return GitIgnoreSpec.from_lines([*_BY_DEFAULT, *_lines(git_ignore_file, follow=False)])
    return GitIgnoreSpec.from_lines(_BY_DEFAULT if (source / ".git").exists() else [])


def _lines(file: Path, *, follow: bool) -> Iterator[str]:
    """Yield the patterns of *file*; `#!include:` puts those of a neighbour in its place."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"Cannot read the ignore file {str(file)!r}: {error}"
        raise InputError(message, "it has to be a text file beside the source") from None
    for line in lines:
        if not line.startswith(_INCLUDE):
            yield line
        elif "/" in (name := line.removeprefix(_INCLUDE).strip()):
            message = f"{file}: {line!r} includes a file of another directory"
            raise InputError(message, "gcloud only includes files beside the ignore file")
        elif follow:
            yield from _lines(file.parent / name, follow=False)
