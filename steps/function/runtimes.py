"""The Python runtimes of Google Cloud's functions, and how long each is supported.

The dates are those of the support schedule of Cloud Run functions, as of 2026-11. A deprecated
runtime still takes deployments; a decommissioned one refuses them.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from steps.host.errors import Problem

if TYPE_CHECKING:
    from steps.host.errors import Level

# The first day of each runtime's deprecation, and of its decommissioning.
_RUNTIMES = {
    "python37": (date(2024, 1, 30), date(2025, 1, 30)),
    "python38": (date(2024, 10, 14), date(2025, 10, 14)),
    "python39": (date(2025, 10, 5), date(2026, 4, 5)),
    "python310": (date(2026, 10, 4), date(2027, 4, 4)),
    "python311": (date(2027, 10, 24), date(2028, 4, 24)),
    "python312": (date(2028, 10, 2), date(2029, 4, 2)),
    "python313": (date(2029, 10, 10), date(2030, 4, 10)),
    "python314": (date(2030, 10, 10), date(2031, 4, 10)),
}
_PREVIEW = "python315"


def is_retired(name: str, today: date) -> bool:
    """Return whether the Python *name*, such as python27 or python39, gets no more fixes."""
    oldest, minor = next(iter(_RUNTIMES)), name.removeprefix("python3")
    known = _RUNTIMES.get(name)
    if known:
        return today >= known[0]
    return name.startswith("python2") or (minor.isdigit() and int(minor) < int(oldest[7:]))


def judge_runtime(name: str, today: date) -> tuple[Level, Problem] | None:
    """Return what is wrong with the runtime *name*, such as python313; None when it is supported.

    An error is what Google refuses to deploy.
    """
    supported = [each for each, (deprecated, _) in _RUNTIMES.items() if today < deprecated]
    hint = f"choose a supported one: {', '.join(supported) or 'see the support schedule'}"
    if name == _PREVIEW:
        return "warning", Problem(f"The runtime {name!r} is in preview", hint)
    if name not in _RUNTIMES:
        return "warning", Problem(f"The runtime {name!r} is not in Google's list of 2026-11", hint)
    deprecated, decommissioned = _RUNTIMES[name]
    if today >= decommissioned:
        what = f"was decommissioned on {decommissioned}: Google refuses to deploy it"
        return "error", Problem(f"The runtime {name!r} {what}", hint)
    if today >= deprecated:
        what = f"is deprecated since {deprecated}, and refused from {decommissioned} on"
        return "warning", Problem(f"The runtime {name!r} {what}", hint)
    return None
