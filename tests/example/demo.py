"""`make demo`: the whole pipeline on the sample repository, without Google Cloud or Docker.

Runs the sample's own build config three times with the local builder, against one registry
emulator: everything is new, then everything is identical, then one edited line is refused. At the
end the edit is taken back, and a receipt tells what the registry holds.
Works on a copy in `.demo/`, so the sample stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from builder.server import Emulator

SAMPLE = Path(__file__).parent
FOLDER = SAMPLE.parents[1] / ".demo"
EDITED = "packages/tides/src/harbour_tides/__init__.py"


def main() -> int:
    """Run the builds; return 0 when each ended as it should."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    source = FOLDER / "sample"
    shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("dist", "*.egg-info", "demo.py"))
    (FOLDER / "tmp").mkdir()
    with Emulator(FOLDER / "registry", repositories=["demo/pypi"]) as emulator:
        build = partial(_build, source, emulator.host)
        # Where one part ends otherwise, so would those that follow.
        well = (
            build("1. Everything is new", expected=0)
            and build("2. The same again: nothing to do", expected=0)
            and _edit(source / EDITED)
            and build("3. One line edited, same version: refused", expected=1)
            and _take_back(source / EDITED)
            and build("The receipt", "--only", "publish", expected=0)
        )
    shutil.rmtree(FOLDER)
    print("\nEach part of the demo ended as it should." if well else "\nThe demo ends here.")
    return 0 if well else 1


def _build(source: Path, host: str, title: str, *options: str, expected: int) -> bool:
    print(f"\n=== {title} ===\n", flush=True)
    temporary = str(FOLDER / "tmp")
    environ = os.environ | {"ARTIFACT_REGISTRY_EMULATOR_HOST": host, "TMPDIR": temporary}
    command = ["run", "cloudbuild.yaml", "--substitutions", "PROJECT_ID=demo", *options]
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "builder", *command], cwd=source, env=environ, check=False
    )
    if ended.returncode != expected:
        print(f"The build ended with {ended.returncode}, not {expected}.", file=sys.stderr)
    return ended.returncode == expected


def _edit(path: Path) -> bool:
    path.write_text(path.read_text() + "\nSPRING_TIDE = True\n")
    print(f"\n$ echo 'SPRING_TIDE = True' >> {EDITED}", flush=True)
    return True


def _take_back(path: Path) -> bool:
    shutil.copy2(SAMPLE / EDITED, path)
    print(f"\n$ git restore {EDITED}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
