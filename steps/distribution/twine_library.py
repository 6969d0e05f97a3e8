"""Every use of twine but the upload: what it reads of a distribution, and `twine check`'s rules.

`twine check` itself prints, and logs, for the whole process; this calls what it calls. twine and
docutils take 0.3 s to import, so this module is imported where it is needed, and early.
"""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Literal

from readme_renderer import rst
from twine.exceptions import TwineException
from twine.package import PackageFile
from twine.wheel import Wheel

from steps.distribution.archive import readable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Rendering these cannot fail; all else is rendered as reStructuredText.
_PLAIN = {"text/plain", "text/markdown"}
_REPORT = re.compile(r"<string>:(\d*): \(([A-Z]+)/\d\)")
# docutils keeps its roles and directives once for the whole process.
_ONE_AT_A_TIME = threading.Lock()


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


def check_readme(package: PackageFile) -> Iterator[tuple[Literal["warning", "error"], str]]:
    """Yield what `twine check` finds in the readme of *package*."""
    metadata = package.metadata_dictionary()
    readme = metadata.get("description", "")
    if not readme or readme.rstrip() == "UNKNOWN":
        yield "warning", "`long_description` missing."
        return
    content_type = metadata.get("description_content_type")
    if content_type is None:
        yield "warning", "`long_description_content_type` missing. defaulting to `text/x-rst`."
    if (content_type or "").partition(";")[0].strip().lower() in _PLAIN:
        return
    reports = io.StringIO()
    with _ONE_AT_A_TIME:
        rendered = rst.render(readme, stream=reports)
    if rendered is None:
        found = _REPORT.sub(r"line \1: \2:", reports.getvalue())
        yield (
            "error",
            f"`long_description` has syntax errors in markup and would not be rendered: {found}",
        )
