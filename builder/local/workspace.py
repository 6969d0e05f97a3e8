"""The workspace: a copy of the source, so that no step can change the checkout.

What is copied is what `gcloud builds submit` would upload, see steps/host/gcloudignore.py.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from steps.host.errors import InputError
from steps.host.gcloudignore import IGNORE_FILE, uploaded


def copy_source(source: Path, workspace: Path) -> int:
    """Copy the files of *source* that submit would upload into *workspace*; return how many.

    Raises InputError when the source, or a file that it includes, cannot be read.
    """
    count = 0
    # What the workspace is in is no source.
    temporary = Path(tempfile.gettempdir()).resolve()
    for path in uploaded(source, leave_out=temporary):
        target = workspace / path
        original = source / path
        try:
            if original.is_dir() and not original.is_symlink():
                target.mkdir()  # it comes before what is in it
                continue
            _copy(original, target, source)
        except OSError as error:
            message = f"Cannot copy {str(original)!r} into the workspace: {error.strerror}"
            raise InputError(message, f"leave it out in {IGNORE_FILE}") from None
        count += 1
    return count


def _copy(original: Path, target: Path, source: Path) -> None:
    if original.is_symlink():
        link = original.readlink()
        if link.is_relative_to(source.absolute()):
            # An absolute link into the checkout would let a step write there.
            inside = target.parents[len(original.relative_to(source).parts) - 1]
            link = inside / link.relative_to(source.absolute())
        target.symlink_to(link)
    elif original.is_file():  # a socket or a pipe is no source
        shutil.copy2(original, target)
