"""`shipwheel triggers diff`: what `apply` would do to the live triggers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import Refused
from triggers.command_line.options import with_plan
from triggers.live.plan import DRIFT

if TYPE_CHECKING:
    from triggers.live.gcloud import Gcloud
    from triggers.live.plan import TriggerPlan

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand, short_help="Compare the live triggers with the rendered ones.")
@with_plan
def command(*, plan: TriggerPlan, cloud: Gcloud) -> None:
    """Compare the live triggers with the rendered ones, field by field, through gcloud.

    Exits with 1 when they differ. Compares only triggers that carry the tag `shipwheel` and are for
    this repository.

    \b
    Example:
      shipwheel triggers diff
      shipwheel triggers diff --region us-central1 --json
    """
    _logger.info("%s", plan.summary or "no triggers")
    if plan.of(*DRIFT):
        raise Refused(
            f"The live triggers of {cloud.project!r} in {cloud.region!r} differ from the rendered"
            f" ones: {plan.summary}",
            "run `shipwheel triggers apply`; add --prune to delete triggers",
        )


if __name__ == "__main__":
    run_alone(command, "triggers", "diff")
