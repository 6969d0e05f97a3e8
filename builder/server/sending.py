"""The answers that are not pypiserver's: a line of text, and a file or a range of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pypiserver.bottle_wrapper import parse_range_header

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http import HTTPStatus
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from steps.host.errors import ShipwheelError


def answer_text(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: HTTPStatus,
    text: str,
    **headers: str,
) -> Iterable[bytes]:
    """Answer with *status* and one line of *text*; `_` in a header's name stands for `-`."""
    body = f"{text}\n".encode()
    start_response(
        f"{status.value} {status.phrase}",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ],
    )
    # The server would send a body to HEAD as well, and the client read it as the next answer.
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def upstream_fault(error: ShipwheelError) -> str:
    """Return what a client is told, on one line, of an *error* between the emulator and another."""
    problem = error.problems[0]
    hint = f" (where the emulator runs: {problem.hint})" if problem.hint else ""
    return f"The emulator cannot read an upstream: {problem.message}{hint}"


def answer_file(
    environ: WSGIEnvironment, start_response: StartResponse, path: Path
) -> Iterable[bytes]:
    """Answer with the file at *path*, or with the first range of it that was asked for.

    pypiserver could send files as well, but walks the whole repository for each one and leaves
    the file of a ranged answer open. Raises OSError when there is no such file.
    """
    file = path.open("rb")
    size = os.fstat(file.fileno()).st_size
    asked = environ.get("HTTP_RANGE", "")
    ranges = list(parse_range_header(asked, size)) if asked else [(0, size)]
    first, end = ranges[0] if ranges else (0, 0)
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(end - first)),
        ("Accept-Ranges", "bytes"),
    ]
    if not ranges:
        headers.append(("Content-Range", f"bytes */{size}"))
        start_response("416 Range Not Satisfiable", headers)
    elif asked:
        headers.append(("Content-Range", f"bytes {first}-{end - 1}/{size}"))
        start_response("206 Partial Content", headers)
    else:
        start_response("200 OK", headers)
    if environ["REQUEST_METHOD"] == "HEAD" or first == end:
        file.close()
        return []
    file.seek(first)
    # The server sends Content-Length bytes from where the file stands, and closes it.
    answer: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
    return answer
