"""For each place where a version can live: a bump that `check` accepts, and the smallest diff."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import shipwheel_at
from tests.integration.selection import sample
from tests.integration.steps.version.registry import hold
from tests.tree import commit, git, write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

_SETUPTOOLS = '[build-system]\nrequires = ["setuptools>=80"]\nbuild-backend = "{}"\n'.format(
    "setuptools.build_meta"
)
_DYNAMIC = '\n[project]\nname = "tides"\ndynamic = ["version"]\n'


def _hatch(version: str) -> str:
    build = '[build-system]\nrequires = ["hatchling>=1.27"]\nbuild-backend = "hatchling.build"\n'
    return f"{build}{_DYNAMIC}\n[tool.hatch.version]\n{version}\n"


def _dynamic(version: str, more: str = "") -> str:
    return f"{_SETUPTOOLS}{_DYNAMIC}\n[tool.setuptools.dynamic]\nversion = {version}\n{more}"


# The first file is the one that changes.
PLACES = {
    "project": {
        "pyproject.toml": "[build-system]\nrequires = ['uv_build>=0.8']\n"
        "build-backend = 'uv_build'\n\n[project]\nname = 'tides'  # 1.0.0\n"
        "version   =   '1.0.0'  # of the tides 1.0.0\nrequires-python = '>=3.11'\n"
        "[tool.uv.build-backend]\nmodule-root = ''\n",
    },
    "poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "tides"\ndescription = "1.0.0"\n'
        'authors = []\nversion = "1.0.0" # here\n\n[build-system]\nrequires = ["poetry-core>=2"]\n'
        'build-backend = "poetry.core.masonry.api"\n',
    },
    "setup.cfg": {
        "setup.cfg": "# 1.0.0\n[metadata]\nname = tides\n"
        "version : 1.0.0\n\n[options]\npackages = tides\npython_requires = >=3.1, != 1.0.0\n",
        "pyproject.toml": _SETUPTOOLS,
    },
    "setup.py": {
        "setup.py": '"""1.0.0"""\r\nfrom setuptools import setup\r\n\r\nVERSION = \'1.0.0\'\r\n'
        'setup(name="tides", version=VERSION, description="1.0.0", packages=["tides"])\r\n',
        "pyproject.toml": _SETUPTOOLS,
    },
    "setup.py-annotated": {
        "setup.py": "import setuptools\nVERSION: str = '1.0.0'\n"
        "setuptools.setup(name='tides', version=VERSION, packages=['tides'])\n",
        "pyproject.toml": _SETUPTOOLS,
    },
    "attr-numbers": {
        "tides/__init__.py": "OTHER = '1.0.0'\nVERSION = (1, 0, 0)\n",
        "pyproject.toml": _dynamic('{ attr = "tides.VERSION" }'),
    },
    "attr-in-a-folder-of-another-name": {
        "lib/_version.py": "__version__ = version = '1.0.0'\n",
        "lib/__init__.py": "",
        "pyproject.toml": _dynamic(
            '{ attr = "tides._version.__version__" }',
            '[tool.setuptools]\npackages = ["tides"]\npackage-dir = { tides = "lib" }\n',
        ),
    },
    "attr": {
        "src/tides/__init__.py": '"""1.0.0"""\nOTHER = "1.0.0"\n'
        '__version__: str = "1.0.0"  # 1.0.0\n',
        "pyproject.toml": _dynamic('{ attr = "tides.__version__" }'),
    },
    "attr-imported": {
        "lib/tides/_about.py": "VERSION = '1.0.0'\n",
        "lib/tides/__init__.py": "from ._about import VERSION as __version__\n",
        "pyproject.toml": _dynamic(
            '{ attr = "tides.__version__" }', '[tool.setuptools.packages.find]\nwhere = ["lib"]\n'
        ),
    },
    "attr-in-setup.cfg": {
        "tides/version.py": 'number = "1.0.0"\n',
        "setup.cfg": "[metadata]\nname = tides\nversion = attr: tides.version.number\n"
        "[options]\npackages = tides\n",
        "pyproject.toml": _SETUPTOOLS,
    },
    "file": {"VERSION": "\n1.0.0\n", "pyproject.toml": _dynamic('{ file = "VERSION" }')},
    "file-in-setup.cfg": {
        "VERSION.txt": "1.0.0",
        "setup.cfg": "[metadata]\nname = tides\nversion = file: VERSION.txt\n"
        "[options]\npackages = tides\n",
        "pyproject.toml": _SETUPTOOLS,
    },
    "hatch-path": {
        "tides/about.py": '# 1.0.0\nminimum = "1.0.0"\n__version__ = "1.0.0"\n',
        "pyproject.toml": _hatch('path = "tides/about.py"'),
    },
    "hatch-pattern": {
        "tides/about.txt": "since 1.0.0\nrelease: 1.0.0 (stable)\n",
        "pyproject.toml": _hatch(
            "path = 'tides/about.txt'\npattern = '^release: (?P<version>[0-9.]+)'"
        ),
    },
    "hatch-pattern-to-the-end-of-a-line": {
        "rel.env": "export OLD=1.0.0\r\nexport V=1.0.0\r\n",
        "pyproject.toml": _hatch("path = 'rel.env'\npattern = '^export V=(?P<version>.+)$'"),
    },
    "flit": {
        "tides/__init__.py": '"""Tides 1.0.0."""\n\n__version__ = "1.0.0"\n',
        "pyproject.toml": '[build-system]\nrequires = ["flit_core>=3.11"]\n'
        f'build-backend = "flit_core.buildapi"\n{_DYNAMIC}description = "Tides."\n',
    },
    "pdm": {
        "tides/__init__.py": 'first = "1.0.0"\n__version__ = "1.0.0"  # 1.0.0\n',
        "pyproject.toml": '[build-system]\nrequires = ["pdm-backend>=2.4"]\n'
        f'build-backend = "pdm.backend"\n{_DYNAMIC}\n[tool.pdm.version]\nsource = "file"\n'
        'path = "tides/__init__.py"\n',
    },
}


@sample("place", PLACES, "project", "poetry", "setup.cfg", "attr", "hatch-path")
def test_the_version_is_written_where_it_lives_and_check_accepts_it(
    place: str, tmp_path: Path, emulator: Emulator
) -> None:
    files = {"tides/__init__.py": '"""Tides."""\n', **PLACES[place]}
    if any(it.startswith(("src/", "lib/")) for it in files):
        del files["tides/__init__.py"]
    root = write(tmp_path / "repository", {})
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    commit(root)
    hold(tmp_path / "registry", "tides", "0.9", "1.0.0")

    bumped = shipwheel_at(emulator.host, "bump", root, "--to", "patch", "--json")

    assert bumped.returncode == 0, bumped.stderr
    changed = next(iter(PLACES[place]))
    assert git(root, "diff", "--numstat") == f"1\t1\t{changed}"
    assert git(root, "status", "--porcelain") == f"M {changed}"
    after = (root / changed).read_bytes().decode()
    assert len(after) == len(files[changed])
    differing = [at for at, it in enumerate(files[changed]) if it != after[at]]
    assert [files[changed][at : at + 1] + after[at] for at in differing] == ["01"]
    assert json.loads(bumped.stdout)["projects"][0]["new"] == "1.0.1"
    checked = shipwheel_at(emulator.host, "check", root, "--json")
    assert checked.returncode == 0, checked.stderr
    judged = json.loads(checked.stdout)["projects"][0]
    assert (judged["version"], judged["outcome"]) == ("1.0.1", "new")
