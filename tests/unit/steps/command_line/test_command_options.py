"""The options that commands share: what each becomes, and which projects are meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from steps.backend.context import BuildOptions
from steps.command_line.options import narrowed, selected, with_build_options
from steps.host.errors import InputError

if TYPE_CHECKING:
    from click.testing import Result

PYPROJECT = '[build-system]\nrequires = []\n[project]\nname = "{}"\nversion = "1"\n'


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).mkdir(parents=True)
        (root / path / "pyproject.toml").write_text(PYPROJECT.format(Path(path).name))


def run(*arguments: str) -> tuple[Result, list[BuildOptions]]:
    taken: list[BuildOptions] = []

    @click.command
    @with_build_options
    def command(*, build_options: BuildOptions) -> None:
        taken.append(build_options)

    return CliRunner().invoke(command, arguments), taken


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--sdist"], {"kinds": "sdist"}),
        (["--wheel"], {"kinds": "wheel"}),
        (["--strict"], {"strict": True}),
        (["--no-build-cache"], {"cache": False}),
        (["--build-timeout", "0.5"], {"timeout": 0.5}),
        (["--workers", "7"], {"workers": 7}),
    ],
)
def test_an_option_of_builds_changes_one_thing(
    arguments: list[str], options: dict[str, object]
) -> None:
    by_default: dict[str, object] = {
        "kinds": "both",
        "strict": False,
        "cache": True,
        "timeout": None,
        "workers": os.cpu_count(),
    }
    result, taken = run(*arguments)

    assert result.exit_code == 0, result.output
    assert taken == [BuildOptions(**{**by_default, **options})]  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    "arguments", [["--build-timeout", "0"], ["--build-timeout", "-1"], ["--workers", "0"]]
)
def test_a_number_that_no_build_could_keep_is_refused(arguments: list[str]) -> None:
    result, taken = run(*arguments)

    assert (result.exit_code, taken) == (2, [])


def test_projects_are_those_named_or_all_below(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", "b/deep/c")

    def names(*directories: str, every: bool) -> list[str]:
        projects = selected([tmp_path / each for each in directories], every)
        return [str(project.name) for project in projects]

    assert names("b", every=False) == ["b"]
    assert sorted(names("b", every=True)) == ["b", "c"]
    assert sorted(names("a", "b", every=True)) == ["a", "b", "c"]


def test_without_a_name_the_current_directory_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "here", "here/below")
    monkeypatch.chdir(tmp_path / "here")

    assert [str(project.name) for project in selected([], every=False)] == ["here"]
    assert len(selected([], every=True)) == 2


def test_where_there_is_no_package_all_places_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    with pytest.raises(InputError) as caught:
        selected([tmp_path / "a", tmp_path / "b"], every=True)
    assert str(caught.value.problems[0]) == (
        f"There is no package below '{tmp_path}/a', '{tmp_path}/b'"
        "\n  hint: a package has a pyproject.toml with [build-system] or [project], or a setup.py"
    )


def test_without_a_reference_nothing_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    projects = selected([tmp_path], every=True)

    assert narrowed([*projects], None) == projects
