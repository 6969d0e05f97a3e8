"""What a project's files say without its backend."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from steps.host.errors import InputError
from steps.project.repository import find_packages
from steps.project.source import Project, read_project, read_projects

if TYPE_CHECKING:
    from pathlib import Path

BACKEND = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'


def write(directory: Path, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(text)
    return directory


def test_static_fields_are_read_and_normalised(tmp_path: Path) -> None:
    text = '[project]\nname = "Tide_Tables"\nversion = "v1.0-RC1"\ndependencies = ["berths>=1"]\n'
    expected = Project(
        directory=tmp_path,
        name="tide-tables",  # type: ignore[arg-type]  # a NormalizedName, as written
        version=Version("1.0rc1"),
        requirements=(Requirement("berths>=1"),),
    )

    assert read_project(write(tmp_path, text)) == expected


def test_a_dynamic_version_is_left_to_the_backend(tmp_path: Path) -> None:
    write(tmp_path, '[project]\nname = "tides"\ndynamic = ["version"]\n')

    assert read_project(tmp_path).version is None


def test_what_poetrys_own_table_requires_is_read_with_its_bounds(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[tool.poetry]\nname = "dues"\nversion = "1"\n[tool.poetry.dependencies]\n'
        'python = "^3.11"\nTides = "^1.2"\nberths = { path = "berths" }\n'
        'either = "^1 || ^2"\nrich = { version = "*", optional = true }\n'
        '[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
    )

    assert [*map(str, read_project(tmp_path).requirements)] == [
        "Tides<2,>=1.2",
        "berths",
        "either",
    ]


def test_poetrys_own_table_is_read(tmp_path: Path) -> None:
    write(tmp_path, '[tool.poetry]\nname = "tides"\nversion = "2.1"\n')

    project = read_project(tmp_path)

    assert (project.name, project.version) == ("tides", Version("2.1"))


def test_a_version_that_a_plugin_replaces_is_not_static(tmp_path: Path) -> None:
    table = '[tool.poetry]\nname = "tides"\nversion = "0.0.0"\n'
    write(tmp_path, table + "[tool.poetry-dynamic-versioning]\nenable = true\n")

    assert read_project(tmp_path).version is None


@pytest.mark.parametrize(
    "table",
    [
        '[tool.uv.sources]\nberths = { path = "../berths" }\n',
        '[tool.poetry.dependencies]\nberths = { path = "../berths", develop = true }\n',
    ],
)
def test_path_dependencies_are_found(tmp_path: Path, table: str) -> None:
    write(tmp_path / "berths", BACKEND)
    write(tmp_path / "tides", BACKEND + table)

    assert read_project(tmp_path / "tides").local_paths == (tmp_path / "berths",)


def test_all_problems_of_all_projects_are_reported_at_once(tmp_path: Path) -> None:
    first = write(tmp_path / "first", '[project]\nversion = "one"\ndependencies = ["=="]\n')
    second = write(tmp_path / "second", "[project\n")

    with pytest.raises(InputError) as caught:
        read_projects([first, second, tmp_path / "third"])

    messages = [problem.message.split(":")[0] for problem in caught.value.problems]
    assert messages == [
        f"[project] has no name in '{first}/pyproject.toml'",
        "The project's version is not valid (PEP 440)",
        "A dependency is not a valid requirement",
        f"'{second}/pyproject.toml' is not valid TOML",
        "The project directory does not exist",
    ]


def test_two_projects_of_one_name_are_refused(tmp_path: Path) -> None:
    text = '[project]\nname = "{}"\nversion = "1"\n'
    one = write(tmp_path / "one", text.format("Tides.Tables"))
    two = write(tmp_path / "two", text.format("tides_tables"))

    with pytest.raises(InputError, match="2 projects have the name 'tides-tables'"):
        read_projects([one, two])


@pytest.mark.parametrize("name", ["", "-tides", "ti des"])
def test_a_name_that_is_not_one_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, f'[project]\nname = "{name}"\nversion = "1"\n')

    with pytest.raises(InputError, match="The project's name is not valid"):
        read_project(tmp_path)


def test_a_version_of_more_digits_than_python_reads_is_refused(tmp_path: Path) -> None:
    write(tmp_path, f'[project]\nname = "tides"\nversion = "{"1" * 5000}"\n')

    with pytest.raises(InputError, match="The project's version is not valid"):
        read_project(tmp_path)


def test_a_pipe_in_the_place_of_pyproject_toml_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    os.mkfifo(path)

    with pytest.raises(InputError, match=f"'{path}' is not a file"):
        read_project(tmp_path)


def test_a_file_is_not_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="A project is a directory, and this is a file"):
        read_project(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xef\xbb\xbf[project]\n", "is not valid TOML: it begins with a byte order mark"),
        (b"a = '\xff'\n", "is not valid TOML: 'utf-8' codec can't decode byte 0xff"),
        (b"a = " + b"[" * 5000, "is nested too deeply to be read"),
    ],
)
def test_a_file_that_cannot_be_read_as_toml_is_reported(
    tmp_path: Path, text: bytes, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)

    with pytest.raises(InputError) as caught:
        read_project(tmp_path)

    [problem] = caught.value.problems
    assert problem.message.startswith(f"'{tmp_path}/pyproject.toml' {message}")
    assert problem.hint


def test_a_folder_in_the_place_of_the_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()

    with pytest.raises(InputError) as caught:
        read_project(tmp_path)

    [problem] = caught.value.problems
    assert problem.message == f"'{tmp_path}/pyproject.toml' cannot be read: Is a directory"
    assert problem.hint


def test_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    text = BACKEND + '[project]\nname = "tides"\nversion = "1.0"\n'
    (tmp_path / "pyproject.toml").write_bytes(text.replace("\n", "\r\n").encode())

    assert read_project(tmp_path).version == Version("1.0")


@pytest.mark.parametrize(("name", "what"), [("file", "This is a file"), ("no", "The directory")])
def test_packages_are_looked_for_in_a_directory_only(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=what):
        find_packages(tmp_path / name)


def test_packages_are_found_and_what_only_configures_tools_is_not(tmp_path: Path) -> None:
    write(tmp_path, "[tool.ruff]\n")
    write(tmp_path / "packages/tides", BACKEND)
    write(tmp_path / "packages/berths", BACKEND)
    write(tmp_path / "workspace", BACKEND + "[tool.uv]\npackage = false\n")
    write(tmp_path / "application", "[tool.poetry]\npackage-mode = false\n" + BACKEND)
    write(tmp_path / ".hidden/tides", BACKEND)
    write(tmp_path / "packages/tides/build/lib", BACKEND)
    write(tmp_path / "venv/lib/thing", BACKEND)
    (tmp_path / "venv/pyvenv.cfg").touch()

    assert find_packages(tmp_path).packages == (
        tmp_path / "packages/berths",
        tmp_path / "packages/tides",
    )


BARE = '[project]\nname = "bare"\nversion = "1"\n'
SETUP = "from setuptools import setup\nsetup(name='old')\n"

# What a directory holds, and the reason for which `--all` passes it over.
KINDS: list[tuple[dict[str, str], str | None]] = [
    ({"setup.py": SETUP}, None),
    ({"setup.py": "import setuptools\nsetuptools.setup()\n", "setup.cfg": "[metadata]\n"}, None),
    ({"pyproject.toml": "[tool.black]\n", "setup.py": SETUP}, None),
    ({"pyproject.toml": BARE}, None),
    ({"pyproject.toml": BARE + "[tool.uv]\npackage = true\n", "main.py": ""}, None),
    ({"pyproject.toml": "not TOML"}, None),
    ({"setup.py": "def prepare() -> None: ...\n"}, "its setup.py does not call setup()"),
    ({"setup.cfg": "[metadata]\nname = a\n"}, "a setup.cfg alone cannot be built"),
    ({"pyproject.toml": "[tool.poetry]\nname = 'a'\n"}, "[tool.poetry] and no [build-system]"),
    ({"pyproject.toml": BARE + "[tool.uv.workspace]\n"}, "the root of a uv workspace"),
    ({"pyproject.toml": BARE, "main.py": ""}, "an application or a function: a main.py"),
    ({"pyproject.toml": BARE + "[tool.pdm]\ndistribution = false\n"}, "says distribution = false"),
    ({"pyproject.toml": BARE + "[tool.rye]\nvirtual = true\n"}, "says virtual = true"),
    (
        {"pyproject.toml": "[project]\ndependencies = []\n"},
        "its [project] has no name, and no backend",
    ),
    ({"build/pyproject.toml": BARE}, "'build' counts as the output of a build"),
]


@pytest.mark.parametrize(("files", "reason"), KINDS, ids=str)
def test_what_is_not_a_package_is_passed_over_with_the_reason_if_it_looks_like_one(
    tmp_path: Path, files: dict[str, str], reason: str | None
) -> None:
    for name, text in {**files, "silent/setup.cfg": "[flake8]\n"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    found = find_packages(tmp_path)

    assert found.packages == (() if reason else (tmp_path,))
    assert len(found.passed_over) == bool(reason)
    assert all(reason and reason in text for text in found.passed_over.values())


SETUP_FILES = [
    ("setup(name='Old_One', version='1.0')", "", ("old-one", "1.0", [])),
    ("setup()", "[metadata]\nname = cfg\nversion = 2\n", ("cfg", "2", [])),
    ("setup(version='3')", "[metadata]\nname = cfg\nversion = 2\n", ("cfg", "3", [])),
    ("V = '4'\nR = ['b>=1', 'c']\nsetup(name='a', version=V, install_requires=R)", "",
     ("a", "4", ["b>=1", "c"])),
    ("setup(name='a', version=read())", "[metadata]\nversion = 2\n", ("a", None, [])),
    ("setup(name='a', version='1', use_scm_version=True)", "", ("a", None, [])),
    ("setup(name='a', version='1')", "[egg_info]\ntag_build = dev\n", ("a", None, [])),
    ("setup(name='a', version='1', **more)", "[egg_info]\ntag_date = 0\n", ("a", "1", [])),
    ("setup(**known)", "[metadata]\nname = a\nversion = 1\n", ("a", None, [])),
    ("setup()", "[metadata]\nname = a\nversion = attr: a.V\n", ("a", None, [])),
    ("setup(name='not a name', version='not a version')", "", (None, None, [])),
    ("if old: setup(name='a', version='1')\nelse: setup(name='a', version='2')", "",
     ("a", None, [])),
    ("print 'Python 2'; setup(name='a')", "[broken", (None, None, [])),
]  # fmt: skip


@pytest.mark.parametrize(("script", "config", "expected"), SETUP_FILES)
def test_what_setup_files_say_counts_where_it_is_literal(
    tmp_path: Path, script: str, config: str, expected: object
) -> None:
    (tmp_path / "setup.py").write_text(f"from setuptools import setup\n{script}\n")
    (tmp_path / "setup.cfg").write_text(config)

    project = read_project(tmp_path)

    version = str(project.version) if project.version else None
    assert (project.name, version, [*map(str, project.requirements)]) == expected


def test_what_the_build_requires_is_read_of_every_kind_of_project(tmp_path: Path) -> None:
    write(tmp_path / "new", '[build-system]\nrequires = ["tool>=1", "other @ file:///other"]\n')
    write(tmp_path / "both", "[tool.black]\n")
    for name in ("old", "both"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "setup.py").write_text("setup(setup_requires='tool>=1')\n")

    for name in ("new", "old", "both"):
        assert [*map(str, read_project(tmp_path / name).build_requirements)] == ["tool>=1"]


def test_the_way_out_is_reported_where_there_is_only_a_setup_cfg(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = a\n")

    with pytest.raises(InputError) as caught:
        read_project(tmp_path)

    [problem] = caught.value.problems
    assert "has no pyproject.toml or setup.py" in problem.message
    assert problem.hint.endswith("from setuptools import setup; setup()")
