"""The ways that are measured, each as the programs that somebody would type, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
ROOT = Path(__file__).parents[2]
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


def run(*command: str, **environ: str) -> None:
    """Run a program to its end, silently; raise CalledProcessError when it fails."""
    subprocess.run(
        command,
        cwd=ROOT,
        env={**ENVIRON, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def build_and_twine(package: Path, url: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(PYTHON, "-m", "build", "--outdir", folder, *options, str(package))
        files = [str(path) for path in Path(folder).iterdir()]
        run(PYTHON, "-m", "twine", "check", *files)
        run(PYTHON, "-m", "twine", "upload", "--repository-url", url, *files)


def build_with_uv_and_twine(package: Path, url: str) -> None:
    build_and_twine(package, url, "--installer", "uv")


def uv(package: Path, url: str) -> None:
    program, folder = str(BIN / "uv"), package / "dist-uv"
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
    except subprocess.CalledProcessError:
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
    command = [str(BIN / "shipwheel"), "publish", "--registry", url, "--workers", str(workers)]
    return [*command, *map(str, packages)]
