"""Applying a plan: one import of what is new or different, then what is to be deleted.

Each part can be repeated: whatever interrupts it, the next plan is what is left to do.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Problem, Refused, ShipwheelError
from triggers.cloudbuild.conditions import read_conditions
from triggers.cloudbuild.patterns import ref_matches

if TYPE_CHECKING:
    from triggers.live.gcloud import Gcloud
    from triggers.live.plan import Change, Plan

_logger = logging.getLogger("shipwheel")


def apply(plan: Plan, cloud: Gcloud, *, prune: bool, adopt: bool) -> None:
    """Do what *plan* says; delete only to *prune*, and replace foreign triggers only to *adopt*.

    Raises Refused, and does nothing, when names are taken and not to be adopted.
    """
    taken = plan.of("taken")
    if not adopt:
        Refused.raise_all(map(_taken, taken))
    changes = plan.of("create", "update", "taken")
    if changes:
        cloud.import_triggers([change.document for change in changes])
    for change in plan.of("delete") if prune else ():
        cloud.delete_trigger(change.key or change.name)


def run_created(plan: Plan, cloud: Gcloud, branch: str) -> None:
    """Start every trigger that *plan* created and that a push to a branch starts, once.

    The branch is the one that the trigger's pattern spells out, or else *branch* if it matches.
    Raises the first error after all were tried.
    """
    errors: list[ShipwheelError] = []
    for change in plan.of("create"):
        on, why_not = _branch(change, branch)
        if why_not:
            _logger.info("not started: %s: %s", change.name, why_not)
            continue
        try:
            cloud.run_trigger(change.name, on)
        except ShipwheelError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def arrived(plan: Plan, cloud: Gcloud) -> Plan:
    """Return the creations of *plan* that happened, after an import that failed on its way."""
    created = plan.of("create")
    live = {trigger.get("name") for trigger in cloud.triggers([change.name for change in created])}
    return replace(plan, changes=tuple(change for change in created if change.name in live))


def _branch(change: Change, branch: str) -> tuple[str, str]:
    """Return the branch to start the trigger on, or why it is not to be started."""
    trigger = read_conditions(change.document)
    if trigger.event != "push" or trigger.ref != "branch":
        return "", f"it waits for {trigger}"
    if spelt := re.fullmatch(r"\^([A-Za-z0-9_/-]+)\$", trigger.pattern):
        return spelt[1], ""
    if branch and ref_matches(trigger.pattern, branch):
        return branch, ""
    return "", f"it waits for {trigger}: name one with --branch"


def _taken(change: Change) -> Problem:
    return Problem(
        f"There is a trigger {change.name!r} already, and it is not this repository's:"
        f" {change.reason}",
        "--adopt replaces it; or give yours another name, by `namePrefix` or an override's `name`",
    )
