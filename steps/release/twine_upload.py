"""Twine's part of an upload: what it reads of a distribution, and one attempt to send it.

Twine hashes every file. Other code that needs the hash takes that of twine, so it is made once.
"""

from __future__ import annotations

import logging
import stat
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.registry.retry import Transient

if TYPE_CHECKING:
    from pathlib import Path

    import requests
    from twine.package import PackageFile

    from steps.distribution.files import Distribution
    from steps.registry.transport import Transport

# Its warnings are reported in Shipwheel's words: without a handler, logging would print them, too.
logging.getLogger("twine").addHandler(logging.NullHandler())


class TwinePackages:
    """What twine read of distributions, each of them once; threads may share it."""

    def __init__(self) -> None:
        self._read: dict[Path, PackageFile] = {}
        self._states: dict[Path, tuple[int, ...]] = {}

    def sha256(self, path: Path) -> str:
        """Return the sha256 of *path*, a distribution that was looked at, in hexadecimal.

        Raises InputError for a file that twine does not upload, or that was changed meanwhile.
        """
        from steps.distribution.twine_library import read_package  # noqa: PLC0415 - imported early

        state = _state(path)
        try:
            package = read_package(path)
        except ValueError as error:
            raise InputError(
                f"{path.name!r} cannot be uploaded: {error}", "build it again"
            ) from None
        self._read[path], self._states[path] = package, state
        return str(package.sha2_digest)

    def get(self, file: Distribution) -> PackageFile:
        """Return what twine read of *file*; raise InputError when it was changed meanwhile."""
        if self._states.get(file.path) != _state(file.path):
            self.sha256(file.path)
        package = self._read[file.path]
        if package.sha2_digest != file.sha256:
            raise InputError(
                f"{file.filename!r} was changed after it was judged: its sha256 was {file.sha256},"
                f" and now is {package.sha2_digest}",
                "let nothing write into dist/ meanwhile, and run the same command again",
            )
        return package


def _state(path: Path) -> tuple[int, ...]:
    """Return what is another one once *path* was written to, or replaced."""
    status = None
    with suppress(OSError):
        status = path.stat()
    if status is None or not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path.name!r} is not a file any more", "build it again")
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class TwineUpload:
    """Posts one distribution through twine, without twine's own repetitions and output."""

    def __init__(self, file: Distribution, packages: TwinePackages, transport: Transport) -> None:
        from twine.repository import Repository  # noqa: PLC0415 - slow, and `import_early` did it

        from steps.distribution.twine_library import CONSOLE  # noqa: PLC0415 - the same

        self._file = file
        self._packages = packages
        url = transport.registry.upload_url
        self._repository = Repository(url, None, None, disable_progress_bar=True)
        self._repository.close()
        self._repository.session = transport.session
        self._console = CONSOLE
        self._transport = transport
        self.maybe_stored = False
        """Whether the registry may have stored the file without telling us so."""

    def post(self) -> requests.Response:
        """Send the file and return the answer; raise what `Transport.answer` raises.

        Raises InputError for a file that was changed or removed meanwhile: an attempt may be a
        minute late.
        """
        package = self._packages.get(self._file)
        try:
            return self._transport.answer("POST", partial(self._upload, package))
        except Transient:
            self.maybe_stored = True
            raise
        except OSError as error:
            if error.filename != package.filename:
                raise
            raise InputError(
                f"{self._file.filename!r} cannot be read any more: {error.strerror}",
                "build it again",
            ) from None

    def _upload(self, package: PackageFile) -> requests.Response:
        with self._console.capture():  # what twine prints in this thread, and nothing else
            return self._repository.upload(package, max_redirects=1)
