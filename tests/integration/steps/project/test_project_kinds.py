"""Projects without `[build-system]`: what builds, what is passed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import environment, shipwheel
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

PROJECT = '[project]\nname = "{}"\nversion = "1.0"\n'
FILES = {
    "old/setup.py": (
        "from setuptools import setup\nsetup(name='Old_One', version='0.1', py_modules=['old'],"
        " install_requires=['configured'])\n"
    ),
    "old/old.py": "",
    "configured/setup.py": "import setuptools\nsetuptools.setup()\n",
    "configured/setup.cfg": (
        "[metadata]\nname = configured\nversion = attr: here.__version__\n"
        "[options]\npy_modules = here\n"
    ),
    "configured/here.py": "__version__ = '2.0'\n",
    "bare/pyproject.toml": PROJECT.format("bare"),
    "bare/bare.py": "",
    "tools/pyproject.toml": "[tool.black]\nline-length = 99\n",
    "tools/setup.py": "from setuptools import setup\nsetup(name='tools', version='3')\n",
    "lonely/setup.cfg": "[metadata]\nname = lonely\n",
    "app/pyproject.toml": PROJECT.format("app"),
    "app/main.py": "",
    "old/scripts/setup.py": "def prepare() -> None: ...\n",
}


def test_all_publishes_every_kind_twice_alike_and_says_what_it_passes_over(
    emulator: Emulator, tmp_path: Path
) -> None:
    environ = environment(emulator.host)
    write(tmp_path, FILES)

    first = shipwheel(environ, "publish", "--all", "--json", cwd=tmp_path)
    again = shipwheel(environ, "publish", "--all", "--json", cwd=tmp_path)

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    rows = {(it["project"], it["version"], it["outcome"]) for it in json.loads(first.stdout)}
    assert rows == {
        ("old-one", "0.1", "new"),
        ("configured", "2.0", "new"),
        ("bare", "1.0", "new"),
        ("tools", "3", "new"),
    }
    assert {it["outcome"] for it in json.loads(again.stdout)} == {"identical"}
    passed_over = [line for line in first.stderr.splitlines() if line.startswith("Passed over")]
    assert [line.split("'")[1] for line in passed_over] == ["app", "lonely", "old/scripts"]
    assert passed_over[2] == "Passed over 'old/scripts': its setup.py does not call setup()"
