"""Judges a tiny project against what is published of it, and counts what is fetched for that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from steps.release.gate import Rules
from steps.release.judgement import Candidate, Judgement, judge
from tests.unit.steps.registry.published_tides import TIDES

if TYPE_CHECKING:
    from steps.distribution.files import Distribution
    from steps.registry.page import PublishedFile, PublishedProject


RULES = Rules()


class Fetch:
    """Fetches from the paths that stand for URLs here, and keeps count."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []

    def __call__(self, file: PublishedFile) -> Path:
        self.fetched.append(file.filename)
        return Path(shutil.copy(file.url, self.folder))


def decide(
    ours: tuple[Distribution, ...], theirs: PublishedProject, fetch: Fetch, version: str = "1.0"
) -> Judgement:
    candidate = Candidate(name=TIDES, version=Version(version), distributions=ours, static=False)
    return judge(candidate, theirs, RULES, fetch)
