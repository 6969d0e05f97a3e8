"""What the commands about live triggers share: their options, the plan, and how it is shown."""

from __future__ import annotations

import functools
import json
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steps.command_line.options import json_option
from triggers.live.plan import make_plan, owner_of
from triggers.manifest.options import manifest_option, report_warnings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from triggers.live.gcloud import Gcloud
    from triggers.live.plan import Change, Edit, Plan
    from triggers.rendering.repository import Repository

_logger = logging.getLogger("shipwheel")

Result = TypeVar("Result")

_MOST_NAMES = 3


def with_plan(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of a comparison; hand on its `plan`, already shown, and the `cloud`."""

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
        as_json: bool,
        **others: Any,
    ) -> Result:
        from triggers.rendering.repository import open_repository  # noqa: PLC0415 - `--help` does without

        elsewhere = {"project": project, "region": region}
        given = {key: value for key, value in elsewhere.items() if value}
        repository = open_repository(manifest_file)
        manifest = repository.manifest.model_copy(update=given)
        plan, cloud = _plan(replace(repository, manifest=manifest), inline=inline)
        _show(plan, cloud, as_json=as_json)
        return function(plan=plan, cloud=cloud, **others)

    return wrapper


def _plan(repository: Repository, *, inline: bool) -> tuple[Plan, Gcloud]:
    """Render, ask gcloud for what is live, and return what has to happen, and where."""
    from triggers.live.gcloud import Gcloud  # noqa: PLC0415 - `--help` does without
    from triggers.rendering.repository import render_repository  # noqa: PLC0415 - the same

    manifest = repository.manifest
    rendering = render_repository(repository, inline=inline)
    report_warnings(rendering.warnings)
    documents = [trigger.document() for trigger in rendering.triggers]
    cloud = Gcloud(manifest.project, manifest.region, os.environ)
    live = cloud.triggers([document["name"] for document in documents])
    return make_plan(documents, live, owner_of(manifest)), cloud


def _show(plan: Plan, cloud: Gcloud, *, as_json: bool) -> None:
    if as_json:
        changes = [_as_object(change) for change in plan.changes]
        result = {"project": cloud.project, "region": cloud.region, "changes": changes}
        click.echo(json.dumps(result, indent=2))
        return
    for change in plan.of("create", "update", "delete", "taken"):
        click.echo(_line(change))
        for edit in change.edits:
            click.echo(f"             {_edit(edit)}")
    for action in ("unchanged", "foreign"):
        names = [change.name for change in plan.of(action)]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        if names:
            click.echo(f"{action:9}  {', '.join(names[:_MOST_NAMES])}{more}")


def _line(change: Change) -> str:
    remark = {
        "delete": ": it is gone from the repository; only --prune deletes it",
        "taken": f": {change.reason}; only --adopt replaces it",
    }.get(change.action, "")
    return f"{change.action:9}  {change.name}{remark}"


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


def _as_object(change: Change) -> dict[str, Any]:
    edits = [{"path": it.path, "live": it.live, "rendered": it.rendered} for it in change.edits]
    return {
        "action": change.action,
        "name": change.name,
        "id": change.key,
        "reason": change.reason,
        "edits": edits,
    }
