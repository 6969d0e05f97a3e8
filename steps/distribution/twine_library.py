"""What twine reads: a distribution, of which it sends just that, and the user's `.pypirc`."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

import rich
from twine.exceptions import TwineException
from twine.package import PackageFile
from twine.repository import WAREHOUSE_WEB as PUBLIC_REGISTRY
from twine.utils import get_repository_from_config
from twine.wheel import Wheel as TwineWheel

from steps.distribution.archive import readable
from steps.host.errors import Problem, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.distribution.archive import Wheel

__all__ = ["CONSOLE", "PUBLIC_REGISTRY", "other_metadata", "pypirc_section", "read_package"]

# rich makes its console on first use, without a lock: two threads could get one each, and what
# twine prints on the one would not be captured on the other. An import is made once.
CONSOLE = rich.get_console()


def read_package(path: Path) -> PackageFile:
    """Return what twine reads of the distribution at *path* to send it, with its hashes.

    Raises ValueError, with twine's reason, for a file that twine does not send, and InputError for
    one that cannot be read.
    """
    with readable(path):
        try:
            return PackageFile.from_filename(str(path), comment=None)
        except UnicodeDecodeError:
            raise  # a name in the archive
        except (TwineException, ValueError) as error:
            reason = str(error)
    raise ValueError(reason)


def other_metadata(path: Path, wheel: Wheel, metadata: str) -> Iterator[Problem]:
    """Yield a problem when twine takes another member than *metadata* for that of the wheel.

    It takes the first one whose name has METADATA in it, and that looks like some.
    """
    try:
        text = TwineWheel(str(path)).read()
    except TwineException:  # there is none at all, which `read_package` reports
        return
    found = [name for name in wheel.names() if "METADATA" in name and wheel.read(name) == text]
    if found and metadata not in found:
        yield Problem(
            f"{path.name!r} holds {quoted(found[0])}, which twine takes for its metadata, in the"
            f" place of {quoted(metadata)}",
            "give that file another name, or leave it out of the wheel",
        )


def pypirc_section(path: str, name: str) -> dict[str, str | None]:
    """Return what the section *name* of the `.pypirc` at *path* holds; nothing if it is not whole.

    The library's reason is not repeated: the file holds secrets.
    """
    try:
        return dict(get_repository_from_config(path, name))
    except (TwineException, configparser.Error, KeyError, ValueError):  # KeyError: no repository
        return {}
