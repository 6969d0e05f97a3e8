"""Releases now and then: contents that change under a published version wait for a bump."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import environment, shipwheel
from tests.integration.selection import sample
from tests.tiny import make_project
from tests.tree import commit

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])


@pytest.fixture
def repository(tmp_path: Path, emulator: Emulator) -> Path:
    """A repository of which `berths` was bumped since it was published, and `tides` only edited."""
    root = tmp_path / "repository"
    make_project(root, "berths")
    tides = make_project(root, "tides")
    commit(root)
    assert shipwheel(environment(emulator.host), "publish", "--all", cwd=root).returncode == 0
    make_project(root, "berths", "1.1", text="new", requires=["tides<1.0.1"])
    (tides / "tides/__init__.py").write_text('"""Changed."""\n')
    commit(root)
    return root


@sample("way", ["option", "manifest"], "manifest")
def test_what_was_changed_and_not_bumped_is_told_and_the_rest_is_published(
    way: str, repository: Path, emulator: Emulator
) -> None:
    option = ("--when-bumped",) if way == "option" else ()
    if way == "manifest":
        (repository / "shipwheel.yaml").write_text("releases: when-bumped\n")
    environ = environment(emulator.host)

    checked = shipwheel(environ, "check", "--all", *option, cwd=repository)
    told = shipwheel(environ, "check", "--all", "--json", *option, cwd=repository)
    published = shipwheel(environ, "publish", "--all", "--json", *option, cwd=repository)
    again = shipwheel(environ, "publish", "--all", *option, cwd=repository)

    assert checked.returncode == told.returncode == published.returncode == again.returncode == 0
    assert " ".join(checked.stdout.splitlines()[2].split()) == (
        "tides 1.0 1.0 unreleased unreleased changes in tides/__init__.py; to release them,"
        " bump to 1.0.1 or 1.1 or 2.0 or 1.0.1rc1"
    )
    assert "excludes" not in checked.stderr
    _, found = json.loads(told.stdout)["projects"]
    assert (found["outcome"], found["allowed"], found["to_upload"]) == ("unreleased", True, [])
    assert found["reason"] == (
        "1.0 is published, and has unreleased changes: file changed: tides/__init__.py"
    )
    rows = json.loads(published.stdout)
    assert {(it["project"], it["outcome"], it["result"]) for it in rows} == {
        ("berths", "new", "uploaded"),
        ("tides", "unreleased", "found"),
    }
    assert {(it["project"], *it["unreleased"]) for it in rows} == {
        ("berths",),
        ("tides", "tides/__init__.py"),
    }
    assert "tides 1.0 is published, and has unreleased changes: file changed" in published.stderr
    assert "2 found; unreleased changes in tides/__init__.py" in again.stdout


def test_a_lower_version_and_each_merge_are_refused_all_the_same(
    repository: Path, emulator: Emulator
) -> None:
    environ = environment(emulator.host)
    (repository / "shipwheel.yaml").write_text("releases: when-bumped\n")
    bumped = shipwheel(environ, "bump", "--changed", "--dry-run", cwd=repository)
    each_merge = shipwheel(environ, "check", "tides", "--each-merge", cwd=repository)
    make_project(repository, "tides", "0.9")
    commit(repository)
    lower = shipwheel(environ, "check", "tides", cwd=repository)
    (repository / "shipwheel.yaml").write_text("releases: sometimes\n")
    wrong = shipwheel(environ, "check", "tides", cwd=repository)

    assert (bumped.returncode, '+version = "1.0.1"' in bumped.stdout) == (0, True)
    assert (each_merge.returncode, lower.returncode, wrong.returncode) == (1, 1, 2)
    assert "tides 1.0 is already published with different contents" in each_merge.stderr
    assert "tides 0.9 is not greater than 1.0" in lower.stderr
    assert wrong.stderr.endswith(
        "shipwheel.yaml' is 'sometimes'\n  hint: choose one of: each-merge, when-bumped\n"
    )
