"""What a trigger waits for: which event, which branch or tag, which files.

Read from a trigger's message, rendered or live, of every kind of repository that the API knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from triggers.cloudbuild.messages import camel_case

if TYPE_CHECKING:
    from collections.abc import Mapping

EventKind = Literal["push", "pull-request"]

# The names of the triggers that a build which publishes starts, with spaces between them.
FOLLOWERS_KEY = "_THEN_DEPLOY"

# The fields that hold `push` or `pullRequest`, one per kind of repository.
EVENT_SOURCES = (
    "github",
    "repositoryEventConfig",
    "developerConnectEventConfig",
    "bitbucketServerTriggerConfig",
    "gitlabEnterpriseEventsConfig",
)


@dataclass(frozen=True, kw_only=True)
class TriggerConditions:
    """A trigger's conditions; *event* is None for one that no push or pull request starts.

    *pattern* is for the *ref*, or with *inverted* against it. *starts* are the triggers that its
    build starts at its end.
    """

    name: str
    event: EventKind | None
    ref: Literal["branch", "tag"] = "branch"
    pattern: str = ""
    inverted: bool = False
    comment_control: str = ""
    needs_approval: bool = False
    disabled: bool = False
    included: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return what it waits for as people say it."""
        if self.event is None:
            return "neither a push nor a pull request"
        what = "a pull request to a branch" if self.event == "pull-request" else "a push of a tag"
        if self.event == "push" and self.ref == "branch":
            what = "a push to a branch"
        verb = "does not match" if self.inverted else "matches"
        return f"{what} that {verb} {self.pattern!r}{self._permission()}"

    def _permission(self) -> str:
        """Return what a person has to do before the build starts."""
        comment = {
            "COMMENTS_ENABLED": ", after a comment /gcbrun",
            "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY": ", from outside after a comment"
            " /gcbrun",
        }.get(self.comment_control, "")
        return comment + (", after an approval" if self.needs_approval else "")


def read_conditions(message: Mapping[str, Any]) -> TriggerConditions:
    """Return what the trigger of *message* waits for; what is of a wrong type counts as missing."""
    message = camel_case(message)
    common: dict[str, Any] = {
        "name": str(message.get("name") or "(without a name)"),
        "disabled": message.get("disabled") is True,
        "needs_approval": _mapping(message, "approvalConfig").get("approvalRequired") is True,
        "included": _texts(message.get("includedFiles")),
        "ignored": _texts(message.get("ignoredFiles")),
        "starts": tuple(str(_mapping(message, "substitutions").get(FOLLOWERS_KEY, "")).split()),
    }
    template = _mapping(message, "triggerTemplate")
    if template:
        branch, tag = template.get("branchName"), template.get("tagName")
        return _conditions_of(common, "push", {**template, "branch": branch, "tag": tag})
    for source in EVENT_SOURCES:
        held = _mapping(message, source)
        if "push" in held:
            return _conditions_of(common, "push", _mapping(held, "push"))
        if "pullRequest" in held:
            return _conditions_of(common, "pull-request", _mapping(held, "pullRequest"))
    return TriggerConditions(event=None, **common)


def _conditions_of(
    common: Mapping[str, Any], event: EventKind, condition: Mapping[str, Any]
) -> TriggerConditions:
    tag = condition.get("tag")
    return TriggerConditions(
        event=event,
        ref="tag" if tag else "branch",
        pattern=str(tag or condition.get("branch") or ""),
        inverted=condition.get("invertRegex") is True,
        comment_control=str(condition.get("commentControl") or ""),
        **common,
    )


def _mapping(message: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = message.get(key)
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or a lone one, which gcloud takes for a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values if isinstance(text, str))
