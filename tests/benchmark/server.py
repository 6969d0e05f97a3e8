"""The registry of the measurements: the emulator, which counts the requests and delays them.

    python -m tests.benchmark.server FOLDER PORT SECONDS

It prints its port when it listens, delays every answer so long, and answers `/requests` with how
many others it has had since it was asked last. It ends with its standard input.
"""

from __future__ import annotations

import itertools
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from builder.server import Layout
from builder.server.answers import Answers
from builder.server.front import Front, HttpAnswer
from builder.server.repositories import StandardRepository
from builder.server.service import Service

if TYPE_CHECKING:
    from builder.server.front import HttpRequest


class Counter:
    """An application around the service."""

    def __init__(self, service: Service, latency: float) -> None:
        self._service = service
        self._latency = latency
        self._count = itertools.count()

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        if request.target == "/requests":
            number, self._count = next(self._count), itertools.count()
            return HttpAnswer.text(HTTPStatus.OK, str(number))
        next(self._count)
        time.sleep(self._latency)
        return self._service(request)


def main() -> None:
    folder, port, latency = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    layout = Layout(standards=("demo/pypi",))
    service = Service(layout, {"demo/pypi": StandardRepository(folder)}, {}, Answers())
    server = Front(("127.0.0.1", port), Counter(service, latency))
    print(server.server_port, flush=True)
    server.start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
