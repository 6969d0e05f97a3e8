"""Cleanup policies: the JSON file that gcloud takes, and the form that Artifact Registry has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem
from triggers.cloud_project.resources import CleanupPolicies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from triggers.cloud_project.resources import Place

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?P<count>\d+)(?:\.0+)?(?P<unit>[smhdw])")
_DOCUMENTS = "https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy"


def read_cleanup_policies(file: Path, place: Place) -> CleanupPolicies:
    """Return the policies in *file* for the repository at *place*; raise InputError for others."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(file)!r} is no file of cleanup policies: {error}", _DOCUMENTS
        ) from None
    InputError.raise_all(Problem(f"{file}: {what}", _DOCUMENTS) for what in _problems(document))
    policies = {policy["name"]: _policy(policy) for policy in document}
    return CleanupPolicies(place, str(file), policies)


def normal_policies(live: dict[str, Any]) -> dict[str, Any]:
    """Return the policies of a repository, as Artifact Registry answers them, to be compared."""
    return {name: _policy(policy) for name, policy in live.items()}


def _problems(document: object) -> Iterator[str]:
    if not isinstance(document, list) or not document:
        yield "it has to be a list of policies"
        return
    for number, policy in enumerate(document):
        where = f"[{number}]"
        if not isinstance(policy, dict) or not isinstance(policy.get("name"), str):
            yield f"{where} has no name"
            continue
        action = policy.get("action")
        kind = action.get("type") if isinstance(action, dict) else None
        if str(kind).upper() not in {"DELETE", "KEEP"}:
            yield f"{where}.action.type is {kind!r}: Delete or Keep"
        if len({"condition", "mostRecentVersions"} & policy.keys()) != 1:
            yield f"{where} takes one of condition and mostRecentVersions"
        for key in ("condition", "mostRecentVersions"):
            yield from _bad_rule(policy.get(key, {}), f"{where}.{key}")
    names = [policy.get("name") for policy in document if isinstance(policy, dict)]
    if len(set(map(str, names))) < len(names):
        yield "two policies have one name"


def _bad_rule(rule: object, where: str) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{where} has to be a mapping"
        return
    for key in ("olderThan", "newerThan"):
        if key in rule and not _DURATION.fullmatch(str(rule[key])):
            yield f"{where}.{key} is {rule[key]!r}: write a number and s, m, h, d or w"


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    """Return *policy* with its action, times and tag state in one spelling."""
    action = policy.get("action", "")
    normal: dict[str, Any] = {
        "action": str(action["type"] if isinstance(action, dict) else action).upper()
    }
    for key in ("condition", "mostRecentVersions"):
        if key in policy:
            normal[key] = {name: _value(name, value) for name, value in policy[key].items()}
    if normal.get("condition", {}).get("tagState") in {"ANY", "TAG_STATE_UNSPECIFIED"}:
        del normal["condition"]["tagState"]
    return normal


def _value(name: str, value: Any) -> Any:
    if name == "tagState":
        return str(value).upper()
    if name in {"olderThan", "newerThan"} and (match := _DURATION.fullmatch(str(value))):
        return f"{int(match['count']) * _SECONDS[match['unit']]}s"
    return value
