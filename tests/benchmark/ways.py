"""The ways that are measured, each as a person would type the programs on this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
ROOT = Path(__file__).parents[2]
_PATIENCE = 600  # seconds for a program
_SHOWN = 4000  # characters of what a program printed
# Backends are compiled once, as on most machines; the settings of this shell do not count.
ENVIRON = {
    key: value
    for key, value in os.environ.items()
    if key not in {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH"}
} | {
    "TWINE_USERNAME": "nobody",
    "TWINE_PASSWORD": "nothing",
    "UV_PUBLISH_USERNAME": "nobody",
    "UV_PUBLISH_PASSWORD": "nothing",
}


class ProgramFailed(Exception):  # noqa: N818 - what happened
    """A program that is measured failed; says which, and what it printed."""

    def __init__(self, command: Sequence[str], code: int | None, output: IO[str]) -> None:
        output.seek(0)
        how = "took too long" if code is None else f"ended with {code}"
        super().__init__(f"{shlex.join(command)} {how}:\n{output.read()[-_SHOWN:].strip()}")


def run(*command: str, **environ: str) -> None:
    """Run a program to its end, silently; raise ProgramFailed when it fails."""
    with tempfile.TemporaryFile("w+") as output:
        try:
            code = subprocess.run(
                command,
                cwd=ROOT,
                env={**ENVIRON, **environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_PATIENCE,
            ).returncode
        except subprocess.TimeoutExpired:
            raise ProgramFailed(command, None, output) from None
        if code:
            raise ProgramFailed(command, code, output)


def build_and_twine(package: Path, url: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(PYTHON, "-m", "build", "--outdir", folder, *options, str(package))
        files = [str(path) for path in Path(folder).iterdir()]
        run(PYTHON, "-m", "twine", "check", *files)
        run(PYTHON, "-m", "twine", "upload", "--repository-url", url, *files)


def build_with_uv_and_twine(package: Path, url: str) -> None:
    build_and_twine(package, url, "--installer", "uv")


def uv(package: Path, url: str) -> None:
    # Beside the package: what is in it would be packed by the others.
    program, folder = str(BIN / "uv"), package.with_name(f"dist-{package.name}")
    run(program, "build", "--quiet", "--out-dir", str(folder), str(package))
    publish = [
        program,
        "publish",
        "--trusted-publishing",
        "never",
        "--publish-url",
        url,
        "--check-url",
        f"{url}simple/",
    ]
    try:
        run(*publish, *map(str, sorted(folder.glob("*-*.*"))))
    except ProgramFailed:
        # The second time: it refuses an sdist of setuptools, which differs with every build.
        if not (folder / "published").exists():
            raise
    (folder / "published").touch()


def loop(way: Callable[[Path, str], None]) -> Callable[[Sequence[Path], str, int], None]:
    """Return the loop that goes *way* with each package, so many at a time."""

    def run_loop(packages: Sequence[Path], url: str, workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda package: way(package, url), packages))

    return run_loop


def floor(packages: Sequence[Path], url: str, workers: int) -> None:
    run(PYTHON, "-m", "tests.benchmark.floor", url, str(workers), *map(str, packages))


def shipwheel(packages: Sequence[Path], url: str, workers: int) -> None:
    run(*shipwheel_command(packages, url, workers))


def shipwheel_fresh(packages: Sequence[Path], url: str, workers: int) -> None:
    run(*shipwheel_command(packages, url, workers), "--no-build-cache")


def shipwheel_command(packages: Sequence[Path], url: str, workers: int) -> list[str]:
    command = [str(BIN / "shipwheel"), "publish", "--registry", url, "--first-release"]
    return [*command, "--workers", str(workers), *map(str, packages)]
