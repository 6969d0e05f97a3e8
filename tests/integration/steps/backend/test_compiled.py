"""Compiled packages: the same source gives the same bytes, wherever and however it is built."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps.backend.building import build
from steps.backend.context import BuildOptions, open_build_context
from steps.project.source import read_project
from tests.integration.program import COMMAND, shipwheel
from tests.integration.selection import sample
from tests.tree import commit, git, write

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "tides"\nversion = "1.0"\nreadme = "README.md"\n'
MODULE = """
#include <Python.h>
static PyObject *file(PyObject *self, PyObject *none) { return PyUnicode_FromString(__FILE__); }
static PyMethodDef methods[] = {{"file", file, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_c", "", -1, methods};
PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }
"""
BOUND = """
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
PYBIND11_MODULE(_c, m) { m.def("size", [](std::vector<int> v) { return v.size(); }); }
"""


def requires(backend: str, *requirements: str) -> str:
    return f'[build-system]\nrequires = {[*requirements]}\nbuild-backend = "{backend}"\n{PROJECT}'


# What is compiled has debug information, which names the folders that the compiler worked in.
SAMPLES = {
    "setuptools": {
        "pyproject.toml": requires("setuptools.build_meta", "setuptools"),
        "setup.py": "from setuptools import Extension, setup\nsetup(packages=['tides'],"
        " ext_modules=[Extension('tides._c', ['tides/c.c'], extra_compile_args=['-g'])])\n",
        "tides/c.c": MODULE,
    },
    "pybind11": {
        "pyproject.toml": requires("setuptools.build_meta", "setuptools", "pybind11"),
        "setup.py": "from setuptools import setup\n"
        "from pybind11.setup_helpers import Pybind11Extension as Extension\n"
        "setup(packages=['tides'], ext_modules=[Extension('tides._c', ['tides/c.cpp'])])\n",
        "tides/c.cpp": BOUND,
    },
    "scikit-build-core": {
        "pyproject.toml": requires("scikit_build_core.build", "scikit-build-core", "pybind11"),
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15...3.27)\n"
        "project(tides LANGUAGES CXX)\nset(CMAKE_BUILD_TYPE RelWithDebInfo)\n"
        "find_package(pybind11 CONFIG REQUIRED)\npybind11_add_module(_c tides/c.cpp)\n"
        "install(TARGETS _c DESTINATION tides)\n",
        "tides/c.cpp": BOUND,
    },
    "meson-python": {
        "pyproject.toml": requires("mesonpy", "meson-python"),
        "meson.build": "project('tides', 'c', version: '1.0',"
        " default_options: ['buildtype=debugoptimized'])\n"
        "python = import('python').find_installation(pure: false)\n"
        "python.install_sources('tides/__init__.py', subdir: 'tides')\n"
        "python.extension_module('_c', 'tides/c.c', install: true, subdir: 'tides')\n",
        "tides/c.c": MODULE,
    },
    "maturin": {
        "pyproject.toml": requires("maturin", "maturin"),
        "Cargo.toml": '[package]\nname = "tides"\nversion = "1.0.0"\nedition = "2021"\n'
        "[profile.release]\ndebug = true\n",
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "tides"\nversion = "1.0.0"\n',
        "src/main.rs": 'fn main() { println!("{}", std::env::args().nth(1).unwrap()); }\n',
    },
    "maturin with cffi": {
        "pyproject.toml": requires("maturin", "maturin", "cffi")
        + '\n[tool.maturin]\nbindings = "cffi"\n',
        "Cargo.toml": '[package]\nname = "tides"\nversion = "1.0.0"\nedition = "2021"\n'
        '[lib]\ncrate-type = ["cdylib"]\n[profile.release]\ndebug = true\n',
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "tides"\nversion = "1.0.0"\n',
        "header.h": "int add(int a, int b);\n",
        "src/lib.rs": '#[no_mangle]\npub extern "C" fn add(a: i32, b: i32) -> i32 { a + b }\n',
    },
}
NEEDS = {
    "maturin": "cargo",
    "maturin with cffi": "cargo",
    "pybind11": "c++",
    "scikit-build-core": "c++",
}


def make(kind: str, directory: Path) -> Path:
    write(directory, {**SAMPLES[kind], "README.md": "# Tides\n", "tides/__init__.py": ""})
    return directory


def built(directory: Path, output: Path, **options: object) -> dict[str, str]:
    """Return the sha256 of what is built in a run of its own."""
    own = dataclasses.replace(BuildOptions(workers=1, timeout=300), **options)  # type: ignore[arg-type]
    with open_build_context(own, os.environ) as context:
        return {
            it.filename: it.sha256 for it in build(read_project(directory), context, output=output)
        }


@sample("kind", SAMPLES, "setuptools")
def test_two_clones_fresh_and_kept_environments_and_left_overs_give_the_same_bytes(
    kind: str, tmp_path: Path
) -> None:
    if not shutil.which(program := NEEDS.get(kind, "cc")):
        pytest.skip(f"needs {program}")
    first = make(kind, tmp_path / "first")
    commit(first)
    second = tmp_path / "elsewhere/a-longer-name"
    git(tmp_path, "clone", "--quiet", str(first), str(second))
    before = {path for path in first.rglob("*") if ".git" not in path.parts}

    once = built(first, tmp_path / "once")

    assert [name for name in once if name.endswith(".whl") and "-none-any" not in name]
    assert {path for path in first.rglob("*") if ".git" not in path.parts} == before
    write(second, {"build/lib/tides/gone.py": "", "dist/tides-0.9.tar.gz": "an older one"})
    assert built(second, tmp_path / "twice", cache=False) == once


def test_two_runs_that_build_one_project_at_the_same_time_take_turns(tmp_path: Path) -> None:
    project = make("setuptools", tmp_path / "project")

    with ThreadPoolExecutor(3) as pool:
        runs = [*pool.map(lambda _: shipwheel(os.environ, "build", project), range(3))]

    assert [run.returncode for run in runs] == [0, 0, 0], [run.stderr for run in runs]
    assert len({run.stdout for run in runs}) == 1
    assert len([*(project / "dist").glob("*-*")]) == 2


def test_what_an_earlier_build_left_and_the_publisher_deleted_is_not_shipped(
    tmp_path: Path,
) -> None:
    project = write(
        tmp_path / "project",
        {
            "pyproject.toml": requires("setuptools.build_meta", "setuptools"),
            "README.md": "",
            "MANIFEST.in": "include notes.txt\n",
            "notes.txt": "",
            "tides/__init__.py": "",
            "tides/gone.py": "",
            "build/lib/tides/__init__.py": "",
            "build/lib/tides/gone.py": "",
            "tides.egg-info/SOURCES.txt": "MANIFEST.in\nnotes.txt\ntides/gone.py\n",
        },
    )
    (project / "MANIFEST.in").unlink()
    (project / "tides/gone.py").unlink()

    assert shipwheel(os.environ, "build", "--wheel", project).returncode == 0
    with zipfile.ZipFile(next((project / "dist").glob("*.whl"))) as wheel:
        assert "tides/gone.py" not in wheel.namelist()
    assert shipwheel(os.environ, "build", "--sdist", project).returncode == 0
    shutil.unpack_archive(next((project / "dist").glob("*.tar.gz")), tmp_path / "out")
    assert not [*(tmp_path / "out").rglob("notes.txt")]


TELLING = """
import os, sys
from setuptools.build_meta import *
from setuptools import build_meta

def build_wheel(folder, config_settings=None, metadata=None):
    with open(os.environ["TOLD"], "w") as file:
        print(config_settings, sys.version_info[:2], file=file)
    return build_meta.build_wheel(folder, None, metadata)
"""


def test_the_backend_gets_settings_and_runs_in_the_interpreter_that_is_named(
    tmp_path: Path,
) -> None:
    table = requires("backend", "setuptools").replace(
        "[project]", 'backend-path = ["."]\n[project]'
    )
    table += '[tool.setuptools]\npy-modules = ["tides"]\n'
    table += '[tool.shipwheel]\nenvironment = ["TOLD"]\n'
    files = {"pyproject.toml": table, "backend.py": TELLING, "README.md": "", "tides.py": ""}
    project = write(tmp_path / "project", files)
    told = tmp_path / "told"
    options = ["-C", "--global=1", "-Cflag", "-C", "list=a", "--config-setting=list=b=c"]

    run = shipwheel(
        {**os.environ, "TOLD": str(told)},
        "build",
        "--wheel",
        project,
        *options,
        "--python",
        os.path.realpath(sys.executable),
    )

    assert run.returncode == 0, run.stderr
    settings = {"--global": "1", "flag": "", "list": ["a", "b=c"]}
    assert told.read_text() == f"{settings} {sys.version_info[:2]}\n"


def test_an_interpreter_that_is_not_there_is_reported(tmp_path: Path) -> None:
    project = make("setuptools", tmp_path / "project")

    run = shipwheel(os.environ, "build", project, "--python", tmp_path / "python9")

    assert run.returncode == 2, run.stderr
    assert f"The interpreter '{tmp_path}/python9' cannot be used: " in run.stderr


def test_a_configuration_of_uv_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    project = make("setuptools", tmp_path / "project")
    config = tmp_path / "of-uv.toml"
    for text in ("not = = toml", None):
        config.write_text(text) if text else config.unlink()
        environ = {**os.environ, "UV_CONFIG_FILE": str(config)}

        run = shipwheel(environ, "build", "--no-build-cache", project)

        assert run.returncode == 2, run.stderr
        assert "uv cannot read its configuration: " in run.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("UV_LINK_MODE", "x"), ("UV_INDEX_STRATEGY", "x"), ("UV_HTTP_TIMEOUT", "soon")),
        ("UV_PYTHON_DOWNLOADS", "x"),
        ("XDG_CACHE_HOME", os.fsdecode(b"/{}/caf\xe9")),
    ],
)
def test_a_setting_of_uv_that_is_wrong_is_the_users(
    variable: str, value: str, tmp_path: Path
) -> None:
    project = make("setuptools", tmp_path / "project")
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), variable: value.format(tmp_path)}

    run = shipwheel(environ, "build", project)

    assert run.returncode == 2, run.stderr
    assert "uv cannot work with its settings: error: " in run.stderr


@pytest.mark.attack("limits of the machine")
@pytest.mark.parametrize(
    ("blocks", "option", "what"),
    [("10", "--no-build-cache", "the build environment"), ("1", "--", "the build of 'tides'")],
)
def test_a_limit_of_the_machine_that_stops_the_installer_or_the_backend_is_reported(
    blocks: str, option: str, what: str, tmp_path: Path
) -> None:
    project = make("setuptools", tmp_path / "project")
    if option == "--":
        assert shipwheel(dict(os.environ), "build", project).returncode == 0  # fills the cache
    limited = f'ulimit -f {blocks}; exec "$@"'

    run = subprocess.run(
        ["sh", "-c", limited, "sh", *COMMAND, "build", option, project],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 2, run.stderr
    assert f"A limit of this machine stops {what}: File too large" in run.stderr
