"""What is published is committed: a file that git sees as modified or untracked is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from steps.backend.building import build, held_files, warn_of_uncommitted
from steps.host.errors import Refused
from steps.project.history import uncommitted_files
from steps.project.source import read_project
from tests.integration.steps.backend.projects import copied
from tests.tree import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from steps.backend.context import BuildContext


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    """A committed project, in a folder of its repository, that packs all that it has."""
    project = copied("hatchling", tmp_path / "repository/packages/tides")
    module = next(project.rglob("__init__.py")).parent
    for name in ("empty.py", "same.py"):
        (module / name).write_text("" if name == "empty.py" else "same = 1\n")
    (project / ".gitignore").write_text("generated.py\n")
    commit(tmp_path / "repository")
    return project


def held(project: Path, context: BuildContext, output: Path) -> set[str]:
    """Return the uncommitted files that the wheel and the sdist of *project* hold."""
    files = uncommitted_files(project)
    built = build(read_project(project), context, output=output)
    return {name for it in built for name in held_files(project, files, it)}


def test_untracked_and_modified_files_are_named_and_ignored_ones_are_not(
    project: Path, context: BuildContext, tmp_path: Path
) -> None:
    module = next(project.rglob("__init__.py")).parent
    inner = module.relative_to(project).as_posix()
    assert held(project, context, tmp_path / "out") == set()
    (project / "dist").mkdir()
    (project / "dist/.gitignore").write_text("*\n")
    (module / "generated.py").write_text("made = 1\n")
    assert held(project, context, tmp_path / "out") == set()
    (module / "secret_local.py").write_text("SECRET = 1\n")
    (module / "same.py").write_text("same = 2\n")
    (project.parent / "other.txt").write_text("not the project's\n")

    assert held(project, context, tmp_path / "out") == {
        f"{inner}/secret_local.py",
        f"{inner}/same.py",
    }


def test_bytes_that_a_committed_file_has_too_are_no_sign(
    project: Path, context: BuildContext, tmp_path: Path
) -> None:
    """Only in the wheel, where paths are not those of the project, do the bytes tell."""
    module = next(project.rglob("__init__.py")).parent
    (tmp_path / "repository/packages/tides/notes").mkdir()
    (project / "notes/empty.py").touch()
    (project / "notes/same.py").write_text("same = 1\n")
    wheel = build(read_project(project), context, output=tmp_path / "out")[0]

    assert held_files(project, uncommitted_files(project), wheel) == []
    (module / "more.py").touch()
    wheel = build(read_project(project), context, output=tmp_path / "out")[0]
    inner = module.relative_to(project).as_posix()
    assert held_files(project, uncommitted_files(project), wheel) == [f"{inner}/more.py"]


def test_a_submodule_is_asked_for_its_own_files(project: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "a.c").write_text("int a;\n")
    commit(library)
    allowed = ("-c", "protocol.file.allow=always")
    git(project, *allowed, "submodule", "--quiet", "add", str(library), "vendor")
    commit(tmp_path / "repository")
    assert uncommitted_files(project) == ()
    (project / "vendor/a.c").write_text("int b;\n")
    (project / "vendor/b.c").write_text("int c;\n")

    assert uncommitted_files(project) == (project / "vendor/a.c", project / "vendor/b.c")


def test_a_deleted_file_is_none_and_neither_is_one_without_git(
    project: Path, tmp_path: Path
) -> None:
    next(project.rglob("empty.py")).unlink()
    assert uncommitted_files(project) == ()
    assert uncommitted_files(copied("flit", tmp_path / "uploaded")) == ()


def test_a_check_that_builds_nothing_warns_of_all(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (project / "new.py").touch()

    warn_of_uncommitted(read_project(project))

    assert "has files that git sees as modified or untracked" in caplog.text
    assert "'new.py'" in caplog.text


def test_a_publish_refuses_what_the_option_would_permit(
    project: Path, context: BuildContext, tmp_path: Path
) -> None:
    next(project.rglob("same.py")).write_text("same = 3\n")
    options = replace(context.options, uncommitted="refused")

    with pytest.raises(Refused, match="would be published with files that git sees as modified"):
        build(read_project(project), replace(context, options=options), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
