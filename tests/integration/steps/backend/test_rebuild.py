"""A rebuild by a newer release of the same backend is not a change: real builds by both."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from steps.backend.building import build
from steps.backend.context import BuildOptions, open_build_context
from steps.distribution.contents import compare
from steps.project.source import read_project
from tests.integration.selection import sample

if TYPE_CHECKING:
    from steps.backend.context import Kinds
    from steps.distribution.files import Distribution

PACKAGES = Path(__file__).parents[3] / "packages"
# The folder of the project, and a release of its backend that other people still use.
OLDER = {
    "flit": "flit_core==3.9.0",
    "hatchling": "hatchling==1.18.0",
    "pdm-backend": "pdm-backend==2.1.8",
    "poetry-core": "poetry-core==2.0.1",
    "setuptools": "setuptools==68.2.2",
    "uv-build": "uv_build==0.8.0",
    "wheel-only": "flit_core==3.9.0",
    "sdist-only": "flit_core==3.9.0",
}


def built(project: Path, output: Path, constraint: str) -> tuple[Distribution, ...]:
    """Build with the newest backend, or with that of *constraint*."""
    pins = output.with_suffix(".txt")
    pins.write_text(constraint)
    environ = {**os.environ, "UV_CONSTRAINT": str(pins)}
    kinds: Kinds = "sdist" if read_project(project).name == "condition-sdist-only" else "both"
    options = BuildOptions(workers=1, timeout=120, cache=False, kinds=kinds)
    with open_build_context(options, environ) as context:
        return build(read_project(project), context, output=output)


@sample("folder", OLDER, "hatchling")
def test_a_rebuild_by_a_newer_backend_is_not_a_difference_and_an_edit_is(
    folder: str, tmp_path: Path
) -> None:
    older, project = OLDER[folder], tmp_path / "project"
    shutil.copytree(PACKAGES / folder, project)
    if folder == "pdm-backend":  # it warns of a missing one, and warnings are errors here
        (project / "LICENSE").write_text("Free.\n")
    settings = project / "pyproject.toml"
    any_release = f'requires = ["{older.partition("==")[0]}"]'
    settings.write_text(re.sub(r"requires = \[.*?\]", any_release, settings.read_text()))

    before = built(project, tmp_path / "before", older)
    after = built(project, tmp_path / "after", "")
    description = 'description = "Another one."'
    settings.write_text(re.sub(r"description = .*", description, settings.read_text()))
    edited = built(project, tmp_path / "edited", "")

    def differences(ours: tuple[Distribution, ...]) -> list[list[str]]:
        pairs = zip(ours, before, strict=True)
        return [[it.name for it in compare(new, old.path)] for new, old in pairs]

    expected = {"wheel": ["Summary"], "sdist": ["pyproject.toml", "Summary"]}
    assert differences(after) == [[] for _ in before]
    assert differences(edited) == [expected[distribution.kind] for distribution in before]
