"""What a trigger waits for: which event, which branch or tag, which files.

Read from a trigger's message, rendered or live, of every kind of repository that the API knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from triggers.cloudbuild.build_trigger import BuildTrigger, Events, PullRequestFilter, PushFilter
from triggers.cloudbuild.messages import camel_case, read_message

if TYPE_CHECKING:
    from collections.abc import Mapping

EventKind = Literal["push", "pull-request"]

# The names of the triggers that a build which publishes starts, with spaces between them.
FOLLOWERS_KEY = "_THEN_DEPLOY"


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
    trigger, _faults = read_message(BuildTrigger, message)
    events = next(iter(trigger.repositories.values()), Events())
    condition: PushFilter | PullRequestFilter | None = events.push or events.pull_request
    if template := trigger.trigger_template:
        condition = PushFilter(
            branch=template.branch_name, tag=template.tag_name, invert_regex=template.invert_regex
        )
    tag = condition.tag if isinstance(condition, PushFilter) else ""
    control = condition.comment_control if isinstance(condition, PullRequestFilter) else None
    kind: EventKind = "push" if isinstance(condition, PushFilter) else "pull-request"
    return TriggerConditions(
        name=trigger.name or "(without a name)",
        event=kind if condition else None,
        ref="tag" if tag else "branch",
        pattern=tag or (condition.branch if condition else ""),
        inverted=condition.invert_regex if condition else False,
        comment_control=control or "",
        needs_approval=bool(trigger.approval_config and trigger.approval_config.approval_required),
        disabled=trigger.disabled,
        included=_texts(message.get("includedFiles")),
        ignored=_texts(message.get("ignoredFiles")),
        starts=tuple(trigger.substitutions.get(FOLLOWERS_KEY, "").split()),
    )


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or a lone one, which gcloud takes for a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values if isinstance(text, str))
