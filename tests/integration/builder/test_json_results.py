"""What commands print with --json is what the published schema says, also when the answer is no."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from tests.documentation import ROOT
from tests.documentation.stage import Stage
from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample

pytestmark = needs_gcloud

SCHEMA = json.loads((ROOT / "docs/reference/results.schema.json").read_text())
REGISTRY = "--registry us-central1/demo/pypi"
VIRTUAL = "--virtual us-central1/demo/pypi-all"
EDIT = "echo 'HIGH = 2' >> packages/tides/src/harbour_tides/__init__.py; git commit -q -a -m Edit"

# The name of a definition, its command, and the exit code; each group in its order on one stage.
GROUPS: dict[str, list[tuple[str, str, int | None]]] = {
    "releases": [
        ("build", "build packages/tides packages/dues", 0),
        ("upload", f"upload packages/dues {REGISTRY}", 0),
        ("check", f"check --all {REGISTRY}", 0),
        ("publish", f"publish --all {REGISTRY}", 0),
        ("prepare", EDIT, 0),
        ("check", f"check --all {REGISTRY}", 1),
        ("publish", f"publish --all --allow-uncommitted {REGISTRY}", 1),
        ("publish", f"publish packages/signals --no-upload {REGISTRY}", 0),
        ("bump", f"bump packages/tides --to minor --dry-run {REGISTRY}", 0),
        ("requirements", f"requirements functions/berth-finder {REGISTRY} {VIRTUAL} --dry-run", 0),
        ("versions", f"versions --all {REGISTRY}", 0),
        ("versions --delete", f"versions harbour-tides --delete 1.2.0 {REGISTRY}", 1),
        ("status", f"status {REGISTRY}", 0),
        ("status", f"status {REGISTRY} --check", 1),
    ],
    "triggers": [
        ("init", "init --update", 0),
        ("triggers lint", "triggers lint", 0),
        ("triggers lint", "triggers lint functions/berth-finder/main.py", 1),
        ("prepare", EDIT, 0),
        ("triggers explain", "triggers explain HEAD~1..HEAD", 0),
        ("triggers explain --history", "triggers explain --history 2", 0),
        ("triggers diff", "triggers diff", 1),
        ("triggers diff", "triggers apply", 0),
    ],
    "machine": [
        ("doctor", f"doctor {REGISTRY}", None),
        ("setup", "setup", 0),
        ("setup --check", "setup --check", 1),
        ("run --dry-run", "run cloudbuild.yaml --emulator --dry-run", 0),
        ("run", "run cloudbuild.yaml --emulator --only triggers", 0),
    ],
    "project": [("setup --apply", "setup --apply", 0)],
}


@sample(
    "group",
    GROUPS,
    "triggers",
    "machine",
)
def test_results_are_as_their_schemas_say(group: str) -> None:
    with Stage() as stage:
        for name, command, code in GROUPS[group]:
            if name == "prepare":
                stage.prepare(command)
            else:
                _try(stage, name, command, code)


def _try(stage: Stage, name: str, command: str, code: int | None) -> None:
    ended = stage.execute(f"shipwheel {command} --json --quiet 2>errors")
    assert code in {None, ended.returncode}, (command, (stage.source / "errors").read_text())
    definition: dict[str, Any] = {**SCHEMA, "$ref": f"#/$defs/{name}"}
    Draft202012Validator(definition).validate(json.loads(ended.stdout))


def test_every_definition_is_tried_and_every_command_with_json_has_one() -> None:
    tried = {name for group in GROUPS.values() for name, *_ in group} - {"prepare"}

    Draft202012Validator.check_schema(SCHEMA)
    assert tried == SCHEMA["$defs"].keys()
