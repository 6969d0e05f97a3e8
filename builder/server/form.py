"""The form of an upload, read as it arrives: its fields, and a file that goes to disk."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from multipart import MultipartSegment, PushMultipartParser, parse_options_header
from packaging.utils import canonicalize_name
from packaging.version import Version

from builder.server.repositories import parse_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from builder.server.front import Body


@dataclass(kw_only=True)
class UploadForm:
    """The *fields* of an upload; the file's bytes are at *path*."""

    path: Path
    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    sha256: str = ""


@contextmanager
def received_form(
    body: Body, content_type: str, folder: Path, *, on_filename: Callable[[str], None]
) -> Iterator[UploadForm]:
    """Read *body*, with its file in *folder* for as long as the `with` block runs.

    *on_filename* is called before the first byte of the file is read, and may raise. Raises
    ValueError for what is no form.
    """
    _, options = parse_options_header(content_type)
    parser = PushMultipartParser(options.get("boundary", ""), content_length=body.length)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-") as file:
        form = UploadForm(path=Path(file.name))
        _read(parser, body, form, file, on_filename)
        file.flush()
        yield form


def _read(
    parser: PushMultipartParser,
    body: Body,
    form: UploadForm,
    file: IO[bytes],
    on_filename: Callable[[str], None],
) -> None:
    digest, value, name = hashlib.sha256(), bytearray(), ""
    for event in parser.parse_blocking(body.read):
        if isinstance(event, MultipartSegment):
            name, value = event.name or "", bytearray()
            if name == "content" and event.filename:
                form.filename = event.filename
                on_filename(event.filename)
        elif event is None:
            form.fields.setdefault(name, value.decode(errors="replace"))
        elif name == "content":
            digest.update(event)
            file.write(event)
        else:
            value += event
    form.sha256 = digest.hexdigest()


def problems_of(form: UploadForm) -> Iterator[str]:
    """Yield what is wrong with an upload, a line each."""
    given = form.fields.get
    if given(":action") != "file_upload":
        yield f"':action' is not 'file_upload': {given(':action')!r}"
    if given("gpg_signature"):
        yield "signatures are not stored: 'gpg_signature'"
    if not form.filename:
        yield "there is no file in 'content'"
        return
    try:
        name, version = parse_filename(form.filename)
    except ValueError as error:
        yield f"'content' is named like no sdist and no wheel: {form.filename!r} ({error})"
        return
    if canonicalize_name(given("name", "")) != name:
        yield f"'name' is not the file's: {given('name')!r}"
    if _version(given("version", "")) != version:
        yield f"'version' is not the file's: {given('version')!r}"
    if given("sha256_digest", form.sha256) != form.sha256:
        yield f"'sha256_digest' is not the file's: {given('sha256_digest')!r}"


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or more digits than Python reads
        return None
