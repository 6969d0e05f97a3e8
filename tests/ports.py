"""A port on which nobody listens, and which nobody who asks for any free port is given."""

from __future__ import annotations

import random
import socket

# Below those that Linux, macOS and Windows give away.
_PORTS = range(20_000, 32_000)


def unused_port() -> int:
    """Return one, such as for a server that has to be told its port before it starts."""
    for port in random.sample(_PORTS, 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
