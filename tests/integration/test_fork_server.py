"""A hook in a fork is, for all that it can tell, a hook in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uv
from pyproject_hooks import _in_process

from steps.building import fork_server
from steps.building.fork_server import ForkServers
from steps.building.reproducible import FIXED_ENVIRONMENT
from steps.children import Children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOOK_SCRIPT = str(Path(_in_process.__file__).with_name("_in_process.py"))
# It writes the numbers of itself, its parent and its child.
WAITING = """
import os, subprocess, time

def build_wheel(folder, *_):
    child = subprocess.Popen(["sleep", "60"])
    with open(os.path.join(folder, "part"), "w") as stream:
        stream.write(f"{os.getpid()} {os.getppid()} {child.pid}")
    os.rename(stream.name, os.path.join(folder, "numbers"))
    print("waiting", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run(
        [uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder], check=True
    )
    return folder


@dataclass(frozen=True)
class Outcome:
    """What came of a hook: its exit code, its output, what it returned."""

    code: int
    output: str
    returned: Any


class Backend:
    """A backend, given as its source, in an environment; calls hooks of it."""

    def __init__(self, environment: Path, folder: Path, source: str) -> None:
        self.python = environment / "bin" / "python"
        packages = next(environment.glob("lib/python*/site-packages"))
        # A name of its own for each: the compiled file of the last is not taken for this one's.
        self.name = f"backend_{folder.name}"
        (packages / f"{self.name}.py").write_text(source, encoding="utf-8")
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()

    def command(self) -> list[str]:
        """Return the command that builds a wheel; the backend is told this test's folder."""
        control = self.folder / "control"
        control.mkdir(exist_ok=True)
        kwargs = {"wheel_directory": str(self.folder), "config_settings": None}
        (control / "input.json").write_text(json.dumps({"kwargs": kwargs}), encoding="utf-8")
        (control / "output.json").unlink(missing_ok=True)
        return [str(self.python), HOOK_SCRIPT, "build_wheel", str(control)]

    def call(self, runner: Children | ForkServers, **environ: str) -> Outcome:
        """Build a wheel."""
        command = self.command()
        try:
            output = runner.run(
                command,
                cwd=str(self.source),
                environ={
                    **FIXED_ENVIRONMENT,
                    "PATH": os.environ["PATH"],
                    "SOURCE_DATE_EPOCH": "1700000000",
                    "_PYPROJECT_HOOKS_BUILD_BACKEND": self.name,
                    **environ,
                },
            )
        except subprocess.CalledProcessError as error:
            return Outcome(error.returncode, error.output, None)
        answer = json.loads(Path(command[3], "output.json").read_text())
        return Outcome(0, output, answer["return_val"])

    def call_both(self) -> tuple[Outcome, Outcome]:
        """Return what comes of it in a process, and in a fork."""
        with runners() as (children, servers):
            return self.call(children), self.call(servers)


@contextmanager
def runners(timeout: float | None = 30) -> Iterator[tuple[Children, ForkServers]]:
    with Children(timeout=timeout) as children, ForkServers(children) as servers:
        yield children, servers


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def read_numbers(folder: Path) -> list[int]:
    wait_until((folder / "numbers").exists)
    return [int(number) for number in (folder / "numbers").read_text().split()]


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


FACTS = """
import logging, os, random, resource, signal, stat, sys, threading

def build_wheel(*_):
    import __main__
    return {
        "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": list(sys.flags),
        "prefix": [sys.prefix, sys.base_prefix, sys.executable],
        "environ": dict(sorted(os.environ.items())),
        "environb": sorted(map(str, os.environb.items())),
        "main": {name: str(type(value)) for name, value in sorted(vars(__main__).items())},
        "main file": __main__.__file__, "main is me": sys.modules["__main__"].__name__,
        "directory": os.getcwd(), "umask": os.umask(0o77),
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "stdin": [os.readlink("/proc/self/fd/0"), sys.stdin.read()],
        "files": sorted(os.listdir("/proc/self/fd")),
        "streams": [
            (stream.encoding, stream.errors, stream.line_buffering, stream.write_through)
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "hash": hash("a word"), "handlers": [str(signal.getsignal(n)) for n in range(1, 32)],
        "threads": threading.active_count(), "logging": str(logging.root.handlers),
        "limits": [resource.getrlimit(n) for n in range(16)],
        "hooks": str([sys.excepthook, sys.displayhook, sys.meta_path, len(sys.path_hooks)]),
        "sees": os.listdir("."),
    }
"""


def test_a_fork_sees_what_a_process_of_its_own_sees(environment: Path, tmp_path: Path) -> None:
    in_process, in_fork = Backend(environment, tmp_path, FACTS).call_both()

    assert in_process.returned["environ"]["SOURCE_DATE_EPOCH"] == "1700000000"
    for fact, seen in in_process.returned.items():
        assert in_fork.returned[fact] == seen, fact
    assert in_fork == in_process


def test_hooks_are_forks_of_one_process(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, "import os\ndef build_wheel(*_): return os.getppid()")

    with runners() as (children, servers):
        parents = [backend.call(runner).returned for runner in (children, servers, servers)]

    assert parents[0] == os.getpid()
    assert parents[1] == parents[2] != os.getpid()


def test_there_is_an_end_to_the_number_of_servers(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "_MOST", 1)
    (tmp_path / "second").mkdir()
    source = "import os\ndef build_wheel(*_): return os.getppid() == {}"
    backends = [
        Backend(environment, folder, source.format(os.getpid()))
        for folder in (tmp_path, tmp_path / "second")
    ]

    with runners() as (_, servers):
        own = [backend.call(servers).returned for backend in (*backends, *backends)]

    assert own == [False, True, False, True]


def test_two_hooks_of_one_server_draw_different_random_numbers(
    environment: Path, tmp_path: Path
) -> None:
    source = "import random, tempfile\ndef build_wheel(*_): return random.random()"
    backend = Backend(environment, tmp_path, source)

    with runners() as (_, servers):
        first, second = backend.call(servers), backend.call(servers)

    assert first.returned != second.returned


@pytest.mark.parametrize(
    "statements",
    [
        "raise ValueError('no')",
        "try:\n        open('missing')\n    except OSError as e:\n        raise KeyError(1) from e",
        "import sys; print('out'); print('err', file=sys.stderr); os.system('echo sub'); 1 / 0",
        "import sys; sys.exit('the reason')",
        "import sys; sys.exit(3)",
        "os._exit(7)",
        "os.kill(os.getpid(), 11)",
        "import warnings; warnings.warn('old'); warnings.warn('older', FutureWarning)",
        "import atexit; atexit.register(print, 'goodbye'); print('hello')",
        "import threading; threading.Timer(0.2, print, ['late']).start()",
        "from concurrent.futures import ThreadPoolExecutor as T; T(1).submit(print, 'pooled')",
        "import multiprocessing as m; p = m.Process(target=print); p.start(); p.join()",
        "import sys; sys.stdout.write('no newline'); os.write(1, b'raw')",
        "print('lost'); os.close(1)",
        "import sys; sys.stdout.close()",
    ],
)
def test_exit_code_and_output_are_those_of_a_process(
    environment: Path, tmp_path: Path, statements: str
) -> None:
    backend = Backend(environment, tmp_path, f"import os\ndef build_wheel(*_):\n    {statements}\n")

    in_process, in_fork = backend.call_both()

    assert in_fork == in_process


def test_a_file_that_nobody_closed_is_written_to_its_end(environment: Path, tmp_path: Path) -> None:
    source = (
        "import os\nopened = []\n"
        "def build_wheel(folder, *_):\n"
        "    opened.append(open(os.path.join(folder, 'text'), 'w')); opened[0].write('text')\n"
        "    opened.append(open(os.path.join(folder, 'bytes'), 'wb')); opened[1].write(b'bytes')\n"
    )

    with runners() as (_, servers):
        Backend(environment, tmp_path, source).call(servers)

    assert (tmp_path / "text").read_text() == "text"
    assert (tmp_path / "bytes").read_text() == "bytes"


def test_what_a_hook_changes_is_gone_with_it(environment: Path, tmp_path: Path) -> None:
    source = (
        "import os, signal, sys, tempfile\n"
        "def build_wheel(*_):\n"
        "    seen = [os.getcwd(), 'LEFT' in os.environ, hasattr(sys, 'left'), os.umask(0)]\n"
        "    seen.append(str(signal.getsignal(signal.SIGTERM)))\n"
        "    os.chdir('/'); os.environ['LEFT'] = 'x'; sys.left = 1\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    return seen\n"
    )
    backend = Backend(environment, tmp_path, source)

    with runners() as (_, servers):
        first, second = backend.call(servers), backend.call(servers)

    assert first == second


@pytest.mark.parametrize(
    "at_import",
    [
        "seen = os.environ.get('SOURCE_DATE_EPOCH')",
        "seen = dict(os.environ)",
        "seen = os.getcwd()",
        "seen = os.path.abspath('x')",
        "print('imported')",
        "import warnings; warnings.warn('imported')",
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "if len(os.listdir('/proc/self/fd')) > 4: raise SystemExit('in the server only')",
    ],
)
def test_an_import_that_depends_on_the_hook_is_done_for_every_hook(
    environment: Path, tmp_path: Path, at_import: str
) -> None:
    source = (
        f"import os\n{at_import}\ndef build_wheel(*_): return os.getppid(), globals().get('seen')\n"
    )

    in_process, in_fork = Backend(environment, tmp_path, source).call_both()

    assert in_process.returned[0] == os.getpid()
    assert in_fork == in_process


def test_what_an_import_changes_stays_changed(environment: Path, tmp_path: Path) -> None:
    source = (
        "import os, warnings, sys\n"
        "os.environ['SET'] = 'x'; del os.environ['PATH']; os.umask(0o77)\n"
        "warnings.simplefilter('ignore')\n"
        "def build_wheel(*_):\n"
        "    return [sorted(os.environ.items()), sorted(map(str, os.environb.items())),\n"
        "            os.umask(0), os.popen('/usr/bin/env').read(), str(warnings.filters)]\n"
    )

    in_process, in_fork = Backend(environment, tmp_path, source).call_both()

    assert ["SET", "x"] in in_process.returned[0]
    assert in_fork == in_process


def test_a_backend_that_is_missing_is_missed_in_the_same_words(
    environment: Path, tmp_path: Path
) -> None:
    backend = Backend(environment, tmp_path, "")
    backend.name = "nowhere.to_be_found"

    in_process, in_fork = backend.call_both()

    assert (in_process.code, in_process.returned) == (0, None)
    assert in_fork == in_process


def test_a_hook_that_takes_too_long_ends_with_its_child(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)

    with runners(timeout=2) as (_, servers):
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            backend.call(servers)
        itself, _server, child = read_numbers(tmp_path)
        wait_until(lambda: not (is_running(itself) or is_running(child)))

    assert (caught.value.timeout, caught.value.output) == (2, "waiting\n")


def test_an_import_that_takes_too_long_is_reported_as_in_a_process(
    environment: Path, tmp_path: Path
) -> None:
    backend = Backend(environment, tmp_path, "import time; time.sleep(60)")

    with runners(timeout=1) as (_, servers), pytest.raises(subprocess.TimeoutExpired) as caught:
        backend.call(servers)

    assert caught.value.cmd[1] == HOOK_SCRIPT


def test_what_a_hook_leaves_running_ends_with_it(environment: Path, tmp_path: Path) -> None:
    source = (
        "import subprocess\ndef build_wheel(*_): return subprocess.Popen(['sleep', '60']).pid\n"
    )

    with runners() as (_, servers):
        left = Backend(environment, tmp_path, source).call(servers).returned
        wait_until(lambda: not is_running(left))


def test_a_server_that_is_killed_does_no_harm_to_its_hooks(
    environment: Path, tmp_path: Path
) -> None:
    source = (
        "import os, time\n"
        "def build_wheel(*_):\n"
        "    if os.getppid() == int(os.environ['SOURCE_DATE_EPOCH']): return 'built'\n"
        "    os.kill(os.getppid(), 9); time.sleep(60)\n"
    )
    backend = Backend(environment, tmp_path, source)

    with runners() as (_, servers):
        outcome = backend.call(servers, SOURCE_DATE_EPOCH=str(os.getpid()))

    assert outcome == Outcome(0, "", "built")


def test_leaving_the_context_ends_a_hook_and_its_server(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)
    outcomes: list[Outcome] = []

    with runners() as (_, servers):
        waiter = threading.Thread(target=lambda: outcomes.append(backend.call(servers)))
        waiter.start()
        numbers = read_numbers(tmp_path)
    waiter.join(10)

    assert [outcome.code for outcome in outcomes] == [-signal.SIGKILL]
    wait_until(lambda: not any(map(is_running, numbers)))


def test_nothing_survives_the_sudden_end_of_this_program(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)
    program = f"""
from steps.building import fork_server
from steps.children import Children
from steps.building.fork_server import ForkServers
with Children() as children, ForkServers(children) as servers:
    servers.run(
        {backend.command()!r},
        cwd={str(tmp_path)!r},
        environ={{"_PYPROJECT_HOOKS_BUILD_BACKEND": {backend.name!r}}},
    )
"""

    with subprocess.Popen([sys.executable, "-c", program]) as ours:
        try:
            numbers = read_numbers(tmp_path)
        finally:
            ours.kill()

    wait_until(lambda: not any(map(is_running, numbers)))


# In an environment: imports a backend, prepares for its hooks, and says what it could not do.
_PREPARE = """
import importlib, sys
sys.path.insert(0, sys.argv[2])
import fork_server_main as main
backend = sys.argv[1]
if not main.preload(backend):
    print("every hook has a process of its own")
for part in main._PARTS[backend].split():
    if part not in sys.modules:
        print("there is no", part)
for module, function, _ in main._CACHES.get(backend, ()):
    if not hasattr(importlib.import_module(module), function):
        print("there is no", function)
"""


@pytest.mark.parametrize(
    ("requirement", "backend"),
    [
        ("flit-core", "flit_core.buildapi"),
        ("hatchling", "hatchling.build"),
        ("poetry-core", "poetry.core.masonry.api"),
        ("setuptools", "setuptools.build_meta"),
    ],
)
def test_all_that_is_prepared_is_in_the_backends_of_the_image(
    requirement: str, backend: str, environment: Path
) -> None:
    root = Path(fork_server.__file__).parents[2]
    install = [uv.find_uv_bin(), "pip", "install", "--quiet"]
    pins = ["--constraint", str(root / "builder" / "backends.txt"), "--no-verify-hashes"]
    python = str(environment / "bin/python")
    subprocess.run([*install, "--python", python, *pins, requirement], check=True)

    said = subprocess.run(
        [python, "-c", _PREPARE, backend, str(Path(fork_server.__file__).parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=60,
        cwd=environment,
    )

    assert said.stdout == ""
