"""Broken inputs, each made from a seed, so that what fails once fails again.

`make test` takes the first fifty seeds of each kind of input, `make test-exhaustive` the others.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


def _some(seeds: range, *marks: pytest.MarkDecorator) -> object:
    attack = pytest.mark.attack("a broken input", cases=len(seeds))
    return pytest.param(seeds, marks=(attack, *marks), id=f"{seeds.start} to {seeds.stop}")


some_seeds = pytest.mark.parametrize(
    "seeds", [_some(range(50)), _some(range(50, 250), pytest.mark.exhaustive)]
)


@dataclass(frozen=True)
class Input:
    """A kind of input: *make* writes a broken one into a folder, and *read* reads it.

    *read* is given that folder, and what was written.
    """

    make: Callable[[random.Random, Path], bytes]
    read: Callable[[Path, bytes], object]


def damaged(dice: random.Random, content: bytes) -> bytes:
    """Return *content* with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        size = dice.choice([1, 1, 2, 4, 8, 64, 512])
        match dice.randrange(5):
            case 0:
                data[at : at + size] = dice.randbytes(size)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size]
            case 3:
                data[at : at + size] = dice.choice([b"\0", b"\xff", b"9", b"-"]) * size
            case 4:
                data = data[: max(at, 1)]
    return bytes(data)


def failures(kind: str, broken: Input, folder: Path, seeds: Iterable[int]) -> dict[int, Exception]:
    """Return the errors that nobody expects, by those of *seeds* that they came of."""
    failed: dict[int, Exception] = {}
    for seed in seeds:
        dice = random.Random(f"{kind} {seed}")  # noqa: S311 - no secret, and the same each time
        content = broken.make(dice, folder)
        try:
            broken.read(folder, content)
        except ShipwheelError:
            continue
        except Exception as error:  # noqa: BLE001 - what is looked for
            failed[seed] = error
    return failed
