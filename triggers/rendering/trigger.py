"""A build trigger, as Cloud Build's API has it; only what this project renders.

The types keep apart what must not come together: a trigger has one source, one event, and either
a file or an inline build. `document()` is the message that `gcloud builds triggers import` reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steps.host.documents import Quoted
from steps.host.errors import Problem, shorten
from steps.project.manifest import is_excluded
from triggers.cloudbuild.build_config import BuildTrigger
from triggers.cloudbuild.conditions import branch_in
from triggers.cloudbuild.messages import camel_case, read_message
from triggers.discovery.targets import TriggerTarget, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.discovery.inventory import Component
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import OwnKind, TriggerSettings


@dataclass(frozen=True)
class EventSource:
    """A connected repository: the *field* of the message that is for its kind, and its *names*."""

    field: str
    names: Mapping[str, str]

    def document(self, event: Event) -> dict[str, Any]:
        """Return the part of the message that names the repository and the event."""
        if isinstance(event, OnDemand):
            return {**event.fields, "sourceToBuild": {**self._place, "ref": event.ref}}
        return {self.field: {**self.names, **event.document()}}

    def build_config(self, path: str, event: Event) -> dict[str, Any]:
        """Return the part of the message that names the build config at *path*."""
        if isinstance(event, OnDemand):
            return {"gitFileSource": {"path": path, **self._place, "revision": event.ref}}
        return {"filename": path}

    @property
    def _place(self) -> dict[str, str]:
        if self.field == "github":
            uri = f"https://github.com/{self.names['owner']}/{self.names['name']}"
            return {"uri": uri, "repoType": "GITHUB"}
        return {**self.names, "repoType": "UNKNOWN"}  # its connection knows


@dataclass(frozen=True)
class Push:
    """A push to a branch or of a tag whose name matches the anchored *pattern*."""

    pattern: str
    to: str = "branch"

    def document(self) -> dict[str, Any]:
        """Return the event's part of the message."""
        return {"push": {self.to: Quoted(self.pattern)}}


@dataclass(frozen=True)
class PullRequest:
    """A pull request against a branch that matches; *comment_control* is always written.

    Without it Cloud Build runs every external pull request at once.
    """

    pattern: str
    comment_control: str

    def document(self) -> dict[str, Any]:
        """Return the event's part of the message."""
        control = {"commentControl": self.comment_control}
        return {"pullRequest": {"branch": Quoted(self.pattern), **control}}


@dataclass(frozen=True)
class OnDemand:
    """No event of the repository, but *fields*, or else a person: a build of *branch*."""

    branch: str
    fields: Mapping[str, Any]

    @property
    def ref(self) -> str:
        """The whole name of the branch."""
        return f"refs/heads/{self.branch}"


Event = Push | PullRequest | OnDemand


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """One trigger. *name* is its key: creating, updating and GitHub's check go by it.

    *build* is the path of the build config, or its contents, which no pull request can change.
    *service_account* is a full resource name. *fields* are more of the message's own. *target* and
    *kind* say what the trigger is for, and are not part of the message.
    """

    target: str
    kind: str
    name: str
    description: str
    source: EventSource
    event: Event
    build: str | Mapping[str, Any]
    service_account: str
    included_files: tuple[str, ...]
    ignored_files: tuple[str, ...] = ()
    substitutions: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    approval_required: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the message: the whole truth, since an import replaces all of a trigger."""
        plain = self.document_without_fields()
        return merged(plain, self.fields) if self.fields else plain

    def document_without_fields(self) -> dict[str, Any]:
        """Return the message as the manifest's own keys have it."""
        message: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "tags": [*self.tags],
            **self.source.document(self.event),
        }
        if isinstance(self.build, str):
            message |= self.source.build_config(self.build, self.event)
        else:
            message["build"] = self.build
        if self.included_files:
            message["includedFiles"] = [*self.included_files]
        if self.ignored_files:
            message["ignoredFiles"] = [*self.ignored_files]
        message["substitutions"] = {
            key: Quoted(text) for key, text in sorted(self.substitutions.items())
        }
        message["serviceAccount"] = self.service_account
        if self.approval_required:
            message["approvalConfig"] = {"approvalRequired": True}
        return message


