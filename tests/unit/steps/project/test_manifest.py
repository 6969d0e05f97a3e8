"""Which manifest counts in a directory, and what steps read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError
from steps.project.manifest import Defaults, find_defaults
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "registry: us-central1/demo/pypi\npackages: {exclude: [examples, 'a/*/old', 3]}\n"


def test_the_nearest_manifest_up_to_the_repositorys_root_holds(tmp_path: Path) -> None:
    write(tmp_path, {"shipwheel.yaml": MANIFEST, "a/b/x": "", "own/.git/x": "", "own/c/x": ""})

    here = Defaults(tmp_path, "us-central1/demo/pypi", ("examples", "a/*/old"))
    assert find_defaults(tmp_path) == find_defaults(tmp_path / "a/b") == here
    assert find_defaults(tmp_path / "own/c") is None
    assert here.excludes(tmp_path / "examples/e")
    assert here.excludes(tmp_path / "a/x/old")
    assert not here.excludes(tmp_path / "a/x/new")


@pytest.mark.parametrize("text", ["", "[]", "registry: [x]", "packages: {exclude: a}"])
def test_what_triggers_would_refuse_says_nothing_here(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"shipwheel.yaml": text})

    assert find_defaults(tmp_path) == Defaults(tmp_path)


def test_a_manifest_that_is_not_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, {"shipwheel.yaml": "a: 1\nb: [\n"})

    with pytest.raises(InputError, match=r"shipwheel\.yaml:\d: parsing as YAML"):
        find_defaults(tmp_path)
