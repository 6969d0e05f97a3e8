"""Files that need no release, packed by real backends, against the emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import environment, shipwheel
from tests.integration.selection import sample
from tests.tree import commit, write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

GLOBS = '[tool.shipwheel]\nunversioned = ["README.md", "tests/**", "src/tides/tests/**"]\n'
PROJECT = '[project]\nname = "tides"\nversion = "1.0"\nreadme = "README.md"\n'
SETUP = """\
from pathlib import Path
from setuptools import setup

setup(name="tides", version="1.0", package_dir={"": "src"}, packages=["tides", "tides.tests"],
      long_description=Path("README.md").read_text() + "\\n" + Path("CHANGES.md").read_text())
"""


def build_system(requires: str, backend: str) -> str:
    return f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'


SETUPTOOLS = build_system("setuptools>=80", "setuptools.build_meta")
BACKENDS = {
    "flit": {
        "pyproject.toml": build_system("flit_core>=3.11,<4", "flit_core.buildapi")
        + f'{PROJECT}description = "Tides."\n[tool.flit.sdist]\ninclude = ["tests/"]\n'
    },
    "hatchling": {"pyproject.toml": build_system("hatchling", "hatchling.build") + PROJECT},
    "pdm": {
        "pyproject.toml": build_system("pdm-backend", "pdm.backend")
        + f'{PROJECT}[tool.pdm.build]\nsource-includes = ["tests"]\n'
    },
    "poetry": {
        "pyproject.toml": build_system("poetry-core>=2", "poetry.core.masonry.api")
        + '[tool.poetry]\nname = "tides"\nversion = "1.0"\ndescription = ""\nauthors = []\n'
        'readme = "README.md"\npackages = [{include = "tides", from = "src"}]\n'
        'include = [{path = "tests", format = "sdist"}]\n'
    },
    "setuptools": {
        "pyproject.toml": SETUPTOOLS,
        "setup.py": SETUP,
        "MANIFEST.in": "graft tests\ninclude *.md\n",
    },
    "uv-build": {
        "pyproject.toml": build_system("uv_build>=0.8", "uv_build")
        + f'{PROJECT}[tool.uv.build-backend]\nsource-include = ["tests/**"]\n'
    },
}


class Repository:
    def __init__(self, root: Path, emulator: Emulator, files: dict[str, str]) -> None:
        self.root, self.environ = root, environment(emulator.host)
        write(root / "tides", files)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        commit(self.root)
        done = shipwheel(self.environ, *arguments, cwd=self.root)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def files(request: pytest.FixtureRequest) -> dict[str, str]:
    return {
        "README.md": "# Tides\n\nOld.\n",
        "CHANGES.md": "1.0\n",
        "src/tides/__init__.py": '"""Tides."""\n',
        "src/tides/tests/__init__.py": "",
        "src/tides/tests/test_high.py": "HIGH = 1\n",
        "tests/tides/__init__.py": '"""Tides."""\n',
        "tests/test_low.py": "LOW = 1\n",
        **BACKENDS[request.param],
    }


def test_a_manifest_and_build_configs_that_a_backend_packs_need_no_release(
    tmp_path: Path, emulator: Emulator
) -> None:
    files = {"cloudbuild.yaml": "steps: []\n", "src/tides/__init__.py": "", "README.md": ""}
    repository = Repository(tmp_path, emulator, files | BACKENDS["hatchling"])
    repository.root /= "tides"
    assert repository.run("publish")[0] == 0

    (repository.root / "cloudbuild.yaml").unlink()
    write(repository.root, {"shipwheel.yaml": "", "cloudbuild/check.yaml": "steps: []\n"})
    assert " identical " in repository.run("check")[1]

    write(repository.root, {"cloudbuild/check.py": ""})
    assert repository.run("check")[0] == 1


EDITS = {
    "README.md": "# Tides\n\nNew.\n\nText\n",
    "src/tides/tests/test_high.py": "HIGH = 2\n",
    "src/tides/tests/test_new.py": "NEW = 1\n",
    "tests/test_low.py": "LOW = 2\n",
    "tests/test_lowest.py": "LOWEST = 2\n",
}


@sample("files", BACKENDS, "setuptools", indirect=True)
@pytest.mark.parametrize("place", ["pyproject.toml", "shipwheel.yaml"])
def test_a_difference_in_unversioned_files_alone_is_identical(
    place: str, files: dict[str, str], tmp_path: Path, emulator: Emulator
) -> None:
    repository = Repository(tmp_path / "repository", emulator, files)
    assert repository.run("publish", "tides")[0] == 0
    for path, text in EDITS.items():
        (repository.root / "tides" / path).write_text(text)

    (status, told, _) = repository.run("check", "tides", "--json")
    assert status == 1
    changed = {it["name"] for it in json.loads(told)["projects"][0]["differences"]}
    assert {"README.md", "src/tides/tests/test_new.py", "tides/tests/test_new.py"} <= changed

    if place == "pyproject.toml":
        with (repository.root / "tides/pyproject.toml").open("a") as file:
            file.write(f"\n{GLOBS}")
    else:
        globs = GLOBS.partition("= ")[2]
        write(repository.root, {"shipwheel.yaml": f"unversioned: {globs}"})
    (status, told, _) = repository.run("check", "tides", "--json")
    (found,) = json.loads(told)["projects"]
    assert (status, found["outcome"]) == (0, "identical"), found["reason"]
    assert all(it["unversioned"] for it in found["differences"])
    assert {it["name"] for it in found["differences"]} == {
        name for name in changed if not name.endswith("SOURCES.txt")
    }
    assert "; these need no release: file " in found["reason"]

    (status, table, narrated) = repository.run("publish", "tides")
    assert (status, "uploaded" in table) == (0, False)
    assert "tides 1.0 is published, all files, with the same contents; these need" in narrated

    (repository.root / "tides/src/tides/__init__.py").write_text("HIGH = 3\n")
    (status, _, refused) = repository.run("check", "tides")
    assert status == 1
    assert "file changed: tides/__init__.py" in refused
    assert "README.md" not in refused


@pytest.mark.parametrize("files", ["setuptools"], indirect=True)
def test_of_a_description_only_the_part_that_comes_from_such_a_file_needs_no_release(
    files: dict[str, str], tmp_path: Path, emulator: Emulator
) -> None:
    files["pyproject.toml"] += GLOBS
    repository = Repository(tmp_path / "repository", emulator, files)
    assert repository.run("publish", "tides")[0] == 0
    write(repository.root / "tides", {"README.md": "# Tides\n\nNew.\n", "CHANGES.md": "1.0 is\n"})

    (status, _, refused) = repository.run("check", "tides")

    assert status == 1
    assert "metadata field changed: Description" in refused
    assert "file changed: CHANGES.md" in refused
    assert "README.md" not in refused


@pytest.mark.parametrize("files", ["flit"], indirect=True)
def test_files_of_a_publish_that_was_faster_may_differ_in_these_too(
    files: dict[str, str], tmp_path: Path, emulator: Emulator
) -> None:
    files["pyproject.toml"] += GLOBS
    repository = Repository(tmp_path / "repository", emulator, files)
    commit(repository.root)
    assert repository.run("build", "tides")[0] == 0
    other = Repository(tmp_path / "other", emulator, {**files, **EDITS})
    assert other.run("publish", "tides")[0] == 0

    (status, table, _) = repository.run("upload", "tides")

    assert (status, "identical" in table) == (0, True)


def test_what_is_wrong_is_told_at_once_before_anything_is_built(
    tmp_path: Path, emulator: Emulator
) -> None:
    project = build_system("hatchling", "hatchling.build") + '[project]\nname = "a"\nversion="1"\n'
    table = (
        '[tool.shipwheel]\nunversoned = []\nunversioned = ["tests", "/x", "a[", "", "!README.md"]\n'
    )
    write(tmp_path, {"a/tests/x": "", "a/pyproject.toml": project + table})
    environ = environment(emulator.host)

    told = shipwheel(environ, "check", "a", cwd=tmp_path).stderr.splitlines()
    write(tmp_path, {"b/pyproject.toml": project, "shipwheel.yaml": "unversioned: README.md\n"})
    told += shipwheel(environ, "check", "b", cwd=tmp_path).stderr.splitlines()

    where = f"[tool.shipwheel] unversioned in {str(tmp_path / 'a/pyproject.toml')!r}"
    own = f"in {str(tmp_path / 'a/pyproject.toml')!r}"
    assert told == [
        f"error: [tool.shipwheel] has no key 'unversoned', {own}",
        "  hint: did you mean 'unversioned'?",
        f"error: {where}: 'tests' is a directory",
        "  hint: write tests/** for all that is in it",
        f"error: {where}: '/x' matches no file",
        "  hint: write it from the project's directory, such as tests/**",
        f"error: {where}: the glob 'a[' is malformed: a [ has no ]",
        "  hint: fix it, or escape the character with a backslash",
        f"error: {where}: '' matches no file",
        "  hint: write it from the project's directory, such as tests/**",
        f"error: {where}: '!README.md' is a negation, which globs do not have",
        "  hint: name only the files that are meant: a glob cannot leave others out",
        f"error: `unversioned` in {str(tmp_path / 'shipwheel.yaml')!r} is 'README.md'",
        "  hint: list globs of files: unversioned: [tests/**]",
    ]
