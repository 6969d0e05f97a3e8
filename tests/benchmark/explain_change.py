"""How long explaining a large change to many triggers takes; a measurement, and no test.

    python tests/benchmark/explain_change.py [TRIGGERS [FILES]]

Four repositories of the same size: each trigger includes its directory and those of three
dependencies; globs that begin with `**`; globs with alternations; and no file filter at all.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from triggers.cloudbuild.conditions import TriggerConditions
from triggers.rendering.explanation import ChangedFiles, Event, explain

if TYPE_CHECKING:
    from collections.abc import Callable

IGNORED = ("**/*.md", "docs/**")
GLOBS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "directories and dependencies": lambda number: (
        *(f"packages/package-{number - back}/**" for back in range(min(number, 3) + 1)),
        "cloudbuild/publish-package.yaml",
    ),
    "globs that begin with **": lambda number: (f"**/package-{number}/**/*.py",),
    "alternations": lambda number: (
        f"packages/package-{{{number},{number + 1}}}/{{src,tests}}/**",
    ),
    "no filter": lambda _number: (),
}


def trigger(number: int, included: tuple[str, ...]) -> TriggerConditions:
    """Return what trigger *number* waits for."""
    return TriggerConditions(
        name=f"packages-{number}-publish",
        event="push",
        pattern="^main$",
        included=included,
        ignored=IGNORED,
    )


def main() -> None:
    """Measure, and print one line per kind of glob."""
    triggers, count = (*map(int, sys.argv[1:]), *(1000, 10_000)[len(sys.argv) - 1 :])
    kinds = ("src/module.py", "tests/test_module.py", "README.md", "pyproject.toml")
    names = [f"packages/package-{it % triggers}/{kinds[it % 4]}.{it}" for it in range(count // 2)]
    names += [f"packages/package-{it % triggers}/src/{it}.py" for it in range(count - len(names))]
    for kind, globs in GLOBS.items():
        conditions = [trigger(number, globs(number)) for number in range(triggers)]
        start = time.perf_counter()
        found = explain(
            conditions, ChangedFiles(files=tuple(names)), Event(kind="push", branch="main")
        )
        seconds = time.perf_counter() - start
        fired = sum(verdict.fires == "yes" for verdict in found.verdicts)
        size = f"{triggers} triggers, {count} files, {fired} fire"
        print(f"{kind}: {size}: {seconds:.2f} s")


if __name__ == "__main__":
    main()
