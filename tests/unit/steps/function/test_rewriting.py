"""What is resolved for a requirements file, its lock, and its index line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.distribution.files import Distribution
from steps.function.function import parsed
from steps.function.resolution import Pinned
from steps.function.rewriting import (
    digest,
    is_own_index,
    local_requirements,
    locked,
    wanted_lines,
    with_index_line,
)
from steps.host.errors import Refused
from steps.project.requirements_file import parse_requirements
from steps.project.source import Project
from steps.registry.address import parse_registry
from tests.unit.steps.function.function_context import context

if TYPE_CHECKING:
    from pathlib import Path

    from steps.project.requirements_file import RequirementsFile

NEEDED = "# Needed by the above:\n"
WHEEL = "berths-1.0-py3-none-any.whl"


def file(*lines: str) -> RequirementsFile:
    return parsed("".join(f"{line}\n" for line in lines), "requirements.in")


def found(*bodies: str) -> dict[Any, Pinned]:
    """Return what was resolved, each with a hash that begins like its name."""
    names = [body.partition("==")[0].partition("[")[0] for body in bodies]
    return {
        name: Pinned(name=canonicalize_name(name), body=body, hashes=(f"sha256:{name}",))
        for name, body in zip(names, bodies, strict=True)
    }


def pin(body: str, name: str) -> str:
    return f"{body} \\\n    --hash=sha256:{name}\n"


def lock(folder: Path, lines: list[str], *bodies: str, **settings: Any) -> str:
    known = context(folder, settings=settings)
    return locked(file(*lines), known, found(*bodies), {}).text


def test_pins_stand_where_their_requirements_did_and_the_rest_below_a_title(
    tmp_path: Path,
) -> None:
    lines = ["# first", "", "tides>=1", "--prefer-binary", "Berths"]

    assert lock(tmp_path, lines, "berths==1.0", "charts==3", "tides==2") == (
        "# first\n\n"
        + pin("tides==2", "tides")
        + "--prefer-binary\n"
        + pin("berths==1.0", "berths")
        + NEEDED
        + pin("charts==3", "charts")
    )


def test_nothing_more_is_needed_and_so_there_is_no_title(tmp_path: Path) -> None:
    assert lock(tmp_path, ["tides"], "tides==2") == pin("tides==2", "tides")


def test_the_title_of_an_earlier_run_is_kept(tmp_path: Path) -> None:
    lines = ["tides", NEEDED.strip()]

    assert lock(tmp_path, lines, "tides==2", "charts==3") == (
        pin("tides==2", "tides") + NEEDED + pin("charts==3", "charts")
    )


def test_a_comment_goes_above_and_what_is_required_twice_is_pinned_once(tmp_path: Path) -> None:
    lines = ["tides>1 # why", "tides<3 # and why", "tides"]

    assert lock(tmp_path, lines, "tides==2") == (
        "# why\n" + pin("tides==2", "tides") + "# and why\n"
    )


def test_what_is_included_is_in_the_lock_and_included_no_more(tmp_path: Path) -> None:
    lines = ["-r more.txt # ours", "-c limits.txt", "tides"]

    assert lock(tmp_path, lines, "tides==2") == "# ours\n" + pin("tides==2", "tides")


def test_a_marker_stays_with_its_requirement(tmp_path: Path) -> None:
    windows = "sys_platform == 'win32'"
    lines = [f"tides ; {windows}", f"berths ; {windows}", "charts"]

    assert lock(tmp_path, lines, "tides==2", f"berths==1 ; {windows}", "charts==3") == (
        pin('tides==2 ; sys_platform == "win32"', "tides")
        + pin(f"berths==1 ; {windows}", "berths")
        + pin("charts==3", "charts")
    )


def test_what_is_not_for_this_platform_stays_as_it_is(tmp_path: Path) -> None:
    assert lock(tmp_path, ["berths ; sys_platform == 'win32'", "tides"], "tides==2") == (
        "berths ; sys_platform == 'win32'\n" + pin("tides==2", "tides")
    )


def test_a_pin_that_is_as_it_should_be_is_not_written_anew(tmp_path: Path) -> None:
    line = "tides==2  --hash=sha256:tides"

    assert lock(tmp_path, [line], "tides==2") == f"{line}\n"
    assert lock(tmp_path, [f"{line} # why"], "tides==2") == "# why\n" + pin("tides==2", "tides")
    assert lock(tmp_path, ["tides==2 --hash=sha256:old"], "tides==2") == pin("tides==2", "tides")
    assert lock(tmp_path, ["tides==1 --hash=sha256:tides"], "tides==2") == pin("tides==2", "tides")


def test_a_path_is_pinned_by_what_was_found_for_it(tmp_path: Path) -> None:
    it = Pinned(name=canonicalize_name("tides"), body="./tides.whl", hashes=("sha256:tides",))

    text = locked(file("./tides.whl"), context(tmp_path), {it.name: it}, {}).text

    assert text == pin("./tides.whl", "tides")


def test_the_extras_of_an_address_stay_where_they_are(tmp_path: Path) -> None:
    line = "tides[sea] @ https://x.example/tides-1-py3-none-any.whl"
    it = Pinned(name=canonicalize_name("tides"), body=line, hashes=("sha256:tides",))

    assert locked(file(line), context(tmp_path), {it.name: it}, {}).text == pin(line, "tides")


def test_all_that_has_no_hash_is_refused_at_once(tmp_path: Path) -> None:
    without = {name: replace(it, hashes=()) for name, it in found("tides==2", "berths==1").items()}

    with pytest.raises(Refused) as caught:
        locked(file("tides"), context(tmp_path), {**without, **found("charts==3")}, {})

    rest = " cannot be pinned by a hash, and pip demands one of everything then"
    assert [it.message for it in caught.value.problems] == [
        f"'tides==2'{rest}",
        f"'berths==1'{rest}",
    ]


@pytest.fixture
def wheel(tmp_path: Path) -> Distribution:
    return Distribution(
        path=tmp_path / WHEEL,
        kind="wheel",
        name=canonicalize_name("berths"),
        version=Version("1.0"),
        size=1,
        sha256="ab",
    )


def bundled(folder: Path, wheel: Distribution, *lines: str) -> tuple[list[str], str]:
    """Return what is resolved, and the lock, where *wheel* is of this repository."""
    function = folder / "f"
    local: Any = {wheel.name: Project(directory=folder / "packages/berths", name=wheel.name)}
    known = context(function, settings={"bundle": True}, local=local)
    wheels = {wheel.name: wheel}
    resolved = replace(found("berths")["berths"], hashes=())
    text = locked(file(*lines), known, {"berths": resolved, **found("tides==2")}, wheels).text  # type: ignore[dict-item]
    return wanted_lines(file(*lines), known, wheels), text


@pytest.mark.parametrize(
    "line",
    ["berths>=1", "../packages/berths", "-e ../packages/berths", f"./wheels/{WHEEL}"],
)
def test_a_wheel_takes_the_place_of_what_is_used_for_its_project(
    tmp_path: Path, wheel: Distribution, line: str
) -> None:
    wanted, text = bundled(tmp_path, wheel, line, "tides")

    assert wanted == [f"berths @ {wheel.path.as_uri()}", "tides"]
    assert text == pin(f"./wheels/{WHEEL}", "ab") + pin("tides==2", "tides")


def test_a_wheel_that_only_another_one_needs_is_resolved_and_pinned_too(
    tmp_path: Path, wheel: Distribution
) -> None:
    wanted, text = bundled(tmp_path, wheel, "tides")

    assert wanted == ["tides", f"berths @ {wheel.path.as_uri()}"]
    assert text == pin("tides==2", "tides") + NEEDED + pin(f"./wheels/{WHEEL}", "ab")


def test_extras_and_markers_are_kept_with_a_wheel(tmp_path: Path, wheel: Distribution) -> None:
    wanted, text = bundled(tmp_path, wheel, "berths[sea,air]>=1 ; python_version > '3'", "tides")

    marker = 'python_version > "3"'
    assert wanted == [f"berths[air,sea] @ {wheel.path.as_uri()} ; {marker}", "tides"]
    assert text.splitlines()[0] == f"./wheels/{WHEEL}[air,sea] ; {marker} \\"


def test_a_wheel_from_elsewhere_is_no_one_elses(tmp_path: Path, wheel: Distribution) -> None:
    elsewhere = f"./other/{WHEEL}"

    assert bundled(tmp_path, wheel, elsewhere)[0] == [elsewhere, f"berths @ {wheel.path.as_uri()}"]


def test_what_is_not_bundled_for_this_platform_is_resolved_as_it_is(
    tmp_path: Path, wheel: Distribution
) -> None:
    local: Any = {wheel.name: Project(directory=tmp_path / "packages/berths", name=wheel.name)}
    known = context(tmp_path / "f", settings={"bundle": True}, local=local)
    line = "berths ; sys_platform == 'win32'"

    assert wanted_lines(file(line), known, {}) == [line]


def test_what_is_resolved_names_paths_from_anywhere(tmp_path: Path) -> None:
    lines = ["tides # why", "-e ./chart", "-r more.txt", "-c https://x.example/c.txt", "--pre"]

    assert wanted_lines(file(*lines), context(tmp_path), {}) == [
        "tides",
        "--editable ./chart",
        f"--requirement {tmp_path}/more.txt",
        "--constraint https://x.example/c.txt",
    ]


def test_what_is_required_of_this_repository_is_bundled_with_its_extras(
    tmp_path: Path, wheel: Distribution
) -> None:
    local: Any = {wheel.name: Project(directory=tmp_path / "packages/berths", name=wheel.name)}
    lines = file("berths[sea,air]>=1", "../packages/berths", "tides", "./wheels/tides-1-x.whl")

    known = context(tmp_path / "f", settings={"bundle": True}, local=local)
    assert [*map(str, local_requirements(lines, known))] == ["berths[air,sea]", "berths"]
    known = context(tmp_path / "f", settings={"bundle": False}, local=local)
    assert local_requirements(lines, known) == []


def test_the_digest_is_of_what_is_required_and_of_the_runtime() -> None:
    first = digest([file("tides==1", "berths # why")], 13)

    assert len(first) == 16
    assert digest([file("# title", "tides==1", "", "berths")], 13) == first
    assert digest([file("tides==1"), file("berths")], 13) == first
    assert digest([parsed("tides==1\r\nberths\r\n", "requirements.in")], 13) == first
    others = [digest([file("tides==2", "berths")], 13), digest([file("tides==1", "berths")], 12)]
    assert len({first, *others}) == 3


REAL = parse_registry("us-east4/demo/pypi", {})
EMULATED = parse_registry(
    "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
)
VIRTUAL = parse_registry("us-east4/demo/virtual", {})
URL = "https://us-east4-python.pkg.dev/demo/pypi/simple/"
INDEX = f"--index-url {URL}"


def planned(text: str, *, extra: bool = False) -> str:
    file = parse_requirements(text)
    once = with_index_line(file, REAL, [REAL, VIRTUAL], extra=extra, at=0)
    assert with_index_line(once, REAL, [REAL, VIRTUAL], extra=extra, at=0) == once
    return once.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n", f"{INDEX}\na\n"),
        ("# why\r\na", f"{INDEX}\r\n# why\r\na"),
        ("", f"{INDEX}\n"),
        (f"a\n{INDEX}", f"a\n{INDEX}"),
        (f"a\n{INDEX}  # ours\n", f"a\n{INDEX}  # ours\n"),
        (f"--extra-index-url {URL}\na\n", f"{INDEX}\na\n"),
        (f"--index-url {URL[:-8]}  # ours\n", f"{INDEX}  # ours\n"),
        ("-i https://oauth2accesstoken@us-east4-python.pkg.dev/demo/pypi\na\n", f"{INDEX}\na\n"),
        ("--index-url https://us-east4-python.pkg.dev/demo/virtual/simple/\n", f"{INDEX}\n"),
        (f"{INDEX}\n--extra-index-url {URL}\na\n", f"{INDEX}\na\n"),
        (f"--extra-index-url {URL} --pre\na\n", f"{INDEX} --pre\na\n"),
        (
            "--extra-index-url https://b.example/\n",
            f"{INDEX}\n--extra-index-url https://b.example/\n",
        ),
        (
            "--extra-index-url https://o:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev/demo/pypi/simple/\n",
            "--extra-index-url https://o:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev/demo/pypi/simple/\n",
        ),
    ],
)
def test_there_is_one_line_for_the_registry(before: str, after: str) -> None:
    assert planned(before) == after


def test_an_extra_index_is_only_written_when_asked_for() -> None:
    assert planned(f"{INDEX}\na\n", extra=True) == f"--extra-index-url {URL}\na\n"


def test_a_line_for_an_emulator_says_so_and_gives_way_to_the_registry() -> None:
    file = parse_requirements(f"{INDEX}  # ours\na\n")

    found = with_index_line(file, EMULATED, [EMULATED], extra=False, at=0)
    (line, _) = found.lines

    url = "http://127.0.0.1:8080/demo/pypi/simple/"
    assert found.text == f"--index-url {url}  # ours  # an emulator: not for deployment\na\n"
    assert with_index_line(found, EMULATED, [EMULATED], extra=False, at=0) == found
    assert is_own_index(line, "--index-url", url, [REAL])
    assert with_index_line(found, REAL, [REAL], extra=False, at=0) == file
    same = parse_registry("http://127.0.0.1:8080/demo/pypi/", {})
    new = with_index_line(parse_requirements("a\n"), same, [same], extra=False, at=0)
    assert new.text == f"--index-url {url}  # an emulator: not for deployment\na\n"
