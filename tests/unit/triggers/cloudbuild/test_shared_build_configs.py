"""The shared build configs and the triggers that name them fit together."""

from __future__ import annotations

import importlib
import re
from importlib import resources
from typing import Any

import pytest
import yaml

from tests.unit.triggers.rendering.rendering import documents, function, package
from triggers.cloudbuild.substitutions import PULL_REQUEST

FOLDER = resources.files("triggers") / "build_configs"
CONFIGS: dict[str, str] = {file.name: file.read_text() for file in FOLDER.iterdir()}
BUILT_IN = {"BUILD_ID", "COMMIT_SHA", "LOCATION", "PROJECT_ID", "TRIGGER_NAME"}


def given(name: str) -> dict[str, str]:
    """Return the substitutions of a trigger that names the build config *name*."""
    manifest: dict[str, Any] = {}
    if name == "publish-package-native.yaml":
        manifest = {"publish": {"buildConfig": "cloudbuild/publish-package-native.yaml"}}
    if name == "status.yaml":
        own = {"buildConfig": "cloudbuild/status.yaml", "substitutions": {"_BUCKET": "pages"}}
        manifest = {"kinds": {"status": {"schedule": "0 5 * * *", **own}}}
    targets = package("packages/a"), function("functions/f", "packages/a")
    found = [
        *documents(*targets, **manifest),
        *documents(*targets, grouping="directory"),
        *documents(*targets, deploy={"afterPublish": True}),
        *documents(*targets, deploy={"afterPublish": True}, grouping="directory"),
    ]
    document = next(each for each in found if f"'cloudbuild/{name}'" in str(each.values()))
    substitutions: dict[str, str] = document["substitutions"]
    return substitutions


@pytest.mark.parametrize("name", CONFIGS)
def test_every_substitution_that_is_used_is_given_and_the_other_way_round(name: str) -> None:
    """A missing one would be an empty text in a trigger; an unused one fails a submit."""
    config = yaml.safe_load(CONFIGS[name])
    defaults = config.pop("substitutions", {}).keys()
    used = set(re.findall(r"\$\{([A-Z0-9_]+)\}", str(config)))

    assert used - BUILT_IN - {*PULL_REQUEST} == given(name).keys() | defaults


@pytest.mark.parametrize("name", CONFIGS)
def test_every_substitution_has_its_braces_and_none_is_where_there_is_no_substitution(
    name: str,
) -> None:
    config = yaml.safe_load(CONFIGS[name])
    scripts = [step.pop("script", "") for step in config["steps"]]

    assert not re.findall(r"\$(?!\{)", str(config))
    assert not [script for script in scripts if re.search(r"\$\{?_", script)]
    assert "env" not in config["options"]  # reported to take none


@pytest.mark.parametrize("name", CONFIGS)
def test_its_comment_says_how_to_try_it_with_every_substitution(name: str) -> None:
    comment = "".join(
        line.removeprefix("#").strip() for line in CONFIGS[name].splitlines() if line[0] == "#"
    )
    named = set(re.findall(r"(_[A-Z_]+)=", comment.split("--substitutions=")[1]))

    assert named >= given(name).keys()
    assert f"--config=cloudbuild/{name}" in comment


@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_line_knows_every_command_of_our_image(name: str) -> None:
    substitutions = given(name)
    for step in yaml.safe_load(CONFIGS[name])["steps"]:
        if step["name"] != "${_IMAGE}" or "script" in step:
            continue
        arguments = [
            re.sub(r"\$\{(\w+)\}", lambda match: substitutions[match[1]], argument)
            for argument in step["args"]
        ]
        module = importlib.import_module(f"steps.{arguments[0]}")
        parsed = module.command.make_context(arguments[0], arguments[1:])
        assert [str(path) for path in parsed.params["directories"]] == [substitutions["_DIRECTORY"]]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_build_config_logs_where_its_triggers_account_may_and_has_times_that_are_texts(
    name: str,
) -> None:
    config = yaml.safe_load(CONFIGS[name])

    assert config["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    times = [config["timeout"], *(step["timeout"] for step in config["steps"] if "timeout" in step)]
    assert [time for time in times if not re.fullmatch(r"[1-9][0-9]*s", time)] == []


@pytest.mark.parametrize("kind", ["package", "directory"])
def test_what_deploys_afterwards_publishes_as_the_others_do(kind: str) -> None:
    alone = yaml.safe_load(CONFIGS[f"publish-{kind}.yaml"])
    then = yaml.safe_load(CONFIGS[f"publish-{kind}-then-deploy.yaml"])

    [step], [first, _] = alone.pop("steps"), then.pop("steps")
    script = first.pop("script")
    command = " ".join(step.pop("args")).replace("${_DIRECTORY}", '"$DIRECTORY"')
    assert f"receipt=$(shipwheel {command})\n" in script
    assert first == {**step, "env": ["DIRECTORY=${_DIRECTORY}", *step["env"]]}
    assert then == alone
