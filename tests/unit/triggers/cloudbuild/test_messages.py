"""What the messages of Cloud Build hold is what Google's own types say."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
from pydantic import BaseModel

from tests import api as script
from triggers.cloudbuild import build_config
from triggers.cloudbuild.build_config import Build, BuildTrigger, Message
from triggers.cloudbuild.messages import api, read_message

DATA = json.loads(script.DATA.read_text(encoding="utf-8"))


def test_every_field_and_value_of_googles_package_is_in_the_data_that_make_api_writes() -> None:
    messages, enums = script.of_package()

    assert DATA["sources"]["google-cloud-build"] == version("google-cloud-build")
    for name, fields in messages.items():
        known = {**fields, **script.DOCUMENTED.get(name, {})}
        assert name not in DATA["messages"] or DATA["messages"][name].items() >= known.items()
    for name, values in enums.items():
        assert DATA["enums"].get(name, values) == values


def test_make_api_writes_what_is_there() -> None:
    root = script.gcloud_root()
    if root is None or (root / "VERSION").read_text().strip() != DATA["sources"]["gcloud"]:
        pytest.skip("another gcloud than the one of the data, or none")

    assert script.describe(root, DATA) == DATA


def test_no_overlay_is_left_for_what_the_package_has() -> None:
    messages, _enums = script.of_package()
    twice = {
        f"{name}.{field}"
        for name, fields in script.DOCUMENTED.items()
        for field, kind in fields.items()
        if messages.get(name, {}).get(field) == kind
    }

    assert twice == set()


@pytest.mark.parametrize(("model", "name"), [(Build, "Build"), (BuildTrigger, "BuildTrigger")])
def test_every_field_that_the_code_reads_is_one_of_the_message(
    model: type[Message], name: str
) -> None:
    waiting: list[tuple[type[BaseModel], str]] = [(model, name)]
    while waiting:
        owner, message = waiting.pop()
        kinds = DATA["messages"][message]
        for field in owner.model_fields.values():
            if owner is build_config.Events and field.alias not in kinds:
                continue  # owner and name are those of a repository on GitHub
            kind = kinds[str(field.alias)].rstrip("[]{}")
            inner = [each for each in _models(field.annotation) if kind in DATA["messages"]]
            waiting += [(each, kind) for each in inner]


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in getattr(annotation, "__args__", ()) for each in _models(part)]


def test_what_is_not_read_is_kept_beside() -> None:
    build = read_message(Build, {"options": {"workerRelease": "stable"}}).message

    assert build.options.model_extra == {"workerRelease": "stable"}


def test_what_only_the_service_writes_is_known() -> None:
    assert {"id", "status", "results", "logUrl"} <= api().outputs("Build")
    assert api().outputs("BuildStep") == {"exitCode", "pullTiming", "status", "timing"}
