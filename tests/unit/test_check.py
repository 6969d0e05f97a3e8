"""What publishing would do: the states that the README lists, over an index in memory."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.check import check, judge, refusals
from steps.errors import BuildFailed, InputError
from steps.gate import Policy, Rules
from steps.outcome import Judgement, Outcome
from steps.project import Project, read_project
from steps.published import PublishedFile, PublishedProject
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName

    from steps.distribution import Distribution

RULES = Rules()
TIDES = canonicalize_name("tides")


def published(*files: Distribution, hashes: bool = True) -> PublishedProject:
    return PublishedProject(
        name=TIDES,
        files=tuple(
            PublishedFile(
                filename=it.filename,
                url=str(it.path),
                kind=it.kind,
                version=it.version,
                sha256=it.sha256 if hashes else None,
            )
            for it in files
        ),
    )


def build(folder: Path, version: str = "1.0", text: str = "") -> tuple[Distribution, ...]:
    return make_distributions(make_project(folder, "tides", version, text=text))


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
    return judge(
        name=TIDES,
        version=Version(version),
        distributions=ours,
        published=theirs,
        rules=RULES,
        fetch=fetch,
    )


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return Fetch(folder)


def test_an_absent_version_that_is_greater_is_new(tmp_path: Path, fetch: Fetch) -> None:
    ours = build(tmp_path, "1.1")

    found = decide(ours, published(*build(tmp_path / "old", "1.0")), fetch, "1.1")

    assert (found.outcome, found.reason, found.hint) == (Outcome.NEW, "greater than 1.0", "")
    assert (found.to_upload, found.published) == (ours, (Version("1.0"),))
    assert found.allowed


def test_an_absent_version_that_is_not_greater_is_refused(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "2.0"))

    found = decide(build(tmp_path, "1.1"), theirs, fetch, "1.1")

    assert (found.outcome, found.to_upload) == (Outcome.NOT_BUMPED, ())
    assert found.reason == "1.1 is not greater than 2.0, the highest published release"
    assert found.hint == "set the version to one of: 2.0.1, 2.1, 3.0, 2.0.1rc1"
    assert not found.allowed


@pytest.mark.parametrize("hashes", [True, False])
def test_the_same_bytes_are_identical(hashes: bool, tmp_path: Path, fetch: Fetch) -> None:
    ours = build(tmp_path)

    found = decide(ours, published(*ours, hashes=hashes), fetch)

    assert (found.outcome, found.to_upload, found.allowed) == (Outcome.IDENTICAL, (), True)
    assert found.reason == "1.0 is published, all files, with the same contents"
    assert bool(fetch.fetched) != hashes


def test_a_rebuild_by_a_newer_backend_is_identical(tmp_path: Path, fetch: Fetch) -> None:
    ours, theirs = build(tmp_path), build(tmp_path / "old")
    repacked = [repack(it) for it in theirs]

    found = decide(ours, published(*repacked), fetch)

    assert found.outcome is Outcome.IDENTICAL
    assert fetch.fetched == [it.filename for it in ours]
    assert [*fetch.folder.iterdir()] == []


def repack(distribution: Distribution) -> Distribution:
    """Return the same contents as other bytes."""
    if distribution.kind == "wheel":
        with zipfile.ZipFile(distribution.path, "a") as archive:
            archive.comment = b"repacked"
    else:
        data = gzip.decompress(distribution.path.read_bytes())
        distribution.path.write_bytes(gzip.compress(data, compresslevel=1, mtime=1))
    return replace(distribution, sha256="0" * 64)


def test_a_missing_file_is_partial(tmp_path: Path, fetch: Fetch) -> None:
    wheel, sdist = build(tmp_path)

    found = decide((wheel, sdist), published(wheel), fetch)

    assert (found.outcome, found.to_upload, found.allowed) == (Outcome.PARTIAL, (sdist,), True)
    assert found.reason == "1.0 is published, 1 of 2 files, with the same contents"


def test_a_published_file_that_was_not_built_here_is_told_and_is_no_difference(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, sdist = build(tmp_path)

    found = decide((wheel,), published(wheel, sdist), fetch)

    assert found.outcome is Outcome.IDENTICAL
    assert found.reason == (
        "1.0 is published, all files, with the same contents;"
        " the registry also holds, not built here: tides-1.0.tar.gz"
    )


def test_an_edited_line_is_changed_even_where_a_file_is_missing(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = build(tmp_path / "old", text="before")

    found = decide(build(tmp_path, text="after"), published(wheel), fetch)

    assert (found.outcome, found.to_upload, found.allowed) == (Outcome.CHANGED, (), False)
    assert found.reason == "1.0 is published with other contents: file changed: tides/__init__.py"
    assert found.hint == "set the version to one of: 1.0.1, 1.1, 2.0, 1.0.1rc1"


def test_a_local_version_that_is_published_already_needs_no_permission(
    tmp_path: Path, fetch: Fetch
) -> None:
    ours = build(tmp_path, "1.0+here")

    assert decide(ours, published(*ours), fetch, "1.0+here").outcome is Outcome.IDENTICAL


def test_two_sources_of_a_version_that_disagree_are_an_error(tmp_path: Path, fetch: Fetch) -> None:
    with pytest.raises(InputError, match="Two sources disagree") as caught:
        decide(build(tmp_path, "1.1"), published(), fetch, "1.0")

    assert [it.message for it in caught.value.problems] == [
        f"Two sources disagree: the project says tides 1.0, and {filename!r} is tides 1.1"
        for filename in ("tides-1.1-py3-none-any.whl", "tides-1.1.tar.gz")
    ]


class MemoryIndex:
    """What `check` uses of an index; every project that it was not given is new."""

    def __init__(self, *projects: PublishedProject) -> None:
        self._projects = {it.name: it for it in projects}
        self.asked: list[str] = []

    def read_many(self, names: Iterable[str]) -> dict[str, PublishedProject]:
        self.asked += [*names]
        return {
            name: self._projects.get(
                canonicalize_name(name), PublishedProject(name=canonicalize_name(name))
            )
            for name in self.asked
        }

    def download(self, file: PublishedFile, folder: Path) -> Path:
        return Path(shutil.copy(file.url, folder))


class Builder:
    """Builds tiny projects, and keeps count."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def __call__(self, project: Project) -> tuple[Distribution, ...]:
        self.built.append(project.directory.name)
        return make_distributions(project.directory)


