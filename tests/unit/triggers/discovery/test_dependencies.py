"""What targets depend on: what they run with, what builds them, and files from elsewhere."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError, Problem
from tests.unit.triggers.discovery.trees import BUILDS, IMPORT, folders, inventory, project

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = {
    "poetry path": '[tool.poetry.dependencies]\nother = { path = "../b", develop = true }\n',
    "poetry list": '[tool.poetry.dependencies]\nb = [{ path = "../b" }, { version = "1" }]\n',
    "uv-dynamic-versioning": (
        '[tool.hatch.metadata.hooks.uv-dynamic-versioning]\ndependencies = ["b=={{ version }}"]\n'
    ),
    "hatch requirements": '[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ["more.txt"]\n',
    "setuptools file": '[tool.setuptools.dynamic]\ndependencies = { file = ["more.txt"] }\n',
    "setuptools one": '[tool.setuptools.dynamic]\ndependencies = { file = "more.txt" }\n',
    "uv path": '[tool.uv.sources]\nx = { path = "../b" }\n[project.urls]\n',
}


DEVELOPMENT = {
    "uv dev": '[tool.uv]\ndev-dependencies = ["b"]\n',
    "poetry group": '[tool.poetry.group.test.dependencies]\nother = { path = "../b" }\n',
    "poetry dev": '[tool.poetry.dev-dependencies]\nb = "^1"\n',
    "hatch env": '[tool.hatch.envs.x]\ndependencies = ["b @ {root:uri}/../b"]\n',
    "hatch workspace": '[tool.hatch.envs.x.workspace]\nmembers = ["../b"]\n',
    "hatch members": '[tool.hatch.envs.x.workspace]\nmembers = [{ path = "../[b]" }]\n',
    "pdm dev": '[tool.pdm.dev-dependencies]\nx = ["-e file:///${PROJECT_ROOT}/../b#egg=b"]\n',
    "extra": '[project.optional-dependencies]\nx = ["b>=1"]\n',
    "group": '[dependency-groups]\nx = [{ include-group = "y" }, "B"]\ny = []\n',
}


FUNCTION = {"f/main.py": IMPORT, "f/requirements.txt": "a\n"}


@pytest.mark.parametrize("more", [*RUNTIME.values(), *DEVELOPMENT.values()])
def test_what_a_package_runs_with_starts_no_build_of_it(tmp_path: Path, more: str) -> None:
    a = project("a", "b", more=more)

    assert folders(tmp_path, {"a/pyproject.toml": a, "b/pyproject.toml": project("b")}) == ()


@pytest.mark.parametrize("more", RUNTIME.values(), ids=RUNTIME)
def test_a_function_runs_with_what_its_packages_run_with(tmp_path: Path, more: str) -> None:
    """Each tool writes it in its own way."""
    dependencies = ["x"] if "uv.sources" in more else []
    files = {"a/pyproject.toml": project("a", *dependencies, more=more), "a/more.txt": "b>=1\n"}

    assert folders(tmp_path, files | FUNCTION | {"b/pyproject.toml": project("b")}, "f") == (
        "a",
        "b",
    )


@pytest.mark.parametrize("more", DEVELOPMENT.values(), ids=DEVELOPMENT)
def test_a_function_runs_without_what_is_for_development(tmp_path: Path, more: str) -> None:
    files = {"a/pyproject.toml": project("a", more=more), "b/pyproject.toml": project("b")}

    assert folders(tmp_path, files | FUNCTION, "f") == ("a",)


@pytest.mark.parametrize(
    ("extras", "needed"),
    [("", ("a",)), ("[x]", ("a", "b")), ("[All]", ("a", "b", "c")), ("[y]", ("a", "c"))],
)
@pytest.mark.parametrize("tool", ["standard", "poetry"])
def test_extras_bring_what_they_name(
    tmp_path: Path, extras: str, needed: tuple[str, ...], tool: str
) -> None:
    more = {
        "standard": '[project.optional-dependencies]\nx = ["b"]\nY = ["c"]\nall = ["a[x,y]"]\n',
        "poetry": (
            '[tool.poetry.dependencies]\nb = { version = "1", optional = true }\n'
            'c = { path = "../c", optional = true }\n'
            '[tool.poetry.extras]\nx = ["b"]\nY = ["c"]\nall = ["b", "c"]\n'
        ),
    }[tool]
    files = {f"{name}/pyproject.toml": project(name) for name in "bc"}
    files |= {"a/pyproject.toml": project("a", more=more), "f/main.py": IMPORT}

    files["f/requirements.txt"] = f"a{extras}>=1\n"
    assert folders(tmp_path, files, "f") == needed


@pytest.mark.parametrize(
    "line",
    [
        "b",
        "b>=1",
        "B[extra]~=1.0; python_version > '3'",
        "b @ file:../b",
        "b @ file:///ROOT/b",
        "b @ {root:uri}/../b",
        "b @ {root:parent:uri}/b",
        "b @ file:///${PROJECT_ROOT}/../b",
    ],
)
@pytest.mark.parametrize("where", ["dependencies = []", 'requires = ["hatchling"]'])
def test_a_local_dependency_is_seen_in_the_standard_metadata(
    tmp_path: Path, line: str, where: str
) -> None:
    line = line.replace("/ROOT", tmp_path.as_posix()).replace("'", '\\"')
    text = project("a").replace(where, f'{where.split(" ", maxsplit=1)[0]} = ["{line}"]')
    files = {"a/pyproject.toml": text, "b/pyproject.toml": project("b"), **FUNCTION}

    builds = "requires" in where
    assert folders(tmp_path, files, "a" if builds else "f") == (("b",) if builds else ("a", "b"))


def test_a_package_is_built_from_what_its_build_runs_with(tmp_path: Path) -> None:
    """A plugin of the repository runs with its own dependencies, and is built by another."""
    files = {
        "a/pyproject.toml": project("a", "unrelated").replace('hatchling"]', 'plugin"]'),
        "plugin/pyproject.toml": project("plugin", "lib").replace('hatchling"]', 'deep"]'),
        **{f"{it}/pyproject.toml": project(it) for it in ("lib", "deep", "unrelated")},
    }

    assert folders(tmp_path, files) == ("deep", "lib", "plugin")


@pytest.mark.parametrize("where", ["build", "build.targets.wheel", "build.hooks.custom"])
def test_hatch_may_build_with_what_the_project_runs_with(tmp_path: Path, where: str) -> None:
    more = f"[tool.hatch.{where}]\nrequire-runtime-dependencies = true\n"
    files = {"a/pyproject.toml": project("a", "b", more=more), "b/pyproject.toml": project("b")}

    assert folders(tmp_path, files) == ("b",)


@pytest.mark.parametrize(
    "where", ["build", "build.targets.wheel", "build.hooks.x", "build.targets.wheel.hooks.custom"]
)
@pytest.mark.parametrize("line", ['dependencies = ["b>=1"]', 'require-runtime-features = ["X"]'])
def test_hatch_builds_with_what_its_targets_and_hooks_name(
    tmp_path: Path, where: str, line: str
) -> None:
    more = f'[project.optional-dependencies]\nx = ["b"]\ny = ["c"]\n[tool.hatch.{where}]\n{line}\n'
    files = {"a/pyproject.toml": project("a", "c", more=more), "b/pyproject.toml": project("b")}

    assert folders(tmp_path, files | {"c/pyproject.toml": project("c")}) == ("b",)


def test_dependencies_that_only_a_backend_knows_are_said_of_a_function(tmp_path: Path) -> None:
    text = f"{BUILDS}[project]\nname = 'a'\nversion = '1'\ndynamic = ['dependencies']\n"
    files = {"a/pyproject.toml": f"{text}[tool.hatch.metadata.hooks.custom]\n", **FUNCTION}

    [warning] = inventory(tmp_path, files).warnings
    assert warning == Problem(
        "'f' runs with 'a', and only the metadata hook 'custom' knows its dependencies",
        'what it needs in this repository: `overrides["f"].includedFiles`',
    )


def test_requirements_for_development_are_not_what_a_function_runs_with(tmp_path: Path) -> None:
    files = {"f/main.py": IMPORT, "f/requirements.txt": "", "f/requirements-dev.txt": "b\n"}

    assert folders(tmp_path, files | {"b/pyproject.toml": project("b")}, "f") == ()


def test_source_of_its_own_is_none(tmp_path: Path) -> None:
    more = '[tool.poetry]\npackages = [{ include = "a", from = "src" }, { include = "b" }]\n'

    assert folders(tmp_path, {"a/pyproject.toml": project("a", more=more), "a/b/x.py": ""}) == ()


def test_a_build_backend_of_the_repository_is_a_dependency(tmp_path: Path) -> None:
    text = project("a").replace('hatchling"]', 'b"]')

    assert folders(tmp_path, {"a/pyproject.toml": text, "b/pyproject.toml": project("b")}) == ("b",)


@pytest.mark.parametrize(
    "requirements",
    ["b==1.0", "B == 1.0  # ours", "../b", "-e ../b", "--editable=../b", "-e ../b[extra]",
     "file:../b", "b @ file:../b", "b @ file:///ROOT/b ; python_version > '3'", "../b/",
     "flask==1 \\\n  --hash=sha256:00\nb==1.0 \\\n  --hash=sha256:00", "\ufeffb", "b\r\nflask\r\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["requirements.txt", "requirements.in", "requirements.txt.tmpl"])
def test_a_function_depends_on_what_its_requirements_name(
    tmp_path: Path, requirements: str, name: str
) -> None:
    text = requirements.replace("/ROOT", tmp_path.as_posix())
    files = {f"f/{name}": text, "f/main.py": IMPORT, "b/pyproject.toml": project("b")}
    if name != "requirements.txt":
        files["f/requirements.txt"] = ""

    assert folders(tmp_path, files, "f") == ("b",)


def test_included_requirements_are_followed_and_start_the_build_themselves(tmp_path: Path) -> None:
    files = {
        "f/main.py": IMPORT,
        "f/requirements.txt": "-c ../constraints.txt\n-r ../shared/base.txt\n",
        "shared/base.txt": "-r base.txt\n../b\n",
        "constraints.txt": "c==1\n-r shared/base.txt\n",
        "b/pyproject.toml": project("b"),
        "c/pyproject.toml": project("c"),
    }

    [_, _, function] = inventory(tmp_path, files).components
    assert function.dependencies.folders == ("b",)
    assert function.dependencies.files == ("constraints.txt", "shared/base.txt")


def test_setup_files_name_their_dependencies(tmp_path: Path) -> None:
    files = {
        "a/setup.py": "from setuptools import setup\nsetup(install_requires=['b>1', name])\n",
        "b/setup.cfg": "[options]\ninstall_requires =\n  c>=1\n  flask\n",
        "b/setup.py": "from setuptools import setup\nsetup()\n",
        "c/pyproject.toml": project("c"),
    }

    assert folders(tmp_path, files | FUNCTION, "f") == ("a", "b", "c")


def test_dependencies_are_transitive_and_a_cycle_does_no_harm(tmp_path: Path) -> None:
    files = {
        "a/pyproject.toml": project("a", "b"),
        "b/pyproject.toml": project("b", "x", more='[tool.uv.sources]\nx = { path = "../plain" }'),
        "plain/requirements.txt": "-e ../c\n",
        "c/pyproject.toml": project("c", "a"),
    }

    components = inventory(tmp_path, files | FUNCTION).components
    a, f = (next(it for it in components if it.path == path) for path in "af")
    assert (a.dependencies.direct, a.dependencies.folders) == (("b",), ())
    assert (f.dependencies.direct, f.dependencies.folders) == (("a",), ("a", "b", "c", "plain"))


def test_a_name_of_another_project_is_not_a_local_dependency(tmp_path: Path) -> None:
    files = {"a/pyproject.toml": project("a", "flask", "bb", "a"), "b/pyproject.toml": project("b")}

    assert folders(tmp_path, files) == ()


def test_paths_that_lead_nowhere_are_warned_about(tmp_path: Path) -> None:
    more = '[tool.uv.sources]\nx = { path = "../gone" }\ny = { path = "../../outside" }\n'

    warnings = inventory(tmp_path, {"a/pyproject.toml": project("a", "y", "x", more=more)}).warnings

    assert [warning.message for warning in warnings] == [
        "'a' depends on '../outside', which is outside of the repository",
        "'a' depends on 'gone', which does not exist",
    ]


def test_the_directory_around_the_repository_is_outside_of_it(tmp_path: Path) -> None:
    more = '[tool.uv.sources]\nx = { path = "../.." }\n'

    [warning] = inventory(tmp_path, {"a/pyproject.toml": project("a", "x", more=more)}).warnings

    assert warning.message == "'a' depends on '..', which is outside of the repository"


def test_dependencies_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    others = "hbgdface".replace("a", "i")
    files = {f"{name}/pyproject.toml": project(name) for name in others}

    files |= {"z/main.py": IMPORT, "z/requirements.txt": "\n".join(others)}
    z = inventory(tmp_path, files).components[-1]

    assert z.dependencies.direct == z.dependencies.folders == tuple(sorted(others))


KEYS = [
    "project.dependencies", "project.optional-dependencies", "dependency-groups", "tool",
    "tool.uv", "tool.uv.sources", "tool.uv.dev-dependencies", "tool.poetry", "tool.poetry.packages",
    "tool.poetry.dependencies", "tool.poetry.group", "tool.poetry.group.x", "tool.hatch.envs",
    "tool.hatch.envs.x", "tool.hatch.envs.x.workspace", "tool.hatch.envs.x.workspace.members",
    "tool.hatch.build", "tool.hatch.build.force-include", "tool.hatch.build.targets",
    "tool.polylith.bricks", "tool.pdm.dev-dependencies",
]  # fmt: skip


VALUES = [
    "3", "true", '"x"', "[]", "[1]", '["["]', "{}", "{ x = 1 }", "{ x = [1] }",
    "{ x = { path = 1 } }", '[{ include = 1, from = "\\u0000" }]', '["/**", "**/", "a\\u0000*"]',
    '{ "/*" = 1, "../*" = 1 }', '["a**"]', '{ "[" = 1, "a**\\u0000" = 1 }',
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_another_type_is_not_a_bug(tmp_path: Path, key: str, value: str) -> None:
    """Whoever reads such a file in earnest refuses it; here it names nothing, or is an error."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/pyproject.toml").write_text(f"{BUILDS}[project]\nname='a'\nversion='1'\n")
    (tmp_path / "f").mkdir()
    (tmp_path / "f/main.py").touch()
    (tmp_path / "f/pyproject.toml").write_text(f"{key} = {value}\n")

    with suppress(InputError):
        inventory(tmp_path, {})
