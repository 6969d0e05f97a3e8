"""A port on which nothing listens, and which the system gives to no one who asks for a free one."""

from __future__ import annotations

import random
import socket

# Below those that Linux, macOS and Windows give away.
_PORTS = range(20_000, 32_000)


def unused_port() -> int:
    """Return one, such as for a server that needs its port before it starts."""
    for port in random.sample(_PORTS, 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