def identify(project: Project) -> tuple[NormalizedName, Version]:
    """Say what the metadata says that is prepared for a tiny project."""
    static = read_project(project.directory)
    assert static.name is not None
    assert static.version is not None
    return static.name, static.version


def run(projects: list[Project], index: MemoryIndex, builder: Builder) -> list[str]:
    found = check(
        projects,
        index,  # type: ignore[arg-type]  # enough of an index
        RULES,
        builder,
        identify,
    )
    return [f"{it.project} {it.version} {it.outcome}" for it in found]


def test_only_a_project_whose_version_is_published_is_built(tmp_path: Path) -> None:
    projects = [read_project(make_project(tmp_path, name)) for name in ("tides", "berths", "dues")]
    index, builder = MemoryIndex(published(*build(tmp_path / "old"))), Builder()

    assert run(projects, index, builder) == [
        "tides 1.0 identical",
        "berths 1.0 new",
        "dues 1.0 new",
    ]
    assert builder.built == ["tides"]
    assert index.asked == ["tides", "berths", "dues"]


def test_a_project_that_does_not_tell_its_version_is_built_when_that_is_published(
    tmp_path: Path,
) -> None:
    tides = Project(directory=make_project(tmp_path, "tides"))
    berths = Project(directory=make_project(tmp_path, "berths"))
    index, builder = MemoryIndex(published(*build(tmp_path / "old"))), Builder()

    assert run([berths, tides], index, builder) == ["berths 1.0 new", "tides 1.0 identical"]
    assert builder.built == ["tides"]


@pytest.mark.parametrize(("static", "expected"), [(True, "new"), (False, "not-bumped")])
def test_only_a_version_that_a_backend_worked_out_can_be_invented(
    static: bool, expected: str, tmp_path: Path
) -> None:
    directory = make_project(tmp_path, "tides", "0.0.0")
    project = read_project(directory) if static else Project(directory=directory)

    assert run([project], MemoryIndex(), Builder()) == [f"tides 0.0.0 {expected}"]


def test_two_projects_that_turn_out_to_have_one_name_are_refused(tmp_path: Path) -> None:
    one = Project(directory=make_project(tmp_path / "a", "tides"))
    two = read_project(make_project(tmp_path / "b", "tides"))

    with pytest.raises(InputError, match=r"2 projects have the name 'tides': '.*/a/.*', '.*/b/.*'"):
        run([one, two], MemoryIndex(), Builder())


def test_every_backend_that_fails_is_told(tmp_path: Path) -> None:
    projects = [Project(directory=make_project(tmp_path, name)) for name in ("tides", "berths")]

    def fail(project: Project) -> tuple[NormalizedName, Version]:
        raise BuildFailed(f"{project} failed")

    with pytest.raises(BuildFailed) as caught:
        check(projects, MemoryIndex(), RULES, Builder(), fail)  # type: ignore[arg-type]  # as above

    assert [it.message for it in caught.value.problems] == ["tides failed", "berths failed"]


def test_refusals_are_the_problems_of_what_is_not_allowed(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "1.1"))
    good = decide(build(tmp_path, "1.2"), theirs, fetch, "1.2")
    bad = decide(build(tmp_path, "1.0"), theirs, fetch)

    (problem,) = refusals([good, bad])

    assert str(problem) == (
        "tides 1.0 is not-bumped: 1.0 is not greater than 1.1, the highest published release\n"
        "  hint: set the version to one of: 1.1.1, 1.2, 2.0, 1.1.1rc1"
    )


def test_the_policy_of_the_rules_counts(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "2.0"))

    found = judge(
        name=TIDES,
        version=Version("1.1"),
        distributions=(),
        published=theirs,
        rules=Rules(policy=Policy.SERIES),
        fetch=fetch,
    )

    assert (found.outcome, found.reason) == (Outcome.NEW, "the first release of its series 1.1")