def merged(message: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return *message* with what *more* has besides, at any depth."""
    result = dict(message)
    for key, value in more.items():
        there = result.setdefault(key, value)
        if isinstance(there, dict) and isinstance(value, dict):
            result[key] = merged(there, value)
    return result


def own_targets(
    manifest: Manifest, components: Iterable[Component]
) -> Iterator[tuple[str, TriggerTarget]]:
    """Yield each own kind with the packages that it is for, or with the repository as a whole."""
    packages = [it for it in components if it.kind == "package"]
    for kind, own in manifest.kinds.items():
        if own.packages is None:
            title = manifest.source.short_name
            nothing: dict[str, Any] = {"packages": {}, "folders": (), "files": ()}
            target = TriggerTarget(
                kind="repository", path=".", title=title, has_own_config=False, **nothing
            )
            yield kind, target
        for package in packages if own.packages else ():
            if is_excluded(package.path, own.packages or ()):
                yield kind, target_of(package)


def on_demand(own: OwnKind, settings: TriggerSettings, project: str) -> OnDemand:
    """Return what starts the trigger of the kind *own*, which no push does."""
    fields: dict[str, Any] = {}
    if own.topic:
        fields = {"pubsubConfig": {"topic": f"projects/{project}/topics/{own.topic}"}}
    elif own.webhook:
        fields = {"webhookConfig": {"secret": own.webhook}}
    return OnDemand(branch_in(settings.branch), fields)


def own_problems(
    manifest: Manifest, targets: Iterable[tuple[str, TriggerTarget]], triggers: Iterable[Trigger]
) -> Iterator[Problem]:
    """Yield a problem per own kind that is for nothing, or that no branch or connection starts."""
    used = {kind for kind, _ in targets}
    for kind, own in manifest.kinds.items():
        if kind not in used:
            listed = shorten([*map(repr, own.packages or ())], 3)
            yield Problem(
                f"`kinds.{kind}` is for no package: {listed} matches none",
                "name directories of packages, or remove `packages` for one trigger",
            )
        if not own.push and manifest.source.git_repository_link:
            yield Problem(
                f"`kinds.{kind}` names no repository: Cloud Build has no field for a link of"
                " Developer Connect where no push starts a trigger",
                "connect the repository to Cloud Build, and name it in `source.repository`",
            )
    yield from _unknown_kinds(manifest)
    for trigger in triggers:
        if isinstance(trigger.event, OnDemand) and not trigger.event.branch:
            yield Problem(
                f"The trigger {trigger.name!r} builds one branch, and its pattern is for several",
                f"name one: `kinds.{trigger.kind}.branch`",
            )


def _unknown_kinds(manifest: Manifest) -> Iterator[Problem]:
    known = shorten([*manifest.kinds], 3) or "none"
    for path, override in manifest.overrides.items():
        for kind in override.kinds:
            if kind not in manifest.kinds:
                message = f'`overrides["{path}"].kinds.{kind}` is not a kind of the manifest'
                yield Problem(message, f"`kinds` has {known}")


def field_problems(triggers: Iterable[Trigger]) -> Iterator[Problem]:
    """Yield a problem per field of a `trigger` in the manifest that the message does not take."""
    for trigger in triggers:
        if not trigger.fields:
            continue
        plain = trigger.document_without_fields()
        for path in _set_twice(plain, trigger.fields):
            message = f"`trigger.{path}` of {trigger.name!r} is set by Shipwheel"
            yield Problem(message, "use the manifest's own keys for it")
        known = read_message(BuildTrigger, camel_case(plain)).findings
        for finding in read_message(BuildTrigger, camel_case(trigger.document())).findings:
            if finding not in known:
                message = f"`trigger` of {trigger.name!r}: {finding.message}"
                yield Problem(message, finding.hint or "correct it, or remove it")


def _set_twice(
    message: Mapping[str, Any], more: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    for key in (it for it in more if it in message):
        if isinstance(message[key], dict) and isinstance(more[key], dict):
            yield from _set_twice(message[key], more[key], f"{path}{key}.")
        else:
            yield f"{path}{key}"
