"""`shipwheel requirements` as a program, with a private registry and a public index."""

from __future__ import annotations

import json

import pytest

from tests.integration.steps.function.place import NOTE, SOUND, Place


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SOUND, f"INDEX\n{SOUND}"),
        ("# ours\r\nberths==1.0", "INDEX\r\n# ours\r\nberths==1.0"),
        (f"\ufeff{SOUND}", f"\ufeffINDEX\n{SOUND}"),
        (
            f"{SOUND}--extra-index-url https://us-central1-python.pkg.dev/demo/pypi/simple\n",
            f"{SOUND}INDEX\n",
        ),
    ],
    ids=["plain", "line ends", "byte order mark", "an older line"],
)
def test_the_index_line_is_all_that_changes(place: Place, before: str, after: str) -> None:
    place.write(requirements__txt=before)

    first, second = place.shipwheel(), place.shipwheel()

    assert place.text() == after.replace("INDEX", place.index.rstrip())
    assert (first.returncode, first.stderr) == (0, f"Wrote f/requirements.txt\n{NOTE}")
    assert "SW821" not in first.stdout
    assert second.stderr == "f/requirements.txt is as it should be\n"


def test_a_dry_run_writes_nothing(place: Place) -> None:
    place.write(requirements__in=SOUND)
    before = place.tree()

    done = place.shipwheel("--dry-run", "--vendor", "vendor")

    assert done.returncode == 0, done.stderr
    assert place.tree() == before
    assert done.stderr.splitlines() == [
        "Would write f/vendor/berths-1.0-py3-none-any.whl",
        "Would write f/vendor/flask-3.1-py3-none-any.whl",
        "Would write f/vendor/functions_framework-3.0-py3-none-any.whl",
        "Would write f/vendor/tides-1.0-py3-none-any.whl",
        "Would write f/requirements.txt",
        "Deploy with --set-build-env-vars=GOOGLE_VENDOR_PIP_DEPENDENCIES=vendor",
    ]


PLACEHOLDERS = """\
error: requirements.txt.tmpl:1: there is no placeholder '{{TOKEN}}'
  hint: these are: ACCESS_TOKEN, REGION, PROJECT, REPO
error: requirements.txt.tmpl:2: there is no placeholder '{{REGIONS}}'
  hint: did you mean {{REGION}}?
"""


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        (
            {"requirements__txt": "a = 1\nb\nc==\n"},
            2,
            "error: requirements.txt:1: not a valid requirement: 'a = 1' (",
        ),
        (
            {"requirements__txt__tmpl": "{{TOKEN}}\n{{REGIONS}}\n"},
            2,
            PLACEHOLDERS,
        ),
        ({}, 2, "error: The function has no requirements: '"),
        ({"pyproject__toml": "[project"}, 2, "error: '"),
        (
            {"requirements__txt": f"--index-url https://b.example/simple/\n{SOUND}"},
            1,
            "error: Nothing was written: see the findings\n",
        ),
        (
            {"requirements__txt": SOUND, "main__py": "import os\n"},
            1,
            "error: Nothing was written: see the findings\n",
        ),
    ],
    ids=["lines", "placeholders", "nothing", "pyproject", "another registry", "no entry point"],
)
def test_bad_input_is_reported_and_nothing_is_written(
    place: Place, files: dict[str, str], code: int, message: str
) -> None:
    place.write(**files)
    before = place.tree()

    done = place.shipwheel("--pin", "--write-ignores")

    assert (done.returncode, done.stderr[: len(message)]) == (code, message)
    assert place.tree() == before


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("--extra-index-url http://[bad", 2, "fix the line that uv names above"),
        ("--extra-index-url simple", 2, "fix the line that uv names above"),
        ("tides @ http://[bad", 2, "fix the line that uv names above"),
        (
            "-r http://127.0.0.1:9/more.txt",
            4,
            "see the reason above; packages that are only there as sdists cannot be pinned",
        ),
    ],
)
def test_a_line_that_uv_cannot_read_is_the_users(
    place: Place, line: str, code: int, hint: str
) -> None:
    place.write(requirements__txt=f"{SOUND}-r more.txt\n", more__txt=f"{line}\n")
    before = place.tree()

    done = place.shipwheel("--pin", UV_HTTP_RETRIES="0")

    assert done.returncode == code
    assert done.stderr.startswith("error: uv cannot resolve the requirements:\nerror: ")
    assert "` at position 0" in done.stderr
    assert done.stderr.splitlines()[-1] == f"  hint: {hint}"
    assert place.tree() == before


@pytest.mark.parametrize(
    ("variable", "other"),
    [
        ("SHIPWHEEL_VIRTUAL", "--virtual, or `deploy.function.index`, names another one"),
        ("SHIPWHEEL_REGISTRY", "--registry names another one"),
    ],
)
def test_a_repository_that_does_not_exist_is_reported_once(
    place: Place, variable: str, other: str
) -> None:
    place.write(requirements__txt=SOUND)

    done = place.shipwheel("--pin", **{variable: "us-central1/demo/gone"})

    assert done.returncode == 4
    message, hint = done.stderr.splitlines()
    assert message == (
        "error: Repository not found: 'projects/demo/locations/us-central1/repositories/gone'"
    )
    assert hint == f"  hint: check its address; `shipwheel setup` makes it, and {other}"
    assert place.text() == SOUND


def test_a_function_without_main_is_reported(place: Place) -> None:
    place.write(requirements__txt=SOUND)
    (place.root / "f/main.py").unlink()

    done = place.shipwheel()

    assert done.returncode == 1
    assert done.stdout == (
        "f/main.py: SW801 error: There is no main.py in f\n"
        "  hint: write it, or name the directory that has it; a function is served from main.py\n"
    )
    assert place.text() == SOUND


def test_warnings_refuse_only_when_asked_to(place: Place) -> None:
    place.write(requirements__txt="functions_framework==3.0\nberths\n")

    warned = place.shipwheel("--dry-run", "--json")
    strict = place.shipwheel("--dry-run", "--strict")

    assert (warned.returncode, strict.returncode) == (0, 1)
    (finding,) = json.loads(warned.stdout)["findings"]
    assert (finding["code"], finding["level"], finding["line"]) == ("SW814", "warning", 2)
    assert finding["hint"] == "write berths==1.0, or have everything pinned with --pin"
