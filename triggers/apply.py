"""`shipwheel triggers apply`: do what `diff` shows."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import ServiceError, ShipwheelError
from triggers.command_line.options import with_plan
from triggers.live.plan import actually_created, apply, run_created

if TYPE_CHECKING:
    from triggers.live.gcloud import Gcloud
    from triggers.live.plan import TriggerPlan

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand, short_help="Make the live triggers match the rendered ones.")
@click.option(
    "--prune", is_flag=True, help="Delete triggers of this repository that are no longer rendered."
)
@click.option("--adopt", is_flag=True, help="Replace triggers of others that have the same names.")
@click.option(
    "--run-new",
    is_flag=True,
    help="Run each new trigger of a push once; otherwise it waits for its files to change.",
)
@click.option(
    "--branch",
    metavar="NAME",
    default="",
    help="The branch for --run-new, where a trigger's pattern does not spell out one.",
)
@with_plan
def command(
    *, prune: bool, adopt: bool, run_new: bool, branch: str, plan: TriggerPlan, cloud: Gcloud
) -> None:
    """Make the live triggers match the rendered ones: show the plan as `diff` does, then apply it.

    Creates and replaces by name, in one gcloud import, and asks no question. Deletes only with
    --prune, and never a trigger of others. If it is interrupted, run it again.

    \b
    Example:
      shipwheel triggers apply
      shipwheel triggers apply --prune --run-new
    """
    try:
        apply(plan, cloud, prune=prune, adopt=adopt)
    except ServiceError:
        # The next call cannot tell which of them are new.
        if run_new:
            with contextlib.suppress(ShipwheelError):
                run_created(actually_created(plan, cloud), cloud, branch)
        raise
    if run_new:
        run_created(plan, cloud, branch)
    _logger.info("done: %s", plan.summary or "no triggers")
    if plan.of("delete") and not prune:
        _logger.warning("warning: %d not deleted: --prune deletes them", len(plan.of("delete")))


if __name__ == "__main__":
    run_alone(command, "triggers", "apply")
