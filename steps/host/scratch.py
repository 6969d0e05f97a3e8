"""The temporary folder of this process: all that is temporary is in it, and goes with it.

Threads and children that a signal ends have no time to clean up, so nobody relies on them: the
folder is TMPDIR to all of them, and removed when the process ends. After a SIGKILL the next one
removes it: whoever lives holds the lock in its own folder, and nobody the lock of a dead one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_PREFIX = "shipwheel-"
_LOCK = ".lock"


class Scratch:
    """Make the folder, beside those of other processes, of which the dead ones' are removed."""

    def __init__(self) -> None:
        beside = Path(tempfile.gettempdir())
        _remove_abandoned(beside)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        part = self.folder / f"{_LOCK}.part"
        self._lock = part.open("w")
        # It gets its name when it is held: nobody may take a new folder for an abandoned one.
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        part.rename(self.folder / _LOCK)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)

    def remove(self, seconds: float | None = None) -> None:
        """Remove the folder, for so many *seconds* at most; threads may still write into it."""
        remover = threading.Thread(target=self._remove, name="scratch", daemon=True)
        remover.start()
        remover.join(seconds)

    def _remove(self) -> None:
        with self._lock:
            for _ in range(100):
                shutil.rmtree(self.folder, ignore_errors=True)
                if not self.folder.exists():
                    return


def _remove_abandoned(beside: Path) -> None:
    for folder in beside.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or removed by somebody else at this moment
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "w") as lock:
                if os.fstat(lock.fileno()).st_uid == os.geteuid() == folder.lstat().st_uid:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
