"""`shipwheel check` as a program, against the emulator, with real builds and git."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import shipwheel_at, without_times
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.tiny import make_distributions, make_project
from tests.tree import commit

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.faults import Request

HTML = (("Content-Type", "text/html"),)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


def publish(emulator: Emulator, *directories: Path) -> None:
    """Build and upload with the program itself."""
    for command in ("build", "upload"):
        done = shipwheel_at(emulator.host, command, *directories)
        assert done.returncode == 0, done.stderr


def test_every_outcome_is_in_one_table_and_a_refusal_is_the_exit_code(
    emulator: Emulator, repository: Path
) -> None:
    berths = make_project(repository, "berths", requires=["tides<1.1"])
    dues = make_project(repository, "dues")
    signals = make_project(repository, "signals", "2.0")
    publish(emulator, berths, dues, signals)
    (berths / "berths/__init__.py").write_text('"""Changed."""\n')
    make_project(repository, "signals", "1.9")
    make_project(repository, "tides", "1.1")

    done = shipwheel_at(emulator.host, "check", "--all", repository, "--workers", "1")

    assert done.stdout == (
        "PROJECT  PUBLISHED  CANDIDATE  VERDICT     NEXT STEP\n"
        "berths   1.0        1.0        changed     bump to 1.0.1 or 1.1 or 2.0 or 1.0.1rc1\n"
        "dues     1.0        1.0        identical   nothing to do\n"
        "signals  2.0        1.9        not-bumped  bump to 2.0.1 or 2.1 or 3.0 or 2.0.1rc1\n"
        "tides    -          1.1        new         publish it\n"
    )
    narrated = without_times(done.stderr).splitlines(keepends=True)
    assert "".join(line for line in narrated if "long_description" not in line) == (
        "Built berths 1.0 in T s\n"
        "Built dues 1.0 in T s\n"
        "Built tides 1.1 in T s\n"
        "4 packages: 1 changed, 1 identical, 1 not-bumped, 1 new, in T s\n"
        "warning: berths requires 'tides<1.1', which excludes tides 1.1\n"
        "warning: berths requires 'tides<1.1', of this repository, without a minimum\n"
        "  hint: add a lower bound: without, an old tides that lacks what it uses may be"
        " installed\n"
        "error: berths 1.0 is already published with different contents:"
        " file changed: berths/__init__.py\n"
        "  hint: set the version to one of: 1.0.1, 1.1, 2.0, 1.0.1rc1\n"
        "error: signals 1.9 is not greater than 2.0,"
        " the highest published release\n"
        "  hint: set the version to one of: 2.0.1, 2.1, 3.0, 2.0.1rc1\n"
    )
    assert done.returncode == 1


def test_json_tells_machines_all_of_it(emulator: Emulator, repository: Path) -> None:
    tides = make_project(repository, "tides")
    wheel, _ = make_distributions(tides)
    wheel.path.unlink()
    assert shipwheel_at(emulator.host, "upload", tides).returncode == 0

    done = shipwheel_at(emulator.host, "check", tides, "--json")

    assert json.loads(done.stdout) == {
        "registry": f"http://{emulator.host}/demo/pypi/",
        "projects": [
            {
                "project": "tides",
                "version": "1.0",
                "outcome": "changed",
                "allowed": False,
                "reason": "1.0 is already published with different contents:"
                " metadata field added: Summary (+'A tiny project.')",
                "hint": "set the version to one of: 1.0.1, 1.1, 2.0, 1.0.1rc1",
                "published": ["1.0"],
                "unreadable": [],
                "suggestions": ["1.0.1", "1.1", "2.0", "1.0.1rc1"],
                "to_upload": [],
                "differences": [
                    {
                        "file": "tides-1.0.tar.gz",
                        "change": "added",
                        "kind": "metadata field",
                        "name": "Summary",
                        "detail": "+'A tiny project.'",
                        "unversioned": False,
                    }
                ],
            }
        ],
        "dependents": [],
        "public_names": [],
        "warnings": [],
    }
    assert done.returncode == 1


def test_file_names_of_old_are_counted_and_given_to_machines(
    emulator: Emulator, repository: Path
) -> None:
    tides = make_project(repository, "tides")
    odd = [f"tides-{year}d.tar.gz" for year in range(2001, 2006)]
    links = "".join(f"<a href='{name}'>{name}</a>" for name in [*odd, "tides-0.9.tar.gz"])
    page = f"<html><title>Links for tides</title><body>{links}</body></html>".encode()

    with FaultyRegistry(emulator, lambda _: Fault(answer=Answer(200, page, HTML))) as faulty:
        done = shipwheel_at(faulty.host, "check", tides, "--json", "--no-build")

    (found,) = json.loads(done.stdout)["projects"]
    assert (found["outcome"], found["published"], found["unreadable"]) == ("new", ["0.9"], odd)
    assert done.stderr == (
        "Ignored 5 files of tides, whose names tell no version that PEP 440 knows:"
        " 'tides-2001d.tar.gz', 'tides-2002d.tar.gz', 'tides-2003d.tar.gz' and 2 more\n"
    )
    assert done.returncode == 0


def test_what_lies_in_dist_is_not_believed(emulator: Emulator, repository: Path) -> None:
    tides = make_project(repository, "tides")
    publish(emulator, tides)
    before = {path: path.read_bytes() for path in (tides / "dist").iterdir()}
    (tides / "tides/__init__.py").write_text('"""Changed."""\n')

    done = shipwheel_at(emulator.host, "check", tides)

    assert done.returncode == 1
    assert {path: path.read_bytes() for path in (tides / "dist").iterdir()} == before


def test_a_project_named_unlike_its_directory_is_fine(emulator: Emulator, repository: Path) -> None:
    make_project(repository, "tides").rename(repository / "packages")

    done = shipwheel_at(emulator.host, "check", repository / "packages")

    assert done.stdout.splitlines()[1].split() == ["tides", "-", "1.0", "new", "publish", "it"]
    assert done.returncode == 0


def test_a_repository_that_does_not_exist_is_not_a_first_release(
    emulator: Emulator, repository: Path
) -> None:
    tides = make_project(repository, "tides")
    elsewhere = ("--registry", "us-central1/demo/elsewhere")

    refused = shipwheel_at(emulator.host, "check", tides, *elsewhere)
    told = shipwheel_at(emulator.host, "check", tides, *elsewhere, "--first-release")

    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr == (
        "error: Repository not found:"
        " 'projects/demo/locations/us-central1/repositories/elsewhere'\n"
        "  hint: check its address, or create it: gcloud artifacts repositories create elsewhere"
        " --repository-format=python --project=demo --location=us-central1\n"
    )
    assert (told.returncode, told.stderr) == (4, refused.stderr)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html><title>Sign in</title><body>Sign in</body></html>", HTML),
        Answer(200, b"<html><body><a href='tides-0.1.tar.gz'>", HTML),
        Answer(500),
    ],
)
def test_an_index_that_answers_wrongly_fails_the_check(
    answer: Answer, emulator: Emulator, repository: Path
) -> None:
    tides = make_project(repository, "tides")

    with FaultyRegistry(emulator, lambda _: Fault(answer=answer)) as faulty:
        done = shipwheel_at(faulty.host, "check", tides, "--retry-for", "0")

    assert (done.returncode, done.stdout) == (4, "")


def test_of_200_projects_each_is_one_request_when_nothing_is_to_be_built(
    emulator: Emulator, repository: Path
) -> None:
    names = [f"tides{number}" for number in range(200)]
    for name in names:
        make_project(repository, name)
    publish(emulator, repository / "tides7")

    with FaultyRegistry(emulator, lambda _: None) as faulty:
        done = shipwheel_at(faulty.host, "check", "--all", repository, "--no-build")

    paths = [request.path for request in faulty.requests]
    assert done.returncode == 0, done.stderr
    # That of tides7 proves the repository; its sha256 is in the index: no file is downloaded.
    assert sorted(paths) == sorted(f"/demo/pypi/simple/{name}/" for name in names)
    assert without_times(done.stderr) == "200 packages: 199 new, 1 published, in T s\n"
    assert done.stdout.count("  new        publish it\n") == 199
    assert "  published  compare its contents, without --no-build\n" in done.stdout


def test_only_what_changed_since_a_commit_is_looked_at(
    emulator: Emulator, repository: Path
) -> None:
    make_project(repository, "tides")
    make_project(repository, "berths", requires=["tides>=1"])
    make_project(repository, "dues")
    commit(repository)
    (repository / "tides/tides/new.py").touch()

    done = shipwheel_at(
        emulator.host,
        *("check", "--no-build", "--all", repository, "--changed-since", "main", "--json"),
    )
    none = shipwheel_at(emulator.host, "check", repository / "dues", "--changed-since", "main")
    wrong = shipwheel_at(emulator.host, "check", repository / "dues", "--changed-since", "nowhere")

    first, *warning = done.stderr.splitlines()
    assert first == "2 of 3 projects changed since main"
    assert warning[0] == (
        "warning: tides has files that git sees as modified or untracked, which publish refuses to"
        " pack: 'tides/new.py'"
    )
    assert [it["project"] for it in json.loads(done.stdout)["projects"]] == ["berths", "tides"]
    assert (none.returncode, none.stderr) == (0, "0 of 1 project changed since main\n")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(
        f"error: git cannot tell what changed in {str(repository)!r}: bad revision 'nowhere'\n"
    )


def test_in_a_build_the_verdicts_are_in_its_results(
    emulator: Emulator, repository: Path, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "output").write_text("earlier\n")
    tides = make_project(repository, "tides")

    done = shipwheel_at(emulator.host, "check", tides, BUILDER_OUTPUT=str(outputs))

    assert done.returncode == 0
    assert (outputs / "output").read_text() == "earlier\nnew: tides 1.0: the first release\n"


def public_answer(request: Request) -> Fault:
    taken = request.path == "/simple/tides/"
    return Fault(answer=Answer(200 if taken else 404, b""))


def test_a_name_that_the_public_index_has_too_is_a_warning_or_strictly_a_refusal(
    emulator: Emulator, repository: Path
) -> None:
    make_project(repository, "tides")
    make_project(repository, "berths")

    with FaultyRegistry(emulator, public_answer) as public:
        where = f"http://{public.host}/simple/"
        ask = ("check", "-q", "--no-build", "--all", repository, "--public-index", where)
        warned = shipwheel_at(emulator.host, *ask)
        strict = shipwheel_at(emulator.host, *ask, "--strict-names")
        unasked = shipwheel_at(emulator.host, *ask, "--no-public-names")
    paths = sorted(request.path for request in public.requests)

    first = "The public index has a package 'tides', too"
    assert (warned.returncode, warned.stderr.splitlines()[0]) == (0, f"warning: {first}")
    assert (strict.returncode, strict.stderr.splitlines()[0]) == (1, f"error: {first}")
    assert (unasked.returncode, unasked.stderr) == (0, "")
    assert paths == ["/simple/berths/", "/simple/berths/", "/simple/tides/", "/simple/tides/"]


def test_a_public_index_that_does_not_answer_is_not_a_reason_to_fail_or_to_wait(
    emulator: Emulator, repository: Path
) -> None:
    tides = make_project(repository, "tides")

    with FaultyRegistry(emulator, lambda _: Fault(hang=20)) as public:
        ask = (
            "check",
            "-q",
            "--no-build",
            tides,
            "--public-index",
            f"http://{public.host}/simple/",
        )
        done = shipwheel_at(emulator.host, *ask)
        strict = shipwheel_at(emulator.host, *ask, "--strict-names")

    assert (done.returncode, done.stderr) == (0, "")
    assert strict.returncode == 4
    assert strict.stderr.startswith("error: It is not known whether the public index has tides\n")
