"""`shipwheel triggers apply`: do what `diff` shows."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import Refused, ServiceError, ShipwheelError
from triggers.command_line.options import show_change, show_others, show_plan, with_plan
from triggers.live.plan import DONE, actually_created, apply, run_created

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triggers.live.plan import Gcloud, TriggerChange, TriggerPlan

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand)
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
    *,
    prune: bool,
    adopt: bool,
    run_new: bool,
    branch: str,
    plan: TriggerPlan,
    cloud: Gcloud,
    as_json: bool,
) -> None:
    """Make the live triggers match the rendered ones: do what `diff` shows.

    Creates and replaces by name, in one gcloud import, and asks no question. Deletes only with
    --prune, and never a trigger of others. If it is interrupted, run it again.

    \b
    Example:
      shipwheel triggers apply
      shipwheel triggers apply --prune --run-new
    """
    if as_json:
        show_plan(plan, cloud, as_json=True)
    try:
        made = apply(plan, cloud, prune=prune, adopt=adopt)
        if as_json:
            deque(made, maxlen=0)
        else:
            _show(plan, cloud, made, prune=prune)
    except ServiceError:
        # The next call cannot tell which of them are new.
        if run_new:
            with contextlib.suppress(ShipwheelError):
                run_created(actually_created(plan, cloud), cloud, branch)
        raise
    if run_new:
        run_created(plan, cloud, branch)
    _logger.info("done: %s", plan.outcome(prune=prune) or "no triggers")


def _show(plan: TriggerPlan, cloud: Gcloud, made: Iterable[TriggerChange], *, prune: bool) -> None:
    """Print each change when it is *made*, then what stays; the plan where it is refused."""
    try:
        for change in made:
            show_change(change, DONE[change.action])
    except Refused:
        show_plan(plan, cloud, as_json=False)
        raise
    for change in () if prune else plan.of("delete"):
        show_change(change, "kept")
    show_others(plan)


if __name__ == "__main__":
    run_alone(command, "triggers", "apply")
