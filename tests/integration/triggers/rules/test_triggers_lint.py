"""The real gcloud as the oracle of lint: what it refuses to import, lint finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.integration.servers.cloud_build_api import CloudBuildApi
from triggers.rules.codes import CODES
from triggers.rules.linter import lint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_gcloud

TRIGGER = """\
name: a
github: {owner: acme, name: mono, push: {branch: ^main$}}
autodetect: true
serviceAccount: projects/p/serviceAccounts/s
"""
REFUSED = {
    "a list of triggers": "- name: a\n",
    "a text": "hello\n",
    "an empty document at the end": f"{TRIGGER}---\n",
    "an open bracket": f"{TRIGGER}tags: [\n",
    "a tab": f"{TRIGGER}description:\ta\n",
    "a tag of somebody's": f"{TRIGGER}description: !secret a\n",
    "an equals sign": f"{TRIGGER}description: =\n",
    "a fault in the second document": f"{TRIGGER}---\nname: b\nfilenames: c\n",
    "an unknown field": f"{TRIGGER}includeFiles: [a]\n",
    "an unknown field in the source": TRIGGER.replace("owner", "owners"),
    "an unknown field in the event": TRIGGER.replace("branch", "branches"),
    "an unknown field in a step": TRIGGER.replace(
        "autodetect: true", "build: {steps: [{name: a, arg: b}]}"
    ),
    "a key for true": f"{TRIGGER}on: push\n",
    "a value that is none": TRIGGER.replace(
        "push: {branch: ^main$}", "pullRequest: {branch: a, commentControl: COMMENTS_ON}"
    ),
    "a number": f"{TRIGGER}substitutions: {{_PORT: 8080}}\n",
    "a version": f"{TRIGGER}substitutions: {{_PYTHON: 3.10}}\n",
    "a time": f"{TRIGGER}substitutions: {{_AT: 12:30}}\n",
    "an octal number": f"{TRIGGER}substitutions: {{_MODE: 0755}}\n",
    "a short sha": f"{TRIGGER}substitutions: {{_SHA: 1234e56}}\n",
    "a date": f"{TRIGGER}description: 2026-01-01\n",
    "a yes": f"{TRIGGER}substitutions: {{_ANSWER: yes}}\n",
    "a y": TRIGGER.replace("name: a", "name: y"),
    "a quoted boolean": f"{TRIGGER}disabled: 'true'\n",
    "a timeout in numbers": TRIGGER.replace(
        "autodetect: true", "build: {steps: [{name: a}], timeout: 600}"
    ),
    "an argument in numbers": TRIGGER.replace(
        "autodetect: true", "build: {steps: [{name: a, args: [1]}]}"
    ),
    "an encrypted value that is not base64": TRIGGER.replace(
        "autodetect: true",
        "build: {steps: [{name: a, secretEnv: [S]}],"
        " secrets: [{kmsKeyName: k, secretEnv: {S: eA}}]}",
    ),
    "nothing in a list": f"{TRIGGER}includedFiles: [a, null]\n",
    "a list for a message": f"{TRIGGER}approvalConfig: [{{approvalRequired: true}}]\n",
    "a list of substitutions": f"{TRIGGER}substitutions: [_A]\n",
}
ACCEPTED = {
    "a trigger": TRIGGER,
    "snake_case": f"{TRIGGER}approval_config: {{approval_required: true}}\n",
    "quotes": f"{TRIGGER}tags: ['1', 'yes', 2026-1-1-x, 0o17, v1.2.3]\n",
    "an end of the document": f"---\n{TRIGGER}...\n",
    "json": '{"name": "a", "autodetect": true, "serviceAccount": "projects/p/serviceAccounts/s",'
    ' "github": {"owner": "acme", "name": "mono", "push": {"branch": "^main$"}}}',
    "an anchor": f"{TRIGGER}tags: &tags [x]\nincludedFiles: *tags\n",
    "a scalar for a list": f"{TRIGGER}tags: a\n",
}


@pytest.fixture(name="api", scope="module")
def _api() -> Iterator[CloudBuildApi]:
    with CloudBuildApi() as api:
        yield api


def errors(file: Path) -> list[str]:
    """Return the codes of the errors that lint finds in *file*, in a repository of its own."""
    (file.parent / "a.py").touch()
    report = lint(file.parent / "shipwheel.yaml", [file], frozenset())
    return [each.code for each in report.findings if CODES[each.code].level == "error"]


@sample("case", REFUSED, "a tab", "an unknown field", "a y")
def test_what_gcloud_refuses_is_found(api: CloudBuildApi, tmp_path: Path, case: str) -> None:
    file = tmp_path / "triggers.yaml"
    file.write_text(REFUSED[case])

    imported = api.gcloud(
        "builds", "triggers", "import", f"--source={file}", "--region=us-central1"
    )

    assert imported.returncode != 0
    assert errors(file) != []


@sample("case", ACCEPTED, "quotes")
def test_what_gcloud_imports_has_no_error(api: CloudBuildApi, tmp_path: Path, case: str) -> None:
    file = tmp_path / "triggers.yaml"
    file.write_text(ACCEPTED[case])

    imported = api.gcloud(
        "builds", "triggers", "import", f"--source={file}", "--region=us-central1"
    )

    assert (imported.returncode, errors(file)) == (0, [])
