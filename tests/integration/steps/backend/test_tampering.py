"""What real backends build, and a published file that differs from it in one member."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from steps.backend.building import build
from steps.distribution.archive import open_archive, open_sdist
from steps.distribution.contents import compare
from steps.host.errors import InputError
from steps.project.source import read_project
from tests.integration.selection import sample
from tests.integration.steps.backend.projects import copied

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from steps.backend.context import BuildContext
    from steps.distribution.files import Distribution

    Capsys = pytest.CaptureFixture[str]

SCRIPT = '[project.scripts]\ntide = "os:getcwd"\n'
EXTENSION = """\
import time
from setuptools import Extension, setup
stamp = [("STAMP", time.time_ns())]
setup(ext_modules=[Extension("_tide", ["tide.c"], define_macros=stamp, py_limited_api=False)])
"""
TIDE_C = """\
#include <Python.h>
long long stamp = STAMP;
static struct PyModuleDef tide = {PyModuleDef_HEAD_INIT, "_tide", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__tide(void) { return PyModule_Create(&tide); }
"""


def members_of(path: Path) -> dict[str, bytes]:
    with open_archive(path) as archive:
        return {name: archive.read(name) for name in archive.names()}


def write_members(path: Path, members: dict[str, bytes]) -> Path:
    """Write a distribution with *members*, and a RECORD that is true of them."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".whl":
        record = next(name for name in members if name.endswith(".dist-info/RECORD"))
        rows = [
            f"{name},sha256={encoded(content)},{len(content)}\n"
            for name, content in members.items()
            if name != record
        ]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, "".join(rows) if name == record else content)
        return path
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return path


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def tampered(name: str, content: bytes) -> bytes:
    """Return *content* with a change that means something in a file of this name."""
    if name.endswith(("METADATA", "PKG-INFO")):
        return content.replace(b"\nSummary: ", b"\nSummary: Not ", 1)
    if name.endswith("/WHEEL"):
        return content.replace(b"purelib: true", b"purelib: false", 1).replace(
            b"Purelib: true", b"Purelib: false", 1
        )
    if name.endswith("/SOURCES.txt"):
        return content.replace(b"README.md\n", b"", 1)
    if name.endswith("entry_points.txt"):
        return content.replace(b"os:getcwd", b"os:abort")
    return content + (b"\n[evil]\n" if name == "pyproject.toml" else b"# evil\n")


# What setuptools writes anew from PKG-INFO, and what follows from the other members.
DERIVED = re.compile(r".*\.egg-info/(dependency_links|requires|top_level)\.txt|.*/RECORD")


