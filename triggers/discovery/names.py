"""Names of triggers: from the path alone, so that they stay the same from one render to the next.

GitHub shows a trigger's name as the name of its check; branch protection breaks when it changes.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from steps.host.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triggers.discovery.model import Trigger

MAXIMUM_LENGTH = 64
_HASH_LENGTH = 8


def trigger_name(path: str, kind: str, *, prefix: str = "") -> str:
    """Return `PREFIX-PATH-KIND` in letters, digits and dashes, of at most 64 characters.

    A name that would be longer loses its end to a hash of all of it.
    """
    words = [prefix, "" if path == "." else path, kind]
    readable = re.sub("[^A-Za-z0-9]+", "-", "-".join(filter(None, words))).strip("-")
    if len(readable) <= MAXIMUM_LENGTH:
        return readable
    digest = hashlib.sha256(f"{prefix}/{path}".encode()).hexdigest()[:_HASH_LENGTH]
    ending = f"-{digest}-{kind}"
    return readable[: MAXIMUM_LENGTH - len(ending)].rstrip("-") + ending


def collisions(triggers: Iterable[Trigger]) -> Iterator[Problem]:
    """Yield a problem per name that several triggers have, such as those of `a_b` and `a.b`."""
    by_name: dict[str, list[str]] = {}
    for trigger in triggers:
        by_name.setdefault(trigger.name, []).append(trigger.target)
    for name, targets in by_name.items():
        if len(targets) > 1:
            yield Problem(
                f"{len(targets)} triggers have the name {name!r}: those of "
                + ", ".join(map(repr, targets)),
                f'give one of them another: `overrides["{targets[-1]}"].name` in the manifest',
            )
