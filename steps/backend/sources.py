"""A project's sources, copied to where they are built: a folder that depends on its name alone.

Compilers write the folder that they work in into what they make. The publisher's own tree is never
built in, so nothing is changed there, and what an earlier build left there is not copied:
`build/lib`, `*.egg-info`, `_skbuild`, what lies in `dist/`, caches; but for what git tracks, and
for an unpacked sdist, whose `*.egg-info` is the list of its files. What is beside the project up to
the root of its checkout (without git: two folders up) is there as well, folders as symbolic links;
and a `.git` of its own that shares the history, for backends that ask git.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import stat
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING

from steps.backend.environment_cache import unsafe_folder
from steps.distribution.files import parse_filename
from steps.host.errors import OF_THE_MACHINE, InputError, warn
from steps.host.files import builds_folder, is_open_at, lock_file
from steps.host.git import ask_git
from steps.project.history import checkout_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")

# Whatever the clone has: what is packed does not depend on the umask of who cloned.
_MODES = {True: 0o755, False: 0o644}
_CONFIGURATION = ("pyproject.toml", "setup.cfg", "setup.py")
_LEFT = re.compile(
    r"(__pycache__|\.eggs|\.tox|\.nox|_skbuild|\.pdm-build|\.mesonpy-.*|\.(mypy|pytest|ruff)_cache)"
)
# What a folder that a tool made holds: a virtual environment, a cache, CMake's, Meson's.
_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG", "CMakeCache.txt", "meson-private")
_LEFT_IN_BUILD = re.compile(r"lib(\..+)?|bdist\..+|temp\..+|scripts-.+|editable\..+")
# Above a project without git: so many folders, with so many entries at most.
_LEVELS = 2
# What a folder around a project is called where its name depends on the machine.
_ALIAS = "_project"
_LARGEST_LEVEL = 1000
_LARGEST_FILE = 1 << 20

# The build folders of this process.
_in_use: set[Path] = set()
_cleaning_up = threading.RLock()


@contextmanager
def open_build_folder(project: Project) -> Iterator[Path]:
    """Yield the empty folder that *project* is built in, by one process at a time.

    What it holds is removed at the end; a process that was killed leaves it to the next one.
    """
    root = _root()
    if root is None:
        with tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as own:
            yield Path(own)
        return
    folder = root / _folder_name(project)
    with _open_locked(folder.with_name(f"{folder.name}.lock"), project):
        _remove(folder)
        _require_removed(folder)
        folder.mkdir(mode=0o700)
        _in_use.add(folder)
        try:
            yield folder
        finally:
            _clean_up(folder)


def remove_build_folders() -> None:
    """Remove those in use: their process was killed before it could."""
    for folder in tuple(_in_use):
        _clean_up(folder)


def _clean_up(folder: Path) -> None:
    """Remove *folder* and its lock, and what they are in where nothing else is, once.

    Returns when that is done, by this thread or another; what is there then is another build's.
    """
    with _cleaning_up:
        if folder not in _in_use:
            return
        _remove(folder)
        _in_use.remove(folder)
        with suppress(OSError):
            folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
            folder.parent.rmdir()


def _open_locked(path: Path, project: Project) -> IO[str]:
    """Return the lock at *path*, open and held; its previous holder may have removed it."""
    while True:
        with suppress(FileNotFoundError):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            lock = path.open("a")
            try:
                lock_file(lock.fileno(), wait=False)
            except BlockingIOError:
                _logger.info("Waiting for another build of %s", project)
                lock_file(lock.fileno())
            if is_open_at(lock.fileno(), path):
                return lock
            lock.close()


def _root() -> Path | None:
    """Return this user's folder for builds, or None where another user could write into it."""
    beside = Path(tempfile.gettempdir())
    while beside.name.startswith("shipwheel-"):  # the folder of this process, or of one around it
        beside = beside.parent
    root = builds_folder(beside)
    with suppress(FileExistsError):
        root.mkdir(mode=0o700)
    if reason := unsafe_folder(root):
        warn(
            f"{os.fspath(root)!r} is not used to build in: {reason}; what compilers make may differ"
            " from build to build"
        )
        return None
    return root


