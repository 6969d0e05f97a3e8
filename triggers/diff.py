"""`shipwheel triggers diff`: what `apply` would do to the live triggers."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING, Any

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import Refused
from triggers.command_line.options import show_plan, with_plan
from triggers.live.plan import DRIFT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triggers.live.plan import Gcloud, TriggerPlan

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand)
@with_plan
def command(*, plan: TriggerPlan, cloud: Gcloud, as_json: bool) -> None:
    """Compare the live triggers with the rendered ones, field by field, through gcloud.

    Exits with 1 when they differ. Compares only triggers that carry the tag `shipwheel` and are for
    this repository.

    \b
    Example:
      shipwheel triggers diff
      shipwheel triggers diff --region us-central1 --json
    """
    show_plan(plan, cloud, as_json=as_json)
    _logger.info("%s", plan.summary or "no triggers")
    if plan.of(*DRIFT):
        raise Refused(
            f"The live triggers of {cloud.project!r} in {cloud.region!r} differ from the rendered"
            f" ones: {plan.summary}",
            _hint(plan, click.get_current_context().params),
        )


def _hint(plan: TriggerPlan, given: Mapping[str, Any]) -> str:
    """Return the command that ends the drift, with the options that were *given*."""
    names = {"manifest_file": "--manifest", "project": "--project", "region": "--region"}
    values = [(option, given.get(name)) for name, option in names.items()]
    options = [f"{option}={value}" for option, value in values if value]
    options = [shlex.quote(it) for it in options if it != "--manifest=shipwheel.yaml"]
    options += ["--inline"] if given.get("inline") else []
    needed = {"--adopt": ("replaces", plan.of("taken")), "--prune": ("deletes", plan.of("delete"))}
    effects = [f"{it} {verb} {len(found)}" for it, (verb, found) in needed.items() if found]
    options += [it for it, (_, found) in needed.items() if found]
    command_line = " ".join(("shipwheel triggers apply", *options))
    return ": ".join(filter(None, (f"run `{command_line}`", ", ".join(effects))))


if __name__ == "__main__":
    run_alone(command, "triggers", "diff")
