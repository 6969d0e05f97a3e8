"""`shipwheel triggers apply`: does what `diff` shows."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import click

from steps.command_line.program import run_alone
from steps.host.errors import ServiceError, ShipwheelError
from triggers.live.options import with_plan
from triggers.live.plan import apply, arrived, run_created

if TYPE_CHECKING:
    from triggers.live.gcloud import Gcloud
    from triggers.live.plan import Plan

_logger = logging.getLogger("shipwheel")


@click.command(short_help="Make the live triggers the rendered ones.")
@click.option(
    "--prune", is_flag=True, help="Delete our triggers that are gone from the repository."
)
@click.option("--adopt", is_flag=True, help="Replace triggers of others that have our names.")
@click.option(
    "--run-new",
    is_flag=True,
    help="Start each created trigger of a push once: nothing else does until its files change.",
)
@click.option(
    "--branch",
    metavar="NAME",
    default="",
    help="The branch for --run-new, where a trigger's pattern does not spell out one.",
)
@with_plan
def command(
    *, prune: bool, adopt: bool, run_new: bool, branch: str, plan: Plan, cloud: Gcloud
) -> None:
    """Make the live triggers the rendered ones: show the plan as `diff` does, and do it at once.

    Creates and replaces by name, in one gcloud import, and asks no question. Deletes only with
    --prune, and never a trigger that is not ours. Whatever interrupts it, run it again.

    \b
    Example:
      shipwheel triggers apply
      shipwheel triggers apply --prune --run-new
    """
    try:
        apply(plan, cloud, prune=prune, adopt=adopt)
    except ServiceError:
        # The next call will not know which of them are new.
        if run_new:
            with contextlib.suppress(ShipwheelError):
                run_created(arrived(plan, cloud), cloud, branch)
        raise
    if run_new:
        run_created(plan, cloud, branch)
    _logger.info("done: %s", plan.summary or "no triggers")
    if plan.of("delete") and not prune:
        _logger.warning("warning: %d not deleted: --prune deletes them", len(plan.of("delete")))


if __name__ == "__main__":
    run_alone(command, "triggers", "apply")
