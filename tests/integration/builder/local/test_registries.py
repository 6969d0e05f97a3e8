"""The registry of a local build: an emulator or one that is named, never a real one by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.builder.local.laptop import OURS, Laptop
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["p/pypi"])


def test_with_the_emulator_a_step_needs_no_arguments(laptop: Laptop) -> None:
    outcome = laptop.run("steps: [{name: bash, script: echo done}]", "--host-tools", "--emulator")

    assert outcome.log() == ["Step #0: done"]


def test_with_the_emulator_the_repositories_of_the_config_exist(laptop: Laptop) -> None:
    script = "import os, urllib.request as u; print(u.urlopen('http://' + os.environ["
    script += "'ARTIFACT_REGISTRY_EMULATOR_HOST'] + '/v1/projects/my-project/locations/us-east4"
    script += "/repositories/pypi').status)"
    text = (
        f'steps:\n- name: {OURS}\n  entrypoint: python\n  args: [-c, "{script}"]\n'
        "  env: ['SHIPWHEEL_REGISTRY=us-east4/$PROJECT_ID/$_REPO']\n"
        "substitutions: {_REPO: pypi}\n"
    )
    outcome = laptop.run(text, "--emulator", "--substitutions", "PROJECT_ID=my-project")

    assert (outcome.code, outcome.log()) == (0, ["Step #0: 200"])


def test_packages_are_uploaded_after_the_last_step(
    laptop: Laptop, emulator: Emulator, tmp_path: Path
) -> None:
    project = make_project(laptop.source, "tides")
    names = [item.filename for item in make_distributions(project)]
    text = (
        "steps: [{name: bash, args: [-c, 'ls tides/dist']}]\n"
        "artifacts:\n  pythonPackages:\n"
        "  - repository: https://us-east4-python.pkg.dev/p/pypi\n    paths: [tides/dist/*]\n"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    outcome = laptop.run(text, "--host-tools", environ=environ)

    assert outcome.code == 0, outcome.out + outcome.err
    stored = [path.name for path in (tmp_path / "registry").rglob("*") if path.is_file()]
    assert sorted(stored) == sorted(names)
    # The registry refuses what it has, and the build fails with it, as in the service.
    again = laptop.run(text, "--host-tools", "--json", environ=environ)
    assert (again.code, again.record["status"]) == (3, "FAILURE")
    assert "INFO     Requested entity already exists." in again.err


def test_packages_that_no_step_has_built_fail_the_build(laptop: Laptop, emulator: Emulator) -> None:
    text = (
        "steps: [{name: bash, args: [-c, ls]}]\nartifacts:\n  pythonPackages:\n"
        "  - {repository: https://us-east4-python.pkg.dev/p/pypi, paths: [dist/*]}\n"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    outcome = laptop.run(text, "--host-tools", environ=environ)

    assert outcome.code == 3
    assert "ERROR: no file matches dist/*" in outcome.out


def test_packages_are_never_uploaded_to_a_real_registry(laptop: Laptop) -> None:
    text = (
        "steps: [{name: bash}]\nartifacts:\n  pythonPackages:\n"
        "  - {repository: https://us-east4-python.pkg.dev/p/pypi, paths: [dist/*]}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        (
            f"error: {laptop.config}:3:"
            " `artifacts.pythonPackages` is only uploaded to a registry that is named"
        ),
        "  hint: use --emulator, or name one with --registry",
    ]


def test_packages_go_to_the_registry_that_is_named_whatever_the_config_names(
    laptop: Laptop, emulator: Emulator, tmp_path: Path
) -> None:
    make_distributions(make_project(laptop.source, "tides"))
    text = (
        "steps: [{name: bash}]\nartifacts:\n  pythonPackages:\n"
        "  - {repository: https://us-east4-python.pkg.dev/other/repo, paths: [tides/dist/**.whl]}\n"
    )
    address = f"http://{emulator.host}/p/pypi/"
    outcome = laptop.run(text, "--host-tools", "--registry", address)

    assert (outcome.code, outcome.out.splitlines()[-1][:7]) == (0, "SUCCESS"), outcome.out
    stored = [path.name for path in (tmp_path / "registry").rglob("*") if path.is_file()]
    assert [name.rpartition(".")[2] for name in stored] == ["whl"]


def test_a_server_that_the_config_names_gets_nothing(
    laptop: Laptop, emulator: Emulator, tmp_path: Path
) -> None:
    make_distributions(make_project(laptop.source, "tides"))
    text = (
        "steps: [{name: bash, args: [-c, touch /workspace/ran]}]\nartifacts:\n  pythonPackages:\n"
        f"  - {{repository: 'http://{emulator.host}/p/pypi', paths: [tides/dist/*]}}\n"
    )
    outcome = laptop.run(text, "--host-tools", "--emulator")

    assert (outcome.code, outcome.out) == (2, "")
    assert "hint: write https://REGION-python.pkg.dev/PROJECT/REPO" in outcome.err
    assert not [path for path in (tmp_path / "registry").rglob("*") if path.is_file()]


def test_a_link_out_of_the_workspace_is_not_uploaded(laptop: Laptop, emulator: Emulator) -> None:
    text = (
        "steps: [{name: bash, args: [-c, 'mkdir dist; ln -s /etc/passwd dist/a.whl']}]\n"
        "artifacts:\n  pythonPackages:\n"
        "  - {repository: https://us-east4-python.pkg.dev/p/pypi, paths: [dist/*]}\n"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    outcome = laptop.run(text, "--host-tools", environ=environ)

    assert (outcome.code, outcome.out.splitlines()[-1][:7]) == (3, "FAILURE")
    assert "dist/a.whl' is a link that leads out of /workspace" in outcome.out


def test_a_refused_upload_ends_the_build_with_the_code_of_the_refusal(
    laptop: Laptop, emulator: Emulator
) -> None:
    text = (
        f"steps: [{{name: {OURS}, args: [upload, tides],"
        " env: ['SHIPWHEEL_REGISTRY=us-east4/p/pypi']}]"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    make_distributions(make_project(laptop.source, "tides"))
    first = laptop.run(text, environ=environ)
    make_distributions(make_project(laptop.source, "tides", text="edited"))
    second = laptop.run(text, environ=environ)

    assert (first.code, second.code) == (0, 1), first.out + second.out


def test_a_registry_of_the_command_line_wins_and_brings_credentials_to_our_steps_only(
    laptop: Laptop,
) -> None:
    show = "args: ['-c', 'echo $$SHIPWHEEL_REGISTRY $${#TWINE_PASSWORD} $$TWINE_PASSWORD.']"
    env = "env: ['SHIPWHEEL_REGISTRY=us-east4/p/config']"
    text = f"steps: [{{name: {OURS}, entrypoint: bash, {show}, {env}}}, {{name: bash, {show}}}]"
    options = ["--host-tools", "--registry", "us-east4/p/mine"]
    outcome = laptop.run(text, *options, environ={"TWINE_PASSWORD": "hunter2"})

    assert outcome.log() == ["Step #0: us-east4/p/mine 7 ***.", "Step #1: 0 ."]
    plain = laptop.run(text, "--host-tools", environ={"TWINE_PASSWORD": "hunter2"})
    assert plain.log() == ["Step #0: us-east4/p/config 0 .", "Step #1: 0 ."]
