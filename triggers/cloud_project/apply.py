"""Applying a setup: one command after the other; each is a step that the next run can begin at."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from steps.host.errors import Refused
from steps.host.gcloud import ApiOffError, NotYetError, run_gcloud
from triggers.cloud_project.commands import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.host.gcloud import Call
    from triggers.cloud_project.compare import Comparison
    from triggers.cloud_project.resources import Need

_logger = logging.getLogger("shipwheel")

# Google says of new accounts that they are known everywhere within a minute or so.
RETRY_DELAYS = (1, 2, 4, 8, 15, 30, 30)


def apply(
    comparison: Comparison,
    environ: Mapping[str, str],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Need]:
    """Create what is missing, and yield each when it is there.

    Raises Refused, and does nothing, when something is there and wrong; or what `run_gcloud`
    raises, at the command that failed.
    """
    Refused.raise_all(comparison.wrong)
    for together, call in steps(comparison.missing):
        _run_with_retries(call, environ, sleep)
        yield from together


def _run_with_retries(
    call: Call, environ: Mapping[str, str], sleep: Callable[[float], None]
) -> None:
    """Run *call*, again while what was created before it is not known everywhere."""
    for pause in RETRY_DELAYS:
        try:
            run_gcloud(call, environ)
        except (ApiOffError, NotYetError) as error:
            _logger.info("%s; trying again in %d s", error.problems[0].message, pause)
            sleep(pause)
        else:
            return
    run_gcloud(call, environ)
