"""Lock files of uv and Poetry: brought up to date by their own tools, or found to be out of date.

A tool works on a copy of the repository, so that a lock file is written together with the files
that it locks, or not at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from steps.host.children import Children
from steps.host.errors import InputError, Problem, printable
from steps.host.files import write_whole
from steps.host.git import ask_git
from steps.project.repository import repository_root, walk
from steps.registry.credentials import without_login

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

LOCKS = ("uv.lock", "poetry.lock")
_SECONDS = 600.0
_LINES = 15
# Their settings that would make of `uv lock` a mere check.
_NOT_FOR_US = {"UV_FROZEN", "UV_LOCKED", "UV_PROJECT", "UV_WORKING_DIRECTORY", "VIRTUAL_ENV"}


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock file and the tool that wrote it; *program* is empty where that is not installed."""

    path: Path
    program: str

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return self.path.name.removesuffix(".lock")

    @property
    def missing(self) -> str:
        """What to do about a tool that is not installed."""
        folder = os.path.relpath(self.path.parent)
        return f"{self.tool} is not installed: install it, and run `{self.tool} lock` in {folder!r}"


def find_locks(paths: Iterable[Path], environ: Mapping[str, str]) -> tuple[Lock, ...]:
    """Return those of *paths* that are lock files, each with its tool."""
    return tuple(
        Lock(path=path, program=_program(path.name, environ))
        for path in dict.fromkeys(paths)
        if path.name in LOCKS and path.is_file()
    )


def _program(name: str, environ: Mapping[str, str]) -> str:
    search = environ.get("PATH", os.defpath)
    if name == "uv.lock":
        return shutil.which("uv", path=search) or uv.find_uv_bin()
    return shutil.which("poetry", path=search) or ""


def outdated_locks(directories: Iterable[Path], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem per lock file around *directories* that no longer fits its project."""
    roots = ((it, repository_root(it) or it) for it in directories)
    for lock in find_locks((it for each in roots for it in _locks_above(*each)), environ):
        if message := _outdated(lock, environ):
            folder = os.path.relpath(lock.path.parent)
            yield Problem(message, f"run `{lock.tool} lock` in {folder!r}, and commit the result")


def _locks_above(directory: Path, top: Path) -> Iterator[Path]:
    """Yield the nearest lock file of each tool at or above *directory*, up to *top*."""
    around = [it for it in (directory, *directory.parents) if it.is_relative_to(top)]
    for name in LOCKS:
        yield from [it / name for it in around if (it / name).is_file()][:1]


def concerns(lock: str, folder: Path, changed: Collection[Path], names: Iterable[str]) -> bool:
    """Return whether *lock*, the text of a lock file in *folder*, may change with a bump."""
    return folder / "pyproject.toml" in changed or any(f'name = "{it}"' in lock for it in names)


def lock_anew(
    locks: Iterable[Lock], root: Path, texts: Mapping[Path, str], environ: Mapping[str, str]
) -> dict[Path, str]:
    """Return the texts of those of *locks* that change, once the files of *root* have *texts*.

    Raises InputError with what a tool says that cannot do it.
    """
    locks = [it for it in locks if it.program]
    found: dict[Path, str] = {}
    if not locks:
        return found
    with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
        copy = Path(folder, root.name or "repository")
        _copy(root, copy)
        for path, text in texts.items():
            write_whole(copy / path.relative_to(root), text)
        for lock in locks:
            path = copy / lock.path.relative_to(root)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(lock.path, path)  # git may ignore it
            arguments = ["lock", "--no-update"] if _is_poetry_1(lock, environ) else ["lock"]
            answer = _run(lock, arguments, path.parent, environ)
            if answer.returncode:
                said = "\n".join(printable(answer.stdout + answer.stderr).splitlines()[-_LINES:])
                raise InputError(
                    f"`{lock.tool} lock` fails with the new versions, for"
                    f" {os.fspath(lock.path)!r}:\n{said}",
                    "fix what it says, or leave the lock files as they are with --no-lock;"
                    " nothing was written",
                )
            text = path.read_bytes().decode()
            if text != lock.path.read_bytes().decode():
                found[lock.path] = text
    return found


def _outdated(lock: Lock, environ: Mapping[str, str]) -> str:
    """Return what is wrong with a lock file that no longer fits its project, or nothing.

    Nothing, too, where its tool cannot tell.
    """
    if not lock.program:
        return ""
    arguments = ["lock", "--check"] if lock.tool == "uv" else ["check", "--lock"]
    signs = ("needs to be updated", "changed significantly", "is not up to date")
    with suppress(InputError):  # it does not start, or does not end in time
        answer = _run(lock, arguments, lock.path.parent, environ)
        said = " ".join((answer.stdout + answer.stderr).split())
        if answer.returncode and any(sign in said for sign in signs):
            return f"The lock file no longer fits its project: {os.fspath(lock.path)!r}"
    return ""


def _is_poetry_1(lock: Lock, environ: Mapping[str, str]) -> bool:
    if lock.tool != "poetry":
        return False
    answer = _run(lock, ["--version", "--no-ansi"], lock.path.parent, environ)
    return "version 1." in answer.stdout


def _run(
    lock: Lock, arguments: list[str], directory: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    own = {key: it for key, it in without_login(environ).items() if key not in _NOT_FOR_US}
    # git may be asked for a version, and would else write into the index of the repository.
    own |= {"GIT_OPTIONAL_LOCKS": "0", "NO_COLOR": "1"}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="shipwheel-") as environments,
            Children(timeout=_SECONDS) as children,
        ):
            own |= {"POETRY_VIRTUALENVS_PATH": environments, "POETRY_VIRTUALENVS_IN_PROJECT": "0"}
            return children.ask([lock.program, *arguments], cwd=directory, environ=own)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"`{lock.tool} {arguments[0]}` cannot be run for {os.fspath(lock.path)!r}: {error}",
            "run it yourself, or leave the lock files as they are with --no-lock",
        ) from None


def _copy(root: Path, copy: Path) -> None:
    """Copy the files of *root* that git tracks or would track; without git, what is not hidden."""
    listed = ask_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = [*filter(None, listed.split("\0"))] or [
        os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118 - as walk yields them
        for folder, files in walk(root)
        for name in files
    ]
    copy.mkdir()
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError, IsADirectoryError):  # removed since, or a submodule
            shutil.copy2(root / name, copy / name, follow_symlinks=False)
    if (root / ".git").exists():  # for versions that come from it
        (copy / ".git").symlink_to(root / ".git")
