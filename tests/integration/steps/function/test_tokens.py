"""The token of a private registry: in the one file that asks for it, or nowhere."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.integration.steps.function.place import NOTE, SOUND, TOKEN, Place
from tests.integration.steps.release.test_secrets import leaks, run
from tests.tree import git


@sample("options", [[], ["--pin"], ["--vendor", "vendor"]], [], ["--pin"])
def test_no_secret_goes_where_it_was_not_asked_for(place: Place, options: list[str]) -> None:
    place.write(requirements__txt=SOUND)

    result, places = run(place.root, ["requirements", "f", *options], place.environ)

    assert result.returncode == 0, result.stderr
    assert leaks(places, TOKEN) == []


@sample("options", [["--pin"], ["--vendor", "vendor"]], ["--vendor", "vendor"])
def test_what_uv_and_pip_say_of_a_fault_has_no_secret(place: Place, options: list[str]) -> None:
    for wheel in (place.root.parent / "registry/demo/pypi/berths").iterdir():
        wheel.write_bytes(b"broken")
    place.write(requirements__txt=SOUND)

    result, places = run(place.root, ["requirements", "f", *options], place.environ)

    assert result.returncode in {1, 4}, result.stderr
    assert b"Traceback" not in result.stderr
    assert leaks(places, TOKEN) == []
    assert set(place.tree()) == {"main.py", "requirements.txt"}


TEMPLATE = "-i https://oauth2accesstoken:{{ACCESS_TOKEN}}@{{REGION}}-python.pkg.dev/{{PROJECT}}/{{REPO}}/simple/\n"


@needs_gcloud
def test_a_token_is_written_where_git_looks_away_and_gcloud_does_not(place: Place) -> None:
    place.write(requirements__txt__tmpl=TEMPLATE + SOUND, __gitignore="/requirements.txt\n")

    hidden = place.shipwheel("--extra-index-url")
    assert hidden.returncode == 1
    assert (
        "f/requirements.txt: SW842 error: gcloud does not upload 'requirements.txt': an ignore"
        " file of the function hides it\n"
        "  hint: add the line '!/requirements.txt' at the end of .gcloudignore" in hidden.stdout
    )
    written = place.shipwheel("--extra-index-url", "--write-ignores")

    assert written.returncode == 0, written.stderr
    assert written.stderr == f"Wrote f/.gcloudignore\nWrote f/requirements.txt\n{NOTE}"
    assert place.text(".gitignore") == "/requirements.txt\n"
    assert TOKEN in place.text()
    assert uploaded(place) == {"main.py", "requirements.txt", "requirements.txt.tmpl"}
    again = place.shipwheel("--extra-index-url", "--write-ignores")
    assert (again.returncode, again.stdout) == (0, written.stdout)


@pytest.mark.parametrize("options", [[], ["--write-ignores"]])
def test_a_token_is_not_written_into_a_tracked_file(place: Place, options: list[str]) -> None:
    place.write(requirements__txt__tmpl=TEMPLATE + SOUND, requirements__txt="old\n")
    git(place.root, "add", ".")

    done = place.shipwheel("--extra-index-url", *options)

    assert done.returncode == 1
    assert "f/requirements.txt: SW851 error: The template asks for an access token" in done.stdout
    assert place.text() == "old\n"
    assert not (place.root / "f/.gcloudignore").exists()


def test_without_a_token_there_is_none_to_write(place: Place) -> None:
    place.write(requirements__txt__tmpl=TEMPLATE + SOUND, __gitignore="/requirements.txt\n")

    done = place.shipwheel(
        "--extra-index-url", "--write-ignores", TWINE_USERNAME="_json_key_base64"
    )

    assert done.returncode == 5
    assert TOKEN not in done.stderr
    assert not (place.root / "f/requirements.txt").exists()


def uploaded(place: Place) -> set[str]:
    """Return what the real gcloud would upload of the function."""
    done = subprocess.run(
        ["gcloud", "meta", "list-files-for-upload", str(place.root / "f")],
        env={**os.environ, "CLOUDSDK_CONFIG": str(place.root.parent / "gcloud")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(done.stdout.split())
