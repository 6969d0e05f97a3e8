"""The registry of the measurements: pypiserver, as the emulator runs it, which counts and delays.

    python -m tests.benchmark.server FOLDER SECONDS

It prints its port, delays every answer so long, and answers `/requests` with how many others it
has had since it was asked last. It ends with its standard input.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import waitress

from builder.server.standard import StandardRepository

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


class Counter:
    """A WSGI application around the repository."""

    def __init__(self, folder: Path, latency: float) -> None:
        self._repository = StandardRepository(folder)
        self._latency = latency
        self._count = itertools.count()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/requests":
            number, self._count = next(self._count), itertools.count()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(number).encode()]
        next(self._count)
        time.sleep(self._latency)
        return self._repository(environ, start_response)


def main() -> None:
    application = Counter(Path(sys.argv[1]), float(sys.argv[2]))
    server = waitress.create_server(
        application,
        host="127.0.0.1",
        port=0,
        threads=32,
        max_request_body_size=1 << 30,
        inbuf_overflow=1 << 26,
    )
    print(server.effective_port, flush=True)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
