"""The normal form of a trigger's message, in which equal triggers are equal.

What is written and what the service answers differ without meaning anything: proto3 JSON
leaves out zero values, the service fills fields in, an int64 is a string, sets have no order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triggers.cloudbuild.build_config import shortest
from triggers.cloudbuild.messages import MAPS, camel_case

if TYPE_CHECKING:
    from collections.abc import Mapping

# What only the service writes into a build.
BUILD_OUTPUT = {
    "approval", "buildTriggerId", "createTime", "failureInfo", "finishTime", "id", "logUrl",
    "name", "projectId", "results", "sourceProvenance", "startTime", "status", "statusDetail",
    "timing", "warnings",
}  # fmt: skip
# The same of a trigger, by the field that it is in; "" is the trigger itself.
_OUTPUT_ONLY = {
    "": {"id", "createTime", "resourceName"},
    "github": {"installationId", "enterpriseConfig"},
    "repositoryEventConfig": {"repositoryType"},
    "developerConnectEventConfig": {"gitRepositoryLinkType"},
    "build": BUILD_OUTPUT,
}
# A triggered build has these always, whatever its config says.
_FIXED = {"options": {"dynamicSubstitutions", "substitutionOption"}}

_SETS = {"tags", "includedFiles", "ignoredFiles"}
_DURATIONS = {"timeout", "queueTtl"}
_ZEROS = {
    "commentControl": "COMMENTS_DISABLED",
    "logStreamingOption": "STREAM_DEFAULT",
    "machineType": "UNSPECIFIED",
    "requestedVerifyOption": "NOT_VERIFIED",
    # Not a zero value, but what every trigger on a repository is.
    "eventType": "REPO",
}


def normal_form(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trigger *message*, rendered or live, without what makes no difference."""
    return _normal_mapping(camel_case(message), "")


def _normal_mapping(mapping: Mapping[str, Any], parent: str) -> dict[str, Any]:
    passed_over = _OUTPUT_ONLY.get(parent, set()) | _FIXED.get(parent, set())
    normal = {key: _normal(value, key) for key, value in mapping.items() if key not in passed_over}
    return {key: value for key, value in sorted(normal.items()) if not _is_zero(value, key)}


def _normal(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        if key in MAPS:
            return {name: str(text) for name, text in sorted(value.items())}
        return _normal_mapping(value, key)
    if isinstance(value, list):
        if key in _SETS:
            return sorted({str(item) for item in value})
        return [_normal(item, f"{key}[]") for item in value]
    if isinstance(value, str) and key in _DURATIONS:
        return shortest(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and value else value


def _is_zero(value: object, key: str) -> bool:
    unspecified = isinstance(value, str) and value.endswith("_UNSPECIFIED")
    return value in (None, False, 0, "", [], {}) or unspecified or value == _ZEROS.get(key)
