"""Triggers as Terraform's JSON: a `google_cloudbuild_trigger` resource for each.

The provider spells the message in snake_case, and does not know all of it. What it does not know
is an error here: without it the trigger would be another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem
from triggers.cloudbuild.messages import MAPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.discovery.model import Trigger
    from triggers.manifest.manifest import Manifest

_Fields = dict[str, "_Fields | None"]

_VOLUMES: _Fields = {"name": None, "path": None}
_EVENT: _Fields = {
    "push": {"branch": None, "tag": None},
    "pullRequest": {"branch": None, "commentControl": None},
}
# What the provider's documentation of the resource lists, by the names of Cloud Build's messages.
_BUILD: _Fields = {
    "tags": None,
    "images": None,
    "substitutions": None,
    "queueTtl": None,
    "logsBucket": None,
    "timeout": None,
    "secrets": {"kmsKeyName": None, "secretEnv": None},
    "availableSecrets": {"secretManager": {"versionName": None, "env": None}},
    "steps": {
        **dict.fromkeys(["name", "args", "env", "id", "entrypoint", "dir", "secretEnv"]),
        **dict.fromkeys(["timeout", "waitFor", "script", "allowFailure", "allowExitCodes"]),
        "volumes": _VOLUMES,
    },
    "artifacts": {
        "images": None,
        "objects": {"location": None, "paths": None},
        "mavenArtifacts": dict.fromkeys(["repository", "path", "artifactId", "groupId", "version"]),
        "pythonPackages": {"repository": None, "paths": None},
        "npmPackages": {"repository": None, "packagePath": None},
    },
    "options": {
        **dict.fromkeys(["sourceProvenanceHash", "requestedVerifyOption", "machineType"]),
        **dict.fromkeys(["diskSizeGb", "substitutionOption", "dynamicSubstitutions", "logging"]),
        **dict.fromkeys(["logStreamingOption", "workerPool", "env", "secretEnv"]),
        "volumes": _VOLUMES,
    },
}
TRIGGER_FIELDS: _Fields = {
    **dict.fromkeys(["name", "description", "tags", "filename", "includedFiles", "ignoredFiles"]),
    **dict.fromkeys(["substitutions", "serviceAccount"]),
    "github": {"owner": None, "name": None, **_EVENT},
    "repositoryEventConfig": {"repository": None, **_EVENT},
    "developerConnectEventConfig": {"gitRepositoryLink": None, **_EVENT},
    "approvalConfig": {"approvalRequired": None},
    "build": _BUILD,
}
# Blocks that come several times are named for one.
_SINGULAR = {"steps": "step", "secrets": "secret"}


def terraform_document(triggers: Iterable[Trigger], manifest: Manifest) -> dict[str, Any]:
    """Return the contents of a `.tf.json` file with *triggers* as resources.

    Raises InputError with every field that the provider has no word for.
    """
    documents = [trigger.document() for trigger in triggers]
    InputError.raise_all(
        Problem(
            f"Terraform has no word for `{path}` of the trigger {document['name']!r}",
            "render without --inline, so that the build config keeps it in its own file",
        )
        for document in documents
        for path in _unknown(document, TRIGGER_FIELDS)
    )
    place = {"project": manifest.project, "location": manifest.region}
    resources = {
        _resource_name(document["name"]): {**place, **_converted(document)}
        for document in documents
    }
    return {"resource": {"google_cloudbuild_trigger": resources}}


def _unknown(message: Mapping[str, Any], fields: _Fields, path: str = "") -> Iterator[str]:
    """Yield the paths of what *fields* does not list."""
    for key, value in message.items():
        inner = fields.get(key)
        if key not in fields:
            yield f"{path}{key}"
        elif inner is not None:
            several = isinstance(value, list)
            for index, each in enumerate(value if several else [value]):
                where = f"{path}{key}[{index}]." if several else f"{path}{key}."
                yield from _unknown(each, inner, where) if isinstance(each, dict) else [where[:-1]]


def _converted(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _SINGULAR.get(key) or snake_case(key): (
            {name: _literal(text) for name, text in value.items()}
            if key in MAPS and isinstance(value, dict)
            else _value(value)
        )
        for key, value in message.items()
    }


def _value(value: object) -> object:
    if isinstance(value, dict):
        return _converted(value)
    if isinstance(value, list):
        return [_value(each) for each in value]
    return _literal(value)


def _literal(value: object) -> object:
    """Return *value* so that Terraform takes it as it is: `${` and `%{` begin its templates."""
    if not isinstance(value, str):
        return value
    return value.replace("${", "$${").replace("%{", "%%{")


def snake_case(key: str) -> str:
    """Return a key of Cloud Build's as the provider spells it."""
    return re.sub("([A-Z])", r"_\1", key).lower()


def _resource_name(name: str) -> str:
    """Return an identifier of Terraform's: it may not begin with a digit."""
    return name if name[0].isalpha() else f"_{name}"
