"""The same source gives the same bytes: one clock for every build, and sdists without traces.

The clock is `SOURCE_DATE_EPOCH` (https://reproducible-builds.org/specs/source-date-epoch/). Most
backends obey it; setuptools stamps its sdists with the time and the user of the build, so those
are packed again.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from typing import TYPE_CHECKING

from steps.distribution.archive import open_sdist
from steps.host.errors import InputError
from steps.host.files import open_whole
from steps.host.git import ask_git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What comes out must not depend on who builds, and on which machine.
FIXED_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}
UMASK = 0o022
# The zip format knows no earlier time than 1980-01-01, so neither does a wheel.
EARLIEST = 315532800
# A gzip header holds 32 bits of it.
LATEST = 2**32 - 1
_VARIABLE = "SOURCE_DATE_EPOCH"
_DIGITS = 18
_OUTPUT = {"dist", "build", "__pycache__"}


def source_date_epoch(directory: Path, environ: Mapping[str, str]) -> int:
    """Return the time of the project's sources, in seconds since 1970.

    It is what the environment says; else the last commit that touched the directory; else the
    newest file in it.
    """
    given = given_epoch(environ)
    epoch = _last_commit(directory) or _newest_file(directory) if given is None else given
    return min(max(epoch, EARLIEST), LATEST)


def given_epoch(environ: Mapping[str, str]) -> int | None:
    """Return what the environment says, or None where it says nothing.

    Raises InputError for anything but a number of seconds, as the specification asks.
    """
    given = environ.get(_VARIABLE, "")
    if not given:
        return None
    # More digits than any time needs: Python refuses to read thousands of them.
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise InputError(
            f"{_VARIABLE} is not a number of seconds since 1970: {given!r}",
            "set it as `git log -1 --format=%ct` prints it, or unset it",
        )
    return int(given)


def normalise_sdist(path: Path, epoch: int) -> None:
    """Pack the sdist at *path* again, unless it already shows no trace of when and where.

    Members keep their order, names and contents; times become *epoch*, owners empty, modes plain.
    """
    with open_sdist(path) as archive:
        if archive.is_normal(epoch):
            _normalise_gzip_time(path, epoch)
            return
        with (
            open_whole(path) as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=epoch) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            archive.copy_normal(tar, epoch)


def _normalise_gzip_time(path: Path, epoch: int) -> None:
    """Write *epoch* into the header (RFC 1952, bytes 4 to 7), unless it has no time."""
    with path.open("r+b") as stream:
        stream.seek(4)
        if any(stream.read(4)):
            stream.seek(4)
            stream.write(epoch.to_bytes(4, "little"))


def _last_commit(directory: Path) -> int:
    # Whichever user owns the clone: its code is about to run anyway.
    last_commit = ("rev-list", "-1", "--timestamp", "HEAD", "--", ".")
    answer = ask_git(directory, "-c", "safe.directory=*", *last_commit)
    return int(answer.partition(" ")[0] or 0)


def _newest_file(directory: Path) -> int:
    newest = 0.0
    for folder, subfolders, files in os.walk(directory):
        subfolders[:] = [
            name
            for name in subfolders
            if name not in _OUTPUT and not name.startswith(".") and not name.endswith(".egg-info")
        ]
        for name in files:
            newest = max(newest, os.lstat(os.path.join(folder, name)).st_mtime)  # noqa: PTH118 - a hot loop
    return int(newest)
