"""The way to the registry: no request takes longer than its size allows, however slow the answer.

A time-out of a socket bounds one silence. A server that sends, or takes, a byte at a time never is
silent, so that the whole of a request has a limit as well: connecting, its head and its body,
whichever of them is slow.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from steps.host.errors import RegistryError
from steps.registry.address import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Slower than this nothing is worth waiting for: a quarter of a megabit in a second.
SLOWEST_BYTES_PER_SECOND = 32 * 1024
# The index page of a project with more files than any has is a few dozen megabytes.
_LARGEST_ANSWER = 256 * 1024**2
_CHUNK = 1 << 16


class Adapter(HTTPAdapter):
    """Sends each request, and reads its answer, within a total time.

    That is *patience* seconds, and as many more as the bytes that go or come take at
    SLOWEST_BYTES_PER_SECOND. The body of a streamed answer is the caller's to read; as long as it
    comes faster than that, it may take any time.
    """

    def __init__(self, patience: float, connections: int) -> None:
        super().__init__(pool_connections=connections, pool_maxsize=connections)
        self._patience = patience

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections that a limit can end."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make connections through a proxy that a limit can end."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if type(manager) is urllib3.ProxyManager:  # one for SOCKS has connections of its own
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send *request* and return its answer, with its body unless that is to be streamed."""
        limit = _Limit(self._patience)
        limit.allow(int(request.headers.get("Content-Length") or 0))
        limit.start()
        token = _current.set(limit)
        try:
            response = super().send(request, *args, **kwargs)
            if kwargs.get("stream") and response.ok and not response.is_redirect:
                vars(response.raw).update(stream=limit.pace(response.raw.stream))
                return response
            body = _body(response)
        except BaseException:
            limit.end()
            if limit.is_over:
                raise requests.ReadTimeout from None
            raise
        finally:
            _current.reset(token)
        limit.end()
        if limit.is_over:  # a body that names no length only looks whole
            raise requests.ReadTimeout
        # There is no other way to hand in a body than the attributes that `content` looks at.
        vars(response).update(_content=body, _content_consumed=True)
        return response


class _Limit:
    """A limit of time: when it is over, the connection that it guards is ended."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._wire: socket.socket | None = None
        self.is_over = False

    def start(self) -> None:
        threading.Thread(target=self._watch, name="limit", daemon=True).start()

    def allow(self, size: int) -> None:
        """Give the time that *size* bytes take."""
        self._end += size / SLOWEST_BYTES_PER_SECOND

    def guard(self, connected: Any) -> None:
        """End this connection when the time is over, which it may be by now."""
        with self._lock:
            self._close()
            # One of our own: TLS takes the socket over, and whoever reads an answer to its end
            # keeps it open longer than the connection does.
            self._wire = socket.socket(fileno=os.dup(connected.fileno()))
            if self.is_over:
                _cut(self._wire)

    def pace(self, stream: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        """Return *stream*, which now gives time for what comes, and ends this limit at its end."""

        def paced(*args: Any, **kwargs: Any) -> Iterator[bytes]:
            try:
                for chunk in stream(*args, **kwargs):
                    self.allow(len(chunk))
                    yield chunk
                if self.is_over:
                    raise urllib3.exceptions.ProtocolError("its end did not come in time")
            finally:
                self.end()

        return paced

    def end(self) -> None:
        """Guard nothing any more."""
        self._done.set()
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._wire:
            self._wire.close()
            self._wire = None

    def _watch(self) -> None:
        while (seconds := self._end - time.monotonic()) > 0:
            if self._done.wait(seconds):
                return
        with self._lock:
            self.is_over = True
            if self._wire:
                _cut(self._wire)


_current: ContextVar[_Limit | None] = ContextVar("limit", default=None)


class _Guarded(HTTPConnection):
    """A connection that tells the limit of each request what to end."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _guard(connected)
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, maybe on a connection that served another before."""
        if self.sock:
            _guard(self.sock)
        super().request(*args, **kwargs)


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same, by TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


_POOLS = {"http": _Pool, "https": _PoolTLS}


def _guard(connected: Any) -> None:
    if limit := _current.get():
        limit.guard(connected)


def _cut(wire: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        wire.shutdown(socket.SHUT_RDWR)


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    try:
        # It returns what has come, where a plain read would wait for the whole chunk.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                raise RegistryError(
                    f"{shown(response.url)!r} answers more than {_LARGEST_ANSWER} bytes",
                    "check the registry's address and any proxy before it",
                )
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.ReadTimeout from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None
    return bytes(body)
