"""The floor: about the least that building and uploading can cost, with nothing looked at.

    python -m tests.benchmark.floor URL WORKERS FOLDER...

A fresh environment for each set of build requirements, made by uv; in each a process that imported
the backend, prepared as Shipwheel prepares it, and forks for every hook; sdist, wheel from the
sdist, and a raw POST for each. No check, no gate, no confirmation, and no error is handled.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import subprocess
import sys
import tarfile
import tempfile
import threading
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import uv

import steps.backend.fork_server_main

PREPARATION = Path(steps.backend.fork_server_main.__file__).parent
TIMEOUT = 60  # seconds for a hook
# A line in: number, hook, folder, output. A line out: number and what the hook returned.
SERVER = """
import importlib, json, os, signal, sys
answers = os.dup(1)
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1); os.dup2(null, 2)
backend = importlib.import_module(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from fork_server_main import warm_up  # it takes itself off the path
warm_up(sys.argv[1])
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
for line in sys.stdin:
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        number, hook, folder, output = json.loads(line)
        os.chdir(folder)
        result = getattr(backend, hook)(output)
        os.write(answers, (json.dumps([number, result]) + "\\n").encode())
        os._exit(0)
"""


class Server:
    """An environment with a process that forks for every hook."""

    def __init__(self, tool: str, folder: Path, requires: list[str], backend: str) -> None:
        path = Path(tempfile.mkdtemp(dir=folder))
        python = str(path / "bin/python")
        subprocess.run([tool, "venv", "-q", "--python", sys.executable, path], check=True)
        subprocess.run([tool, "pip", "install", "-q", "--python", python, *requires], check=True)
        self.process = subprocess.Popen(
            [python, "-c", SERVER, backend, str(PREPARATION)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.waiting: dict[int, Future[str]] = {}
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            number, result = json.loads(line)
            self.waiting.pop(number).set_result(result)

    def call(self, hook: str, folder: Path, output: Path) -> Path:
        assert self.process.stdin
        output.mkdir()
        with self.lock:
            number = next(self.numbers)
            answer = self.waiting[number] = Future()
            self.process.stdin.write(json.dumps([number, hook, str(folder), str(output)]) + "\n")
        return output / answer.result(TIMEOUT)


class Servers:
    """One server for each set of requirements and backend."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Found once, here: `sysconfig`, which it asks, cannot be asked by two threads at once.
        self.tool = uv.find_uv_bin()
        self.lock = threading.Lock()
        self.made: dict[tuple[str, ...], tuple[threading.Lock, list[Server]]] = {}

    def get(self, source: Path) -> Server:
        system = tomllib.loads((source / "pyproject.toml").read_text())["build-system"]
        key = (system["build-backend"], *system["requires"])
        with self.lock:
            lock, made = self.made.setdefault(key, (threading.Lock(), []))
        with lock:
            if not made:
                made.append(
                    Server(self.tool, self.folder, system["requires"], system["build-backend"])
                )
        return made[0]


def ship(source: Path, url: str, servers: Servers) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        server = servers.get(source)
        sdist = server.call("build_sdist", source, output / "sdist")
        with tarfile.open(sdist) as tar:
            tar.extractall(output / "source", filter="data")
        (unpacked,) = (output / "source").iterdir()
        wheel = server.call("build_wheel", unpacked, output / "wheel")
        for path in wheel, sdist:
            post(url, path)


def post(url: str, path: Path) -> None:
    content = path.read_bytes()
    name, version, *_ = path.name.removesuffix(".tar.gz").split("-")
    fields = {":action": "file_upload", "protocol_version": "1", "name": name, "version": version}
    fields["sha256_digest"] = hashlib.sha256(content).hexdigest()
    part = '--floor\r\nContent-Disposition: form-data; name="'
    body = "".join(f'{part}{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
    body += f'{part}content"; filename="{path.name}"\r\n\r\n'
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc)
    headers = {"Content-Type": "multipart/form-data; boundary=floor"}
    connection.request("POST", place.path, body.encode() + content + b"\r\n--floor--\r\n", headers)
    assert connection.getresponse().status == http.client.OK
    connection.close()


def main() -> None:
    url, workers, *sources = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers(Path(folder))
        with ThreadPoolExecutor(int(workers)) as pool:
            list(pool.map(lambda source: ship(Path(source), url, servers), sources))
        for _, (server,) in servers.made.values():
            server.process.kill()
            server.process.wait()


if __name__ == "__main__":
    main()
