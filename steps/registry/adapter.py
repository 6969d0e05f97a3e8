"""The way to the registry: no request takes longer than its size allows, however slow the answer.

A timeout of a socket bounds one silence. A server that sends, or takes, a byte at a time is never
silent, so the whole of a request has a deadline as well. Nothing can end a read that is under way
but its end: it is left to a thread of its own, which the process does not wait for.
"""

from __future__ import annotations

import io
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

from steps.host.errors import RegistryError
from steps.host.progress import current_work
from steps.registry.address import shown

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

# Slower than this nothing is worth waiting for: a quarter of a megabit in a second.
SLOWEST_BYTES_PER_SECOND = 32 * 1024
# The index page of a project with more files than any has is a few dozen megabytes.
_LARGEST_ANSWER = 256 * 1024**2
_CHUNK = 1 << 16


class Adapter(HTTPAdapter):
    """Sends each request, and reads its answer, within a total time.

    That is *timeout* seconds, and as many more as the bytes that go or come take at
    SLOWEST_BYTES_PER_SECOND. The body of a streamed answer is the caller's to read; as long as it
    comes faster than that, it may take any time. Raises requests.ReadTimeout when time is up.
    """

    def __init__(self, timeout: float, connections: int) -> None:
        super().__init__(pool_connections=connections, pool_maxsize=connections)
        self._seconds = timeout

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send *request* and return its answer, with its body unless that is to be streamed."""
        deadline = _Deadline(self._seconds)
        deadline.extend(int(request.headers.get("Content-Length") or 0))
        if hasattr(request.body, "read"):
            current_work().sent = 0
            request.body = _StoppableBody(request.body, deadline)  # type: ignore[assignment]  # a file
        response, body = deadline.run(partial(self._send, request, *args, **kwargs))
        response.raw = io.BytesIO(body) if body is not None else _PacedBody(response, deadline)
        return response

    def _send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> tuple[requests.Response, bytes | None]:
        """Return the answer and its whole body, or None where that is to be streamed."""
        response = super().send(request, *args, **kwargs)
        if kwargs.get("stream") and response.ok and not response.is_redirect:
            return response, None
        return response, _whole_body(response)


class AnonymousSession(requests.Session):
    """A session without a login, each of whose requests ends as `Adapter` has it."""

    def __init__(self, timeout: float, connections: int = 1) -> None:
        super().__init__()
        self.auth = anonymous
        adapter = Adapter(timeout, connections)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)


def anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no login, as the `auth` of a request; without any, requests would look into netrc."""
    return request


class _Deadline:
    """The time by which a request has to be done; what was sent or received extends it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._end

    def extend(self, size: int) -> None:
        """Give the time that *size* bytes take."""
        self._end += size / SLOWEST_BYTES_PER_SECOND

    def run(self, action: Callable[[], Result]) -> Result:
        """Return what *action* returns or raise what it raises; not after the deadline."""
        results: list[Result] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                results.append(action())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                errors.append(error)
            done.set()

        threading.Thread(target=run, name="request", daemon=True).start()
        if not done.wait(max(self._end - time.monotonic(), 0)):
            raise requests.ReadTimeout
        if errors:
            raise errors[0]
        return results[0]


class _StoppableBody:
    """The body of an upload, which shows how far that is.

    It ends with an error once the deadline of its request is over.
    """

    def __init__(self, body: Any, deadline: _Deadline) -> None:
        self._body = body
        self._deadline = deadline
        self._work = current_work()

    def read(self, size: int = -1) -> bytes:
        if self._deadline.is_over:
            raise requests.ReadTimeout
        data: bytes = self._body.read(size)
        self._work.sent += len(data)
        return data


class _PacedBody(io.RawIOBase):
    """The body of a streamed answer, read within its deadline, which what comes extends."""

    def __init__(self, response: requests.Response, deadline: _Deadline) -> None:
        self._raw = response.raw
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        """Return what has come, *size* bytes at most; nothing at the end."""
        chunk = self._deadline.run(partial(_read, self._raw, size))
        self._deadline.extend(len(chunk))
        if self._deadline.is_over:  # a body that names no length only looks whole
            raise requests.ReadTimeout
        return chunk

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._raw.close()
        self._raw.release_conn()


def _whole_body(response: requests.Response) -> bytes:
    body = bytearray()
    while chunk := _read(response.raw, _CHUNK):
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise RegistryError(
                f"{shown(response.url)!r} answers more than {_LARGEST_ANSWER} bytes",
                "check the registry's address and any proxy before it",
            )
    return bytes(body)


def _read(raw: urllib3.BaseHTTPResponse, size: int) -> bytes:
    """Return what has come, where a plain read would wait for *size* bytes."""
    try:
        return raw.read1(size, decode_content=True)
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.ReadTimeout from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None
