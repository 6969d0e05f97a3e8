"""A finding in a file of the user's: what is wrong, where, under which code, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """A finding; sorted as a reader goes through the files. *line* 0 is the file as a whole.

    A rule that judges a document knows the *path* of a value in it, and not yet file and line.
    """

    file: str
    line: int
    code: str
    message: str
    hint: str = ""
    path: tuple[str | int, ...] = ()

    @classmethod
    def at(
        cls, path: tuple[str | int, ...], message: str, hint: str = "", code: str = ""
    ) -> Finding:
        """Return a finding about the value at *path*, in a file that is not known yet."""
        return cls("", 0, code, message, hint, path)

    def located(self, file: str, line: int) -> Finding:
        """Return the finding with its place in a file, in the place of its path."""
        return replace(self, file=file, line=line, path=())


@dataclass(frozen=True)
class Code:
    """What a finding of this code says, and whether it refuses; it never changes its meaning."""

    level: Level
    meaning: str


def code_table(codes: Mapping[str, Code]) -> str:
    """Return *codes* as a Markdown table."""
    rows = [f"| {code} | {each.level} | {each.meaning} |" for code, each in codes.items()]
    return "\n".join(["| code | level | finding |", "| --- | --- | --- |", *rows])
