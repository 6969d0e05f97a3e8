"""`shipwheel setup`: what a project of Google Cloud needs, as commands, as Terraform, or done."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.host.errors import Refused, warn
from triggers.cloud_project.desired import SetupOptions, desired_state
from triggers.cloud_project.forms import (
    read_cleanup_policies,
    revoke,
    script,
    steps,
    terraform_setup,
)
from triggers.cloud_project.live import Comparison, active_project, apply, compare, read_live
from triggers.cloud_project.resources import (
    Binding,
    find_repositories,
    find_service_accounts,
    unnamed_accounts,
)
from triggers.cloudbuild.files import read_mapping
from triggers.command_line.options import manifest_option
from triggers.manifest.starting import restricted_region
from triggers.rendering.repository import open_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triggers.cloud_project.resources import CleanupPolicies, DesiredResource
    from triggers.manifest.manifest import Manifest

_logger = logging.getLogger("shipwheel")
# https://docs.cloud.google.com/iam/docs/access-change-propagation
_ROLES_TAKE_TIME = (
    "Roles take effect after 2 minutes, typically, and sometimes 7 or more: a build that is refused"
    " until then can be run again"
)


@click.command(cls=ShipwheelCommand)
@manifest_option
@click.option("--apply", "applies", is_flag=True, help="Do what is missing, through gcloud.")
@click.option(
    "--prune",
    "prunes",
    is_flag=True,
    help="With --apply: delete Scheduler jobs that are gone from the manifest.",
)
@click.option("--check", "checks", is_flag=True, help="Compare: exit 1 on a difference.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["shell", "terraform"]),
    default="shell",
    show_default=True,
    help="What to print: gcloud's commands, or the contents of a .tf.json file.",
)
@click.option(
    "--member",
    "members",
    metavar="MEMBER",
    multiple=True,
    help="A person or group that runs triggers: user:ann@example.com, group:...; may be repeated.",
)
@click.option(
    "--reader",
    "readers",
    metavar="MEMBER",
    multiple=True,
    help="A person or group that only installs packages: group:all@example.com; may be repeated.",
)
@click.option(
    "--cleanup-policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Set the cleanup policies of this JSON file, by which Artifact Registry deletes packages.",
)
@json_option
def command(
    *,
    manifest_file: Path,
    applies: bool,
    prunes: bool,
    checks: bool,
    output_format: str,
    members: tuple[str, ...],
    readers: tuple[str, ...],
    cleanup_policy: Path | None,
    as_json: bool,
) -> None:
    """Print the gcloud commands that the manifest's project needs, each with its reason.

    They enable APIs, and create repositories and service accounts with the fewest roles. --apply
    runs those that are still needed; if it is interrupted, run it again. --check exits with 1 if
    something is missing, if one of these accounts has a role too many, or if the manifest no longer
    has the trigger of a Scheduler job. It changes nothing.

    \b
    Example:
      shipwheel setup --member user:ann@example.com
      shipwheel setup --apply --member user:ann@example.com
      shipwheel setup --check --member user:ann@example.com
      shipwheel setup --format terraform > setup.tf.json
    """
    if applies and checks:
        raise click.UsageError("--check changes nothing, and --apply does: give one of them.")
    if (applies or checks) and output_format != "shell":
        raise click.UsageError("--format is for what is printed; --apply and --check do the rest.")
    if prunes and not applies:
        raise click.UsageError("--prune deletes, and only with --apply.")
    repository = open_repository(manifest_file)
    manifest = repository.manifest
    users = find_service_accounts(manifest, repository.inventory)
    region = restricted_region(manifest.region)
    warn(*repository.inventory.warnings, *unnamed_accounts(users), *region)
    options = SetupOptions(
        members=members,
        readers=readers,
        provenance=any(_takes_provenance(repository.root / it) for it in users.build_configs),
        cleanup=_cleanup(manifest, cleanup_policy),
    )
    needs = desired_state(manifest, repository.inventory, options)
    if not (applies or checks):
        if output_format == "terraform":
            place = find_repositories(manifest).python
            document = terraform_setup(needs, manifest.project, place)
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            _print(needs, as_json=as_json)
        return
    _say_which_project(manifest)
    comparison = compare(needs, read_live(needs, manifest, os.environ))
    if checks:
        _check(comparison, manifest, as_json=as_json)
    else:
        _apply(comparison, prunes=prunes, as_json=as_json)


def _takes_provenance(build_config: Path) -> bool:
    """Return whether builds of *build_config* fail without provenance."""
    if not build_config.is_file():
        return False
    options = read_mapping(build_config, "build config", "").get("options")
    return isinstance(options, dict) and options.get("requestedVerifyOption") == "VERIFIED"


def _cleanup(manifest: Manifest, file: Path | None) -> CleanupPolicies | None:
    return read_cleanup_policies(file, find_repositories(manifest).python) if file else None


def _say_which_project(manifest: Manifest) -> None:
    active = active_project(os.environ)
    if active and active != manifest.project:
        warn(
            f"gcloud's active configuration is for the project {active!r}; every command here"
            f" names the manifest's, {manifest.project!r}"
        )


def _print(needs: Sequence[DesiredResource], *, as_json: bool) -> None:
    if as_json:
        commands = [
            {"why": [need.why for need in together], "command": call.words, "input": call.text}
            for together, call in steps(needs)
        ]
        click.echo(json.dumps({"commands": commands}, indent=2))
    else:
        click.echo(f"{script(needs)}\n# {_ROLES_TAKE_TIME}.")


def _check(comparison: Comparison, manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_object(comparison), indent=2))
    else:
        _show(comparison)
    counts = {
        "missing": len(comparison.missing),
        "wrong": len(comparison.wrong),
        "too many": len(comparison.extra),
    }
    summary = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if summary:
        raise Refused(
            f"The project {manifest.project!r} is not set up as the manifest asks: {summary}",
            "`shipwheel setup --apply` does what is missing; for the rest, the commands are above",
        )
    _logger.info("done: all %d are there, and no role too many", len(comparison.there))


def _show(comparison: Comparison) -> None:
    for need in comparison.missing:
        click.echo(f"missing   {need.resource}: {need.why}")
    for problem in comparison.wrong:
        click.echo(f"wrong     {problem.message}\n            {problem.hint}")
    for binding in comparison.extra:
        click.echo(f"too many  {binding}\n            {revoke(binding).line}")
    for binding in comparison.foreign:
        click.echo(f"foreign   {binding}")


def _as_object(comparison: Comparison) -> dict[str, Any]:
    return {
        "missing": [{"what": str(it.resource), "why": it.why} for it in comparison.missing],
        "wrong": [{"what": it.message, "hint": it.hint} for it in comparison.wrong],
        "tooMany": [{"what": str(it), "command": revoke(it).words} for it in comparison.extra],
        "foreign": [str(it) for it in comparison.foreign],
        "there": [str(it.resource) for it in comparison.there],
    }


def _apply(comparison: Comparison, *, prunes: bool, as_json: bool) -> None:
    changed: dict[str, list[str]] = {"created": [], "deleted": []}
    try:
        for verb, resource in apply(comparison, os.environ, prunes=prunes):
            changed[verb].append(str(resource))
            if not as_json:
                click.echo(f"{verb}   {resource}")
    finally:
        if as_json:
            there = [str(need.resource) for need in comparison.there]
            click.echo(json.dumps({**changed, "there": there}, indent=2))
    deleted = f", {len(changed['deleted'])} deleted" if changed["deleted"] else ""
    counts = len(changed["created"]), len(comparison.there)
    _logger.info("done: %d created, %d were there%s", *counts, deleted)
    if any(isinstance(need.resource, Binding) for need in comparison.missing):
        _logger.info(_ROLES_TAKE_TIME)
    left = (it for it in comparison.extra if str(it) not in changed["deleted"])
    warn(*(f"too many: {it}: {revoke(it).line}" for it in left))


if __name__ == "__main__":
    run_alone(command, "setup")
