"""The options that commands share: what each becomes, and which projects are meant."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from steps.backend.context import BuildOptions
from steps.command_line.arguments import find_registry, narrowed, selected, with_build_options
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


PROPERTIES = {
    "artifacts": {"location": "us-east4", "repository": "pypi"},
    "core": {"project": "by-gcloud", "account": "ann@example.com"},
}


def make_gcloud(folder: Path, properties: object) -> dict[str, str]:
    """Put a gcloud that tells *properties* on a PATH of its own."""
    program = folder / "gcloud"
    program.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(properties))}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.defpath}"}


@pytest.mark.parametrize(
    ("given", "variable", "manifest", "project"),
    [
        ("us/by-option/pypi", "us/by-variable/pypi", "registry: us/by-manifest/pypi", "by-option"),
        (None, "us/by-variable/pypi", "registry: us/by-manifest/pypi", "by-variable"),
        (None, "", "project: p\nregistry: us/by-manifest/pypi  # ours\n", "by-manifest"),
        (None, "", "registry: 'us/by-manifest/pypi'\n", "by-manifest"),
        (None, "", "defaults:\n  registry: us/nested/pypi\n", "by-gcloud"),
        (None, "", None, "by-gcloud"),
    ],
)
def test_the_registry_is_the_first_that_is_named(
    tmp_path: Path, given: str | None, variable: str, manifest: str | None, project: str
) -> None:
    (tmp_path / "repository/packages/tides").mkdir(parents=True)
    if manifest is not None:
        (tmp_path / "repository/shipwheel.yaml").write_text(manifest)
    environ = {**make_gcloud(tmp_path, PROPERTIES), "SHIPWHEEL_REGISTRY": variable}

    found = find_registry(given, tmp_path / "repository/packages/tides", environ)

    assert found.project == project


def test_it_is_reported_where_an_unnamed_registry_was_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shipwheel.yaml").write_text("registry: us/demo/pypi\n")

    with caplog.at_level("INFO", "shipwheel"):
        find_registry(None, tmp_path, {})

    url = "https://us-python.pkg.dev/demo/pypi/"
    assert caplog.messages == [f"Registry: {url} (from shipwheel.yaml)"]


@pytest.mark.parametrize("properties", [{}, {"core": {"project": "demo"}}, []])
def test_a_manifest_of_another_repository_and_half_of_an_address_name_no_registry(
    tmp_path: Path, properties: object
) -> None:
    (tmp_path / "shipwheel.yaml").write_text("registry: us/other/pypi\n")
    (tmp_path / "inner/.git").mkdir(parents=True)

    with pytest.raises(InputError, match="No registry was named"):
        find_registry(None, tmp_path / "inner", make_gcloud(tmp_path, properties))
