"""What twine reads of a distribution, which is what it sends of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twine.exceptions import TwineException
from twine.package import PackageFile
from twine.wheel import Wheel

from steps.distribution.archive import readable

if TYPE_CHECKING:
    from pathlib import Path


def read_package(path: Path) -> PackageFile:
    """Return what twine reads of the distribution at *path* to send it, with its hashes.

    Raises ValueError, with twine's reason, for a file that twine does not send, and InputError for
    one that cannot be read.
    """
    with readable(path):
        try:
            return PackageFile.from_filename(str(path), comment=None)
        except TwineException as error:
            raise ValueError(str(error)) from None


def twine_metadata(wheel: Path) -> bytes:
    """Return the member that twine takes for the metadata of *wheel*; nothing if there is none.

    It takes the first one whose name has METADATA in it, and that looks like some.
    """
    try:
        return Wheel(str(wheel)).read()
    except TwineException:
        return b""
