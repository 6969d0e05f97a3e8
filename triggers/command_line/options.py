"""What the commands about triggers share: options, the report of warnings, and a plan."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steps.command_line.options import json_option
from steps.host.errors import shorten, warn
from triggers.live.plan import DRIFT, Gcloud, make_plan
from triggers.manifest.settings import owner_of
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from triggers.live.plan import Edit, TriggerChange, TriggerPlan
    from triggers.rendering.repository import RepositoryContents

Result = TypeVar("Result")

_MOST_NAMES = 3

manifest_option = click.option(
    "--manifest",
    "manifest_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default="shipwheel.yaml",
    show_default=True,
    help="The manifest; its directory is the repository's root.",
)


def with_plan(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of a comparison; hand on its `plan`, the `cloud`, and `as_json`."""

    @manifest_option
    @click.option("--project", metavar="ID", help="Another project than the manifest's.")
    @click.option("--region", metavar="REGION", help="Another region than the manifest's.")
    @click.option("--inline", is_flag=True, help="Render with the build configs in the triggers.")
    @json_option
    @functools.wraps(function)
    def wrapper(
        *,
        manifest_file: Path,
        project: str | None,
        region: str | None,
        inline: bool,
        **others: Any,
    ) -> Result:
        elsewhere = {"project": project, "region": region}
        given = {key: value for key, value in elsewhere.items() if value}
        repository = open_repository(manifest_file)
        manifest = repository.manifest.model_copy(update=given)
        plan, cloud = _plan(replace(repository, manifest=manifest), inline=inline)
        return function(plan=plan, cloud=cloud, **others)

    return wrapper


def _plan(repository: RepositoryContents, *, inline: bool) -> tuple[TriggerPlan, Gcloud]:
    """Render, ask gcloud for what is live, and return what has to happen, and where."""
    manifest = repository.manifest
    rendering = render_repository(repository, inline=inline)
    warn(*rendering.warnings)
    documents = [trigger.document() for trigger in rendering.triggers]
    cloud = Gcloud(manifest.project, manifest.region, os.environ)
    live = cloud.triggers([document["name"] for document in documents])
    return make_plan(documents, live, owner_of(manifest)), cloud


def show_plan(plan: TriggerPlan, cloud: Gcloud, *, as_json: bool) -> None:
    """Print what `apply` would do."""
    if as_json:
        changes = [_as_object(change) for change in plan.changes]
        result = {"project": cloud.project, "region": cloud.region, "changes": changes}
        click.echo(json.dumps(result, indent=2))
        return
    for change in plan.of(*DRIFT):
        show_change(change, change.action)
    show_others(plan)


def show_others(plan: TriggerPlan) -> None:
    """Print the names of what is left alone."""
    for action in ("unchanged", "foreign"):
        names = [change.name for change in plan.of(action)]
        if names:
            click.echo(f"{action:9}  {shorten(names, _MOST_NAMES)}")


def show_change(change: TriggerChange, verb: str) -> None:
    """Print what happens, or has happened, to one trigger, with its edits."""
    remark = {
        "delete": ": it is gone from the repository; only --prune deletes it",
        "kept": ": it is gone from the repository; --prune deletes it",
        "taken": f": {change.reason}; only --adopt replaces it",
        "adopted": f": {change.reason}",
    }.get(verb, "")
    click.echo(f"{verb:9}  {change.name}{remark}")
    for edit in change.edits:
        click.echo(f"             {_edit(edit)}")


def _edit(edit: Edit) -> str:
    """Return an edit as the old value and the new one, or as what a list loses and gains."""
    if isinstance(edit.live or [], list) and isinstance(edit.rendered or [], list):
        live, rendered = edit.live or [], edit.rendered or []
        changes = [f"- {_short(item)}" for item in live if item not in rendered]
        changes += [f"+ {_short(item)}" for item in rendered if item not in live]
        if changes:
            return f"{edit.path}: {', '.join(changes)}"
    return f"{edit.path}: {_short(edit.live)} -> {_short(edit.rendered)}"


def _short(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _as_object(change: TriggerChange) -> dict[str, Any]:
    return {
        "action": change.action,
        "name": change.name,
        "id": change.key,
        "reason": change.reason,
        "edits": [asdict(edit) for edit in change.edits],
    }
