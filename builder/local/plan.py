"""Which steps run, and what each waits for: decided before anything starts."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from triggers.cloudbuild.build_rules import START

if TYPE_CHECKING:
    from triggers.cloudbuild.build_config import Step


@dataclass(frozen=True)
class Plan:
    """What each chosen step waits for, by index in the config; the others are left out."""

    waits: dict[int, frozenset[int]]

    def ready(self, finished: set[int], started: set[int]) -> list[int]:
        """Return the steps that can start now, in the order of the config."""
        return [
            index
            for index, waits in self.waits.items()
            if index not in started and waits <= finished
        ]

    def waves(self) -> list[list[int]]:
        """Return the steps in the order of their earliest start, those of a wave in parallel."""
        waves: list[list[int]] = []
        finished: set[int] = set()
        while wave := self.ready(finished, finished):
            waves.append(wave)
            finished |= set(wave)
        return waves


def make_plan(steps: tuple[Step, ...], only: str = "", start: str = "") -> Plan:
    """Return the graph of *steps*, or of the step *only*, or of the steps from *start* on.

    A step is named by its id or its number. One that is left out counts as finished.
    Raises InputError for a name that no step has.
    """
    chosen = range(len(steps))
    if only:
        index = _find(steps, only)
        chosen = range(index, index + 1)
    elif start:
        chosen = range(_find(steps, start), len(steps))
    return Plan({index: _waits(steps, index) & frozenset(chosen) for index in chosen})


def _waits(steps: tuple[Step, ...], index: int) -> frozenset[int]:
    names = steps[index].wait_for
    if not names:
        return frozenset(range(index))
    numbers = {step.id: number for number, step in enumerate(steps)}
    return frozenset(numbers[name] for name in names if name != START)


def _find(steps: tuple[Step, ...], name: str) -> int:
    names = {step.id: index for index, step in enumerate(steps) if step.id}
    numbers = {str(index): index for index in range(len(steps))}
    found = names.get(name, numbers.get(name.removeprefix("#")))
    if found is not None:
        return found
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"steps are #0 to #{len(steps) - 1}"
    if names and not near:
        hint += f", by id {', '.join(names)}"
    raise InputError(f"No step is called {name!r}", hint)
