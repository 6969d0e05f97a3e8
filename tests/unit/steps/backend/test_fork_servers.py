"""Fork servers are shared by the threads that build."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from steps.backend import fork_server
from steps.backend.fork_server import ForkServers
from steps.host.children import Children


@pytest.mark.skipif(sys.platform != "linux", reason="there are fork servers on Linux only")
def test_threads_that_begin_servers_do_not_disturb_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fork_server, "_start", lambda *_: None)
    monkeypatch.setattr(fork_server, "_MOST", 10_000)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Children() as children, ForkServers(children) as servers:
            monkeypatch.setattr(children, "run", lambda *_, **__: "ran")

            def run(pair: tuple[int, int]) -> str:
                python, backend = pair
                environ = {**os.environ, "_PYPROJECT_HOOKS_BUILD_BACKEND": f"backend{backend}"}
                return servers.run([f"/python{python}"], cwd="/", environ=environ)

            with ThreadPoolExecutor(8) as pool:
                ran = [*pool.map(run, product(range(8), range(150)))]
    finally:
        sys.setswitchinterval(interval)

    assert {*ran} == {"ran"}
