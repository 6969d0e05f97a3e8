"""Triggers of the manifest's own kinds: what they are for, and what starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.host.errors import Problem, shorten
from steps.project.manifest import is_excluded
from triggers.cloudbuild.build_config import BuildTrigger
from triggers.cloudbuild.conditions import branch_in
from triggers.cloudbuild.messages import camel_case, read_message
from triggers.discovery.targets import TriggerTarget, target_of
from triggers.rendering.trigger import OnDemand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.discovery.inventory import Component
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import OwnKind, TriggerSettings
    from triggers.rendering.trigger import Trigger


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
        for kind in override.kinds.keys() - manifest.kinds.keys():
            yield Problem(
                f'`overrides["{path}"].kinds.{kind}` is no kind of the manifest',
                f"`kinds` has {known}",
            )


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
    for key in message.keys() & more.keys():
        if isinstance(message[key], dict) and isinstance(more[key], dict):
            yield from _set_twice(message[key], more[key], f"{path}{key}.")
        else:
            yield f"{path}{key}"
