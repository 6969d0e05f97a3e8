"""A hook in a fork is, for all that it can tell, a hook in a process of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import uv

from steps.backend import fork_server
from tests.integration.steps.backend.hooks import Backend, runners

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


# It returns when it was imported.
IMPORTED = "import time\nimported = time.time_ns()\ndef build_wheel(*_): return imported\n"


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
    backends = [Backend(environment, it, IMPORTED) for it in (tmp_path, tmp_path / "second")]

    with runners() as (_, servers):
        first, second, *again = [it.call(servers).returned for it in (*backends, *backends)]

    assert again[0] == first
    assert again[1] != second


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


def test_a_file_that_was_not_closed_is_written_to_its_end(
    environment: Path, tmp_path: Path
) -> None:
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
    source = f"{IMPORTED}import os\n{at_import}\n"
    source += "def build_wheel(*_): return imported, globals().get('seen')\n"
    backend = Backend(environment, tmp_path, source)

    with runners() as (children, servers):
        outcomes = [backend.call(runner) for runner in (children, servers, servers)]

    assert len({outcome.returned[0] for outcome in outcomes}) == 3
    assert len({(it.code, it.output, repr(it.returned[1])) for it in outcomes}) == 1


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


def test_a_hook_whose_backend_is_not_named_has_a_process_of_its_own(environment: Path) -> None:
    command = [str(environment / "bin/python"), "-c", "import os; print(dict(os.environ))"]

    with runners() as (_, servers):
        assert (
            servers.run(command, cwd=".", environ={"A": "b"})
            == "{'A': 'b', 'LC_CTYPE': 'C.UTF-8'}\n"
        )


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
