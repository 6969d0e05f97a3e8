"""A proxy before the emulator that answers wrongly, late, or not at all, as a script tells it."""

from __future__ import annotations

import http.client
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from io import BufferedIOBase

    from builder.server import Emulator

EXISTS = b"Requested entity already exists.\n"


@dataclass(frozen=True)
class Request:
    """A request as it came in; *number* counts from 0."""

    number: int
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """An answer that is given in place of the registry's own."""

    status: int
    body: bytes = b"planted fault\n"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request; by default nothing does.

    *answer* is given in place of the registry's, *early* before the body was read, *hang* is the
    number of seconds before any answer, *drip* that before each byte of its head, *trickle* of its
    body (which tells no length when *unmeasured*), and *sip* that before each kilobyte is taken of
    the request. *cut* says where the connection is reset; *before* and *after* are called around
    the registry's work.
    """

    answer: Answer | None = None
    cut: str = ""
    early: bool = False
    hang: float = 0.0
    drip: float = 0.0
    trickle: float = 0.0
    unmeasured: bool = False
    sip: float = 0.0
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


Script = Callable[[Request], Fault | None]

REFUSED = "connection refused"
"""The name of the fault that is no answer at all: its script is for a registry that is gone."""


def every_fault(body: bytes) -> dict[str, Script]:
    """Return a script for each fault of a registry, by its name; each is met by every request.

    *body* is what the answers say, for a registry may repeat what it was sent. A client that
    gives an answer half a second is kept waiting by the slow ones.
    """
    statuses = (400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504)
    html, json = (("Content-Type", kind) for kind in ("text/html", "application/json"))
    page = b"<!DOCTYPE html><html><head><title>Links for a</title></head><body><a href='a-1.t"
    faults = {
        **{str(status): Fault(answer=Answer(status, body)) for status in statuses},
        **{
            f"{status} with Retry-After": Fault(answer=Answer(status, body, (("Retry-After", it),)))
            for status, it in ((429, "900"), (503, "Fri, 31 Dec 2999 23:59:59 GMT"))
        },
        **{
            f"redirect to {name}": Fault(answer=Answer(302, body, (("Location", address),)))
            for name, address in {
                "http": "http://example.com/?signature=",
                "nothing": "http://[::1",
                "itself": "",
            }.items()
        },
        **{
            f"reset {cut}": Fault(cut=cut)
            for cut in ("before the body", "in the body", "before the answer", "in the answer")
        },
        "early close of a duplicate": Fault(early=True),
        "time-out": Fault(hang=1),
        "trickling head": Fault(drip=0.05),
        "trickling body": Fault(answer=Answer(200, body), trickle=0.05),
        "trickling body without a length": Fault(
            answer=Answer(200, body), trickle=0.05, unmeasured=True
        ),
        "request taken by the sip": Fault(sip=0.4),
        "page that is none": Fault(answer=Answer(200, body, (html,))),
        "page that is empty": Fault(answer=Answer(200, b"", (html,))),
        "page that is truncated": Fault(answer=Answer(200, page + body, (html,))),
        "page that is broken JSON": Fault(answer=Answer(200, b'{"files": "' + body, (json,))),
    }
    return {
        **{name: _always(fault) for name, fault in faults.items()},
        "lagging index": _lagging,
        REFUSED: _always(Fault()),
    }


def _always(fault: Fault) -> Script:
    return lambda _: fault


def _lagging(request: Request) -> Fault | None:
    """Hide every file from the index: what an upload waits for comes too late."""
    is_page = request.method == "GET" and not request.path.endswith("/simple/")
    return Fault(answer=Answer(404)) if is_page else None


class FaultyRegistry:
    """Serve what *emulator* serves, with the faults of *script*, while the `with` block runs."""

    def __init__(self, emulator: Emulator, script: Script) -> None:
        self.requests: list[Request] = []
        self._upstream = emulator.host
        self._script = script
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def accept(self, method: str, path: str, headers: dict[str, str]) -> Fault:
        with self._lock:
            request = Request(len(self.requests), method, path, headers)
            self.requests.append(request)
            return self._script(request) or Fault()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        # The emulator writes the host into no link, so its own is as good.
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.read(), tuple(response.getheaders()))
        connection.close()
        return answer


class _Dripping:
    """A stream that writes a byte at a time."""

    def __init__(self, stream: Any, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes) -> None:
        for byte in data:
            time.sleep(self._seconds)
            self._stream.write(bytes([byte]))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that have gone: they are killed, or give up, on purpose."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, faulty: FaultyRegistry, *arguments: Any) -> None:
        self.faulty = faulty
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""

    def _handle(self) -> None:
        headers = dict(self.headers.items())
        length = int(headers.get("Content-Length", 0))
        fault = self.faulty.accept(self.command, self.path, headers)
        if fault.before:
            fault.before()
        if fault.cut == "before the body":
            self._reset()
            return
        if fault.cut == "in the body":
            self.rfile.read(length // 2)
            self._reset()
            return
        if fault.early:
            self._answer(fault.answer or Answer(400, EXISTS), close=True)
            self._reset()
            return
        body = self._sip(length, fault.sip) if fault.sip else self.rfile.read(length)
        answer = fault.answer or self.faulty.forward(self.command, self.path, headers, body)
        time.sleep(fault.hang)
        if fault.drip:
            self.wfile = cast("BufferedIOBase", _Dripping(self.wfile, fault.drip))
        if fault.after:
            fault.after()
        if fault.cut == "before the answer":
            self._reset()
        elif fault.cut == "in the answer":
            self._answer(answer, cut=True)
        else:
            self._answer(answer, trickle=fault.trickle, unmeasured=fault.unmeasured)

    def _answer(
        self,
        answer: Answer,
        *,
        cut: bool = False,
        close: bool = False,
        trickle: float = 0.0,
        unmeasured: bool = False,
    ) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers:
            if key.lower() not in {"connection", "content-length", "date", "server"}:
                self.send_header(key, value)
        if not unmeasured:
            self.send_header("Content-Length", str(len(answer.body) + cut))
        if cut or close or unmeasured:
            self.send_header("Connection", "close")
        self.end_headers()
        body = answer.body[: len(answer.body) // 2] if cut else answer.body
        if self.command == "HEAD":
            body = b""
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may have gone
            for byte in body if trickle else b"":
                time.sleep(trickle)
                self.wfile.write(bytes([byte]))
            self.wfile.write(b"" if trickle else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut or close or unmeasured

    def _sip(self, length: int, seconds: float) -> bytes:
        body = b""
        while len(body) < length:
            time.sleep(seconds)
            body += self.rfile.read1(min(1024, length - len(body)))
        return body

    def _reset(self) -> None:
        """Close the connection so that the other side sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # The wrappers hold the socket open; only without them does closing it send the reset.
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