@pytest.mark.attack("a published file that differs")
@sample("backend", ["setuptools", "hatchling", "flit", "poetry-core", "uv-build"], "setuptools")
def test_every_member_that_a_backend_writes_counts_and_nothing_replaces_it(
    backend: str, context: BuildContext, tmp_path: Path
) -> None:
    source = copied(backend, tmp_path / "project")
    settings = source / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[tool.", f"{SCRIPT}[tool.", 1))
    if SCRIPT not in settings.read_text():
        settings.write_text(settings.read_text() + SCRIPT)
    for built in build(read_project(source), context):
        sound = members_of(built.path)
        assert compare(built, write_members(tmp_path / "same" / built.filename, sound)) == ()
        for name in sound:
            if DERIVED.fullmatch(name):
                continue
            changed = {**sound, name: tampered(name, sound[name])}
            assert changed != sound, name
            for extra in hiding_places(name, built):
                theirs = {**changed, **({extra: sound[name]} if extra else {})}
                path = write_members(tmp_path / "theirs" / built.filename, theirs)
                assert differs(built, path), (name, extra)


def differs(built: Distribution, theirs: Path) -> bool:
    try:
        return bool(compare(built, theirs))
    except InputError:  # a name that comes twice
        return True


def hiding_places(name: str, built: Distribution) -> list[str]:
    """Return where the original may be put, so that a reader takes it for what was changed."""
    folder, _, rest = name.rpartition("/")
    stem = f"{built.name.replace('-', '_')}"
    places = ["", f"{name}.orig", f"./{name}", f"{stem}-0.data/purelib/{name}"]
    if ".dist-info" in folder:
        places += [f"{folder}/licenses/{rest}", f"{folder}/license_files/{rest}"]
        places += [f"{stem}-0.dist-info/{rest}", f"{built.name.title()}-1.0.dist-info/{rest}"]
    if ".egg-info" in folder:
        places += [f"src/{name}", f"{built.name.title()}.egg-info/{rest}"]
    return [place for place in places if place != name]


@pytest.fixture(name="command")
def _command(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", emulator.host)
    return ["-q", "publish", "--registry", "us-east4/demo/pypi", "--json"]


def published(tmp_path: Path, pattern: str) -> Path:
    return next((tmp_path / "registry").rglob(pattern))


def outcomes(capsys: Capsys) -> set[tuple[str, str]]:
    return {(row["outcome"], row["result"]) for row in json.loads(capsys.readouterr().out)}


@pytest.mark.attack("a published file that differs")
@pytest.mark.emulator(repositories=["demo/pypi"])
def test_a_compiled_package_is_rebuilt_while_its_source_is_the_published_one(
    command: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    project = copied("setuptools", tmp_path / "project")
    (project / "setup.py").write_text(EXTENSION)
    (project / "tide.c").write_text(TIDE_C)

    assert main([*command, str(project)]) == 0
    assert outcomes(capsys) == {("new", "uploaded")}
    assert main([*command, str(project)]) == 0
    assert outcomes(capsys) == {("rebuilt", "found")}

    (project / "tide.c").write_text(TIDE_C.replace("NULL}", "NULL }"))
    assert main([*command, str(project)]) == 1
    assert "file changed: tide.c" in capsys.readouterr().err

    (project / "tide.c").write_text(TIDE_C)
    published(tmp_path, "*.tar.gz").unlink()
    assert main([*command, str(project)]) == 1
    assert ": file changed: _tide.cpython-" in capsys.readouterr().err


@pytest.mark.emulator(repositories=["demo/pypi"])
def test_the_tree_of_an_unpacked_sdist_is_published_and_published_again(
    command: list[str], tmp_path: Path, capsys: Capsys, context: BuildContext
) -> None:
    _, sdist = build(read_project(copied("hatchling", tmp_path / "project")), context)
    with open_sdist(sdist.path) as archive:
        fork = archive.unpack(tmp_path / "fork")
    assert (fork / "PKG-INFO").is_file()

    assert main([*command, str(fork)]) == 0
    assert main([*command, str(fork)]) == 0

    # Another version of the backend wrote it, and the fork has a version of its own.
    stale = "Metadata-Version: 2.0\nName: Condition.Hatchling\nVersion: 1.0\n"
    (fork / "PKG-INFO").write_text(stale)
    settings = fork / "pyproject.toml"
    settings.write_text(settings.read_text().replace('"1.0"', '"1.0.post1"'))
    assert main([*command, str(fork)]) == 0
    with open_sdist(published(tmp_path, "*post1.tar.gz")) as archive:
        assert b"Version: 1.0.post1" in archive.read("PKG-INFO")
    capsys.readouterr()

    (fork / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: other\nVersion: 0\n")
    assert main([*command, str(fork)]) == 2
    assert capsys.readouterr().err == (
        "error: 'condition_hatchling-1.0.post1.tar.gz' holds 'PKG-INFO' more than once, with"
        " different contents\n"
        "  hint: pack one of them: remove it from the project's folder where an unpacked sdist or"
        " an earlier build left it, or exclude it in the settings of the build backend\n"
    )
    (fork / "PKG-INFO").unlink()
    assert main([*command, str(fork)]) == 0


@pytest.mark.emulator(repositories=["demo/pypi"])
def test_an_sdist_that_packs_a_distribution_of_its_own_is_refused(
    command: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    project = copied("setuptools", tmp_path / "project")
    (project / "MANIFEST.in").write_text("graft dist\ngraft old\n")

    assert main([*command, str(project)]) == 0
    assert main([*command, str(project)]) == 0  # what the last publish left is not packed
    assert capsys.readouterr().out.count('"outcome": "identical"') == 2
    shutil.copytree(project / "dist", project / "old")
    assert main([*command, str(project)]) == 2
    assert capsys.readouterr().err.startswith(
        "error: 'condition_setuptools-1.0.tar.gz' holds a distribution of its own project:"
        " 'old/condition_setuptools-1.0"
    )


@pytest.mark.emulator(repositories=["demo/pypi"])
def test_published_metadata_that_cannot_be_read_is_the_registrys_fault(
    command: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    project = copied("flit", tmp_path / "project")
    assert main([*command, str(project)]) == 0
    wheel = published(tmp_path, "*.whl")
    sound = members_of(wheel)
    name = next(name for name in sound if name.endswith("/METADATA"))
    capsys.readouterr()

    def published_with(metadata: bytes) -> tuple[int, str]:
        write_members(wheel, {**sound, name: metadata})
        return main([*command, str(project)]), capsys.readouterr().err

    latin = sound[name].rstrip() + b"\n\ncaf\xe9\n"
    parts = b"Content-Type: multipart/x; boundary=x\n" + sound[name] + b"\n--x\n\na\n--x--\n"
    for broken in (latin, parts):
        code, error = published_with(broken)
        assert code == 4, error
        assert "The registry holds a file that cannot be compared: " in error
        assert "holds metadata that cannot be read: " in error
        assert "hint: look at how it came there; a new version does not need it" in error
    code, error = published_with(sound[name].replace(b"Summary: ", b"Summary: caf\xe9 "))
    assert (code, "metadata field changed: Summary" in error) == (1, True)


@pytest.mark.emulator(repositories=["demo/pypi"])
def test_the_other_order_of_the_same_tags_is_the_same_wheel(
    command: list[str], tmp_path: Path, capsys: Capsys, context: BuildContext
) -> None:
    project = copied("flit", tmp_path / "project")
    wheel, sdist = build(read_project(project), context)
    sdist.path.unlink()
    one = "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64"
    other = "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64"
    path = wheel.path.rename(wheel.path.with_name(wheel.filename.replace("py3-none-any", one)))
    command[1] = "upload"

    assert main([*command, str(project)]) == 0
    path = path.rename(path.with_name(path.name.replace(one, other)))
    assert main([*command, str(project)]) == 0
    assert outcomes_of_last(capsys) == {("identical", "found")}
    members = members_of(path)
    write_members(path, {**members, "condition_flit.py": b"EVIL = 1\n"})
    assert main([*command, str(project)]) == 1
    assert "file changed: condition_flit.py" in capsys.readouterr().err


def outcomes_of_last(capsys: Capsys) -> set[tuple[str, str]]:
    text = capsys.readouterr().out
    rows = json.loads(text[text.rindex("[\n") :])
    return {(row["outcome"], row["result"]) for row in rows}
