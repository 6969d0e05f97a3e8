"""HTTP for the emulator: requests whose bodies are read as they come, forms, and answers in full.

An upload can be refused before its body is read, as Artifact Registry does, which a WSGI server
that collects bodies first cannot. The server is the standard library's, on loopback only.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from multipart import MultipartSegment, PushMultipartParser, parse_options_header
from packaging.utils import canonicalize_name
from packaging.version import Version

from builder.server.answers import TEXT, Reply
from builder.server.repositories import parse_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from io import BufferedIOBase

_SILENCE_SECONDS = 60
_DRAINED_BYTES = 1 << 16
"""So much of a refused body is read, so that a client that has sent it all reads the answer."""
_STOP_SECONDS = 5.0

_logger = logging.getLogger("shipwheel")


class Body:
    """What follows the head of a request: *left* bytes have not been read."""

    def __init__(self, stream: BufferedIOBase, length: int) -> None:
        self._stream = stream
        self.length = self.left = length

    def read(self, size: int) -> bytes:
        """Return what has arrived, at most *size* bytes and at least one; nothing at the end."""
        data = self._stream.read1(min(size, self.left)) if self.left else b""
        self.left = self.left - len(data) if data else 0
        return data

    def drain(self) -> None:
        """Read all the rest."""
        while self.read(1 << 16):
            pass


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A request; *segments* are those of its path, each unquoted after the path was split."""

    method: str
    target: str
    headers: Message
    body: Body

    @property
    def path(self) -> str:
        """The path as it came, without the query."""
        return self.target.partition("?")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path between its slashes; the last is empty for a folder."""
        return tuple(unquote(part) for part in self.path.removeprefix("/").split("/"))

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return urlsplit(self.target).query

    @property
    def origin(self) -> str:
        """Scheme and host as the client knows them: only names on loopback are plain http."""
        host = self.headers.get("Host", "localhost")
        return f"{'https' if host.endswith('.pkg.dev') else 'http'}://{host}"


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """An answer; its body is in memory, or the bytes of a *file* from *first* to before *end*."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    file: Path | None = None
    first: int = 0
    end: int = 0

    @classmethod
    def of(cls, reply: Reply, *headers: tuple[str, str]) -> HttpAnswer:
        """Return *reply* as an answer."""
        return cls(
            status=reply.status,
            body=reply.body.encode(),
            content_type=reply.content_type,
            headers=headers,
        )

    @classmethod
    def text(cls, status: HTTPStatus, line: str) -> HttpAnswer:
        """Return an answer of one line."""
        return cls.of(Reply(status=status, body=f"{line}\n"))

    @property
    def length(self) -> int:
        """The number of bytes of its body."""
        return self.end - self.first if self.file else len(self.body)


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
    ValueError for a body that is not a form.
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


class Front(ThreadingHTTPServer):
    """A server that lets *application* answer on *address*, a thread for each connection.

    *early* answers an upload that is refused before its body was read.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        application: Callable[[HttpRequest], HttpAnswer],
        *,
        early: bool = True,
    ) -> None:
        super().__init__(address, _Handler)
        self.application = application
        self.early = early
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.05,), name="emulator", daemon=True
        )

    def start(self) -> None:
        """Answer from now on, in threads of this process."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, let running requests end, and close every connection."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            for how in (socket.SHUT_RD, socket.SHUT_RDWR):
                for connection in self._open:
                    with suppress(OSError):  # the client was faster
                        connection.shutdown(how)
                self._changed.wait_for(lambda: not self._open, _STOP_SECONDS)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and know of it meanwhile."""
        with self._changed:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's
        """Narrate what ended a connection; a client that has gone is not logged."""
        gone = isinstance(sys.exception(), ConnectionError | TimeoutError)
        _logger.log(logging.DEBUG if gone else logging.ERROR, "A connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "shipwheel-emulator"
    sys_version = ""
    timeout = _SILENCE_SECONDS
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        front = cast("Front", self.server)
        length = self.headers.get("Content-Length", "0")
        body = Body(self.rfile, int(length) if length.isdecimal() else 0)
        request = HttpRequest(
            method=self.command, target=self.path, headers=self.headers, body=body
        )
        if "Transfer-Encoding" in self.headers:
            line = "An upload has to say its Content-Length."
            answer = HttpAnswer.text(HTTPStatus.LENGTH_REQUIRED, line)
            self.close_connection = True
        else:
            answer = self._answer_of(front.application, request)
        if not front.early:
            body.drain()
        self._send(answer, close=self.close_connection or body.left > 0)
        if 0 < body.left <= _DRAINED_BYTES:
            body.drain()

    do_GET = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815 - as http.server calls them

    def _answer_of(
        self, application: Callable[[HttpRequest], HttpAnswer], request: HttpRequest
    ) -> HttpAnswer:
        try:
            return application(request)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # a bug: it is logged whole, and the client still gets an answer
            _logger.exception("The emulator failed at %s %r", request.method, request.target)
            line = "The emulator failed; it tells why where it runs."
            return HttpAnswer.text(HTTPStatus.INTERNAL_SERVER_ERROR, line)

    def _send(self, answer: HttpAnswer, *, close: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(answer.length))
        for name, value in (*answer.headers, *([("Connection", "close")] if close else [])):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or not answer.length:
            return  # the client would read a body of HEAD as the next answer
        if answer.file:
            with answer.file.open("rb") as file:
                self.connection.sendfile(file, answer.first, answer.length)
        else:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
        """Narrate a request for those who want details."""
        _logger.debug(format, *args)
