"""What is wrong with a file, and where: one finding per fault, in the order of the lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triggers.cloudbuild.documents import Document, Path


@dataclass(frozen=True)
class Finding:
    """A fault of the value at *path*; *hint* is the next action, *code* is lint's."""

    path: Path
    message: str
    hint: str = ""
    code: str = ""


def problems(findings: Iterable[Finding], document: Document, file: str) -> list[Problem]:
    """Return *findings* as problems that name their line, the first line first."""
    located = [(document.line(found.path), found) for found in findings]
    located.sort(key=lambda pair: pair[0])
    return [Problem(f"{file}:{line}: {found.message}", found.hint) for line, found in located]