def _folder_name(project: Project) -> str:
    if project.name:
        return project.name
    digest = hashlib.sha256()
    for name in _CONFIGURATION:
        with suppress(OSError):
            digest.update((project.directory / name).read_bytes())
    return f"unnamed-{digest.hexdigest()[:16]}"


def _remove(folder: Path) -> None:
    """Remove *folder*, also where a backend left folders that cannot be written."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for path, _, _ in os.walk(folder):
            Path(path).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _require_removed(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in OF_THE_MACHINE:
            raise
        raise InputError(
            f"What an earlier build left cannot be removed: {error.filename!r} ({error.strerror})",
            f"remove {os.fspath(folder)!r}",
        ) from None


def copy_sources(project: Project, folder: Path, links: Path) -> Path:
    """Copy the sources of *project* into *folder*, and return where in it they can be built.

    *links* keeps one of each symbolic link to a neighbour, for the next project that has it.
    """
    checkout = checkout_around(project.directory)
    chain = _chain(project.directory, checkout)
    place = folder
    for level, below in pairwise(chain):
        place.mkdir()
        name = below.name if checkout else _ALIAS
        if checkout or _is_small(level):
            _link_neighbours(level, below.name, name, place, links)
        place /= name
    copy = _Copy(project.directory, checkout)
    copy.folder(os.fspath(project.directory), os.fspath(place), ())
    if checkout:
        _share_history(checkout, folder, project)
    return place


def _chain(directory: Path, checkout: Path | None) -> list[Path]:
    """Return the folders from the top of what is copied down to *directory*."""
    if checkout:
        parts = directory.relative_to(checkout).parts
        return [checkout.joinpath(*parts[:number]) for number in range(len(parts) + 1)]
    return [*reversed(directory.parents[:_LEVELS]), directory]


def _is_small(folder: Path) -> bool:
    """Return whether *folder* may be around a project: a home folder or a whole disk is not."""
    try:
        is_other = folder in {Path(folder.anchor), Path.home()}
        return not is_other and len(os.listdir(folder)) <= _LARGEST_LEVEL  # noqa: PTH208 - names will do
    except OSError:
        return False


def _link_neighbours(level: Path, left_out: str, alias: str, place: Path, links: Path) -> None:
    """Put what is in *level* into *place*: files as copies, folders as links to them."""
    for entry in os.scandir(level):
        if entry.name in {left_out, alias, ".git"} or _is_made(entry):
            continue
        target = f"{place}/{entry.name}"
        with suppress(OSError):  # another user's file; a build that needs it fails by itself
            if entry.is_symlink():
                os.symlink(_link(Path(entry.path), level, level), target)  # noqa: PTH211 - a hot loop
            elif entry.is_file() and entry.stat().st_size <= _LARGEST_FILE:
                shutil.copy2(entry.path, target)
            elif entry.is_file() or entry.is_dir():
                _symlink(entry.path, target, links)
    if alias != left_out:
        (place / left_out).symlink_to(alias)


def _symlink(to: str, path: str, links: Path) -> None:
    """Make a symbolic link: one more name of the one in *links*, since new files take longest."""
    kept = f"{links}/{hashlib.sha256(os.fsencode(to)).hexdigest()}"
    try:
        if not os.path.lexists(kept):
            os.symlink(to, kept)  # noqa: PTH211 - a hot loop
        os.link(kept, path, follow_symlinks=False)
    except OSError:  # another thread made it first; or there are no more names, or not here
        os.symlink(to, path)  # noqa: PTH211 - a hot loop


def _is_made(entry: os.DirEntry[str]) -> bool:
    """Return whether a tool made this folder, and would make it again."""
    if not entry.is_dir(follow_symlinks=False):
        return False
    if _LEFT.fullmatch(entry.name):
        return True
    return any(os.access(f"{entry.path}/{it}", os.F_OK) for it in _MARKERS)


def _link(path: Path, directory: Path, top: Path) -> str:
    """Return where a copy of the symbolic link *path* leads: to the copy, or out of it."""
    target = os.path.normpath(path.parent / path.readlink())
    if Path(target).is_relative_to(directory):
        return os.path.relpath(target, path.parent)
    return os.fspath(path.readlink()) if Path(target).is_relative_to(top) else target


def _share_history(checkout: Path, place: Path, project: Project) -> None:
    """Make *place* a worktree of the repository of *checkout*, with an index of its own.

    The files that are not there, outside of *project*, do not count as deleted; to say so takes
    time, which projects do without that have a version and no code that could ask.
    """
    own, shared = place / ".git", _git_directory(checkout)
    own.mkdir()
    common = shared / "commondir"
    where = shared / common.read_text().strip() if common.exists() else shared
    with (own / "commondir").open("w") as stream:  # no other process looks there yet
        stream.write(f"{where.resolve()}\n")
    for file in (shared / "HEAD", shared / "index", *shared.glob("sharedindex.*")):
        with suppress(OSError):
            shutil.copy2(file, own / file.name)
    inner = project.directory.relative_to(checkout)
    asks = project.version is None or (project.directory / "setup.py").exists()
    if asks and inner.parts:
        others = f":(exclude,literal){inner.as_posix()}"
        outside = ask_git(place, "ls-files", "-z", "--", ".", others)
        ask_git(place, "update-index", "-z", "--skip-worktree", "--stdin", text=outside)


def _git_directory(checkout: Path) -> Path:
    """Return the directory of the repository, which a submodule or a worktree names in a file."""
    path = checkout / ".git"
    if path.is_dir():
        return path
    return path.parent / path.read_text().removeprefix("gitdir:").strip()


@dataclass(frozen=True)
class _Copy:
    """Copies a project's folder without what an earlier build left in it."""

    directory: Path
    checkout: Path | None

    @cached_property
    def tracked(self) -> frozenset[str]:
        """What git tracks, files and the folders that hold them, relative to the project."""
        if not self.checkout:
            return frozenset()
        names = ask_git(self.directory, "-c", "safe.directory=*", "ls-files", "-z").split("\0")
        folders = {os.fspath(above) for name in names if name for above in Path(name).parents}
        return frozenset({*names, *folders})

    @cached_property
    def is_unpacked(self) -> bool:
        """Whether this is an unpacked sdist."""
        return not self.checkout and (self.directory / "PKG-INFO").is_file()

    def folder(self, source: str, target: str, inner: tuple[str, ...]) -> None:
        """Copy *source*, which has the path *inner* in the project, to *target*."""
        os.mkdir(target)  # noqa: PTH102 - a hot loop
        for entry in os.scandir(source):
            path = (*inner, entry.name)
            if entry.name == ".git" or (
                self._is_leftover(entry, path) and "/".join(path) not in self.tracked
            ):
                continue
            copy = f"{target}/{entry.name}"
            with suppress(PermissionError):  # a build that needs it fails by itself
                if entry.is_symlink():
                    top = self.checkout or self.directory
                    os.symlink(_link(Path(entry.path), self.directory, top), copy)  # noqa: PTH211 - a hot loop
                elif entry.is_dir():
                    self.folder(entry.path, copy, path)
                elif entry.is_file():  # no pipe and no socket
                    _copy_file(entry, copy)

    def _is_leftover(self, entry: os.DirEntry[str], path: tuple[str, ...]) -> bool:
        match path:
            case ("build", name) if _LEFT_IN_BUILD.fullmatch(name):
                return True
            case ("dist", name):
                return name == ".gitignore" or _is_distribution(name)
        if entry.name.endswith(".egg-info"):
            return not self.is_unpacked
        return _is_made(entry)


def _is_distribution(name: str) -> bool:
    try:
        return bool(parse_filename(name))
    except ValueError:
        return False


def _copy_file(entry: os.DirEntry[str], copy: str) -> None:
    status = entry.stat()
    shutil.copyfile(entry.path, copy)
    Path(copy).chmod(_MODES[bool(status.st_mode & stat.S_IXUSR)])
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
