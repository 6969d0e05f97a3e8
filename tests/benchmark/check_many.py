"""What `shipwheel check --all --no-build` costs per project; a measurement, and no test.

    python tests/benchmark/check_many.py [PROJECTS] [FILES]

The projects' versions are static, and each is the next after those on its index page of FILES
files, so nothing is built. Start-up is taken off by a run with one project; the measure is the
processor time of the whole process, less that of parsing the same pages.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from steps.registry.page import parse_page

ROUNDS = 5
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "package-{number}"
version = "9.0"
"""


class Registry(BaseHTTPRequestHandler):
    """Answers every request with an index page, and counts."""

    protocol_version = "HTTP/1.1"
    files = 0
    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        body = index_page(self.path.rstrip("/").rpartition("/")[2], self.files)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""


def index_page(name: str, files: int) -> bytes:
    stem = name.replace("-", "_")
    links = (
        f'<a href="/p/r/{name}/{stem}-1.{number}-py3-none-any.whl#sha256={"a" * 64}">'
        f"{stem}-1.{number}-py3-none-any.whl</a><br/>\n"
        for number in range(files)
    )
    title = f"<title>Links for {name}</title>"
    return f"<!DOCTYPE html><html><head>{title}</head><body>{''.join(links)}</body></html>".encode()


def check(root: Path, url: str) -> float:
    """Return the processor seconds of one whole `shipwheel check`."""
    command = ["check", "--all", "--no-build", str(root)]
    arguments = [sys.executable, "-I", "-m", "builder", *command]
    environ = {**os.environ, "SHIPWHEEL_REGISTRY": url}
    child = subprocess.Popen(arguments, env=environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, "the check failed"
    return usage.ru_utime + usage.ru_stime


def parse(files: int, times: int) -> float:
    """Return the processor seconds of parsing one page."""
    page = index_page("package-1", files)
    start = time.process_time()
    for _ in range(times):
        parse_page(page, name="package-1", url="http://127.0.0.1/", content_type="text/html")
    return (time.process_time() - start) / times


def main() -> None:
    """Measure, and print."""
    projects, Registry.files = map(int, (*sys.argv[1:], *("200", "50")[len(sys.argv) - 1 :]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/p/r/"
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one", Path(folder) / "many"
        for root, count in ((one, 1), (many, projects)):
            for number in range(count):
                directory = root / f"package-{number}"
                directory.mkdir(parents=True)
                (directory / "pyproject.toml").write_text(PYPROJECT.format(number=number))
        rounds, requests = [], 0
        for _ in range(ROUNDS):
            Registry.requests.clear()
            more = check(many, url)
            requests = len(Registry.requests)
            start = check(one, url)
            rounds.append(((more - start) / (projects - 1), parse(Registry.files, 20), start))
    server.shutdown()
    whole, parsing, start = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{projects} projects, {Registry.files} files each, medians of {ROUNDS} rounds")
    print(f"requests per project   {requests / projects:.2f}")
    print(f"start and one project  {start * 1000:7.1f} ms of processor time")
    print(f"per project            {whole * 1000:7.2f} ms")
    print(f"of it parsing its page {parsing * 1000:7.2f} ms")
    print(f"over the parse         {(whole - parsing) * 1000:7.2f} ms (the bar: 5)")


if __name__ == "__main__":
    main()
