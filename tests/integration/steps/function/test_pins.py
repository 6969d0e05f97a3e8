"""Pins and vendored wheels: what they take from where, and when they are old."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.integration.selection import sample
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry, Request
from tests.integration.steps.function.place import SOUND, TOKEN, Place
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.distribution.files import Distribution


def test_pins_take_private_names_from_the_registry_only(place: Place) -> None:
    place.write(requirements__txt="functions_framework\nberths # quays\ntides>0\n")

    done = place.shipwheel("--pin")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert place.text() == (
        place.index
        + place.pin("framework")
        + "# quays\n"
        + place.pin("berths")
        + place.pin("tides")
        + "# Needed by the above:\n"
        + place.pin("flask")
    )
    again = place.shipwheel("--pin")
    assert again.stderr == "f/requirements.txt is as it should be\n"


def test_pins_are_kept_until_they_are_to_be_upgraded(place: Place) -> None:
    place.write(requirements__in="functions_framework\nberths\n")
    assert place.shipwheel("--pin").returncode == 0
    locked = place.text()
    newer = make_distributions(make_project(place.root.parent / "3", "tides", "1.5"))
    for it in newer:
        for repository in ("pypi", "virtual"):
            shutil.copy(it.path, place.root.parent / "registry/demo" / repository / "tides")

    kept = place.shipwheel("--pin")
    plain = place.shipwheel()
    assert (place.text(), kept.returncode, plain.returncode) == (locked, 0, 0)

    # uv keeps what an index said for ten minutes.
    upgraded = place.shipwheel("--pin", "--upgrade", UV_NO_CACHE="1")
    assert upgraded.returncode == 0
    assert "tides==1.5" in place.text()
    assert "tides==1.0" not in place.text()


STALE = (
    "f/requirements.txt:1: SW816 warning: {}, a file that it names, or the runtime has changed"
    " since requirements.txt was pinned\n"
    "  hint: pin it anew with --pin, or with the option that it was made with\n"
)


def test_a_lock_is_for_one_runtime(place: Place) -> None:
    place.write(requirements__in=SOUND)
    assert place.shipwheel("--pin", "--runtime=python312").returncode == 0

    same, other = place.shipwheel("--runtime=python312"), place.shipwheel("--runtime=python313")

    assert (same.returncode, same.stdout) == (0, "")
    assert (other.returncode, other.stdout) == (0, STALE.format("requirements.in"))


@sample(
    "source",
    ["requirements.in", "pyproject.toml", "more.txt", "constraints.txt"],
    "requirements.in",
)
def test_a_lock_notices_that_its_source_has_changed(place: Place, source: str) -> None:
    lines = ["functions_framework==3.0", "berths==1.0"]
    text = "".join(f"{line}\n" for line in lines)
    project = '[project]\nname = "f"\nversion = "1"\ndependencies = '
    files = {
        "requirements.in": {"requirements.in": text},
        "pyproject.toml": {"pyproject.toml": f"{project}{lines}\n"},
        "more.txt": {"requirements.in": "-r more.txt\n", "more.txt": text},
        "constraints.txt": {
            "requirements.in": "functions_framework\nberths\n-c constraints.txt\n",
            "constraints.txt": text,
        },
    }[source]
    place.write(**{name.replace(".", "__"): text for name, text in files.items()})
    assert place.shipwheel("--pin", "--package-manager=pip").returncode == 0
    place.write(**{source.replace(".", "__"): f"# a word\r\n{files[source]}"})
    same = place.shipwheel()
    place.write(**{source.replace(".", "__"): files[source].replace("berths==1.0", "tides==1.0")})

    changed, refused = place.shipwheel(), place.shipwheel("--strict")

    assert (same.returncode, same.stdout) == (0, "")
    assert changed.stdout == STALE.format(next(iter(files)))
    assert (changed.returncode, refused.returncode) == (0, 1)
    assert place.shipwheel("--pin", "--package-manager=pip").returncode == 0
    assert place.shipwheel().stdout == ""


def test_a_private_name_is_never_taken_from_the_public_index(place: Place) -> None:
    shutil.rmtree(place.root.parent / "registry/demo/pypi/tides")
    make_project(place.root / "packages", "tides", "1.0")
    place.write(requirements__txt=SOUND)
    before = place.tree()

    done = place.shipwheel("--pin")

    assert done.returncode == 1
    assert done.stderr == (
        "error: 'tides' is private, and uv found it on another index only: 'tides==9.0'\n"
        "  hint: publish it, or put its wheel into the source with --bundle\n"
    )
    assert place.tree() == before


def test_what_is_vendored_has_all_that_the_build_needs(place: Place) -> None:
    place.write(requirements__txt="functions_framework\nberths\n")

    done = place.shipwheel("--vendor", "third/party", "--json")

    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["build_environment"] == {"GOOGLE_VENDOR_PIP_DEPENDENCIES": "third/party"}
    wheels = {it.filename: it for key in place.files for it in place.files[key]}
    vendored = [path for path in place.tree() if path.startswith("third/")]
    assert vendored == [
        "third/party/berths-1.0-py3-none-any.whl",
        "third/party/flask-3.1-py3-none-any.whl",
        "third/party/functions_framework-3.0-py3-none-any.whl",
        "third/party/tides-1.0-py3-none-any.whl",
    ]
    assert record["files"] == [*(f"f/{path}" for path in vendored), "f/requirements.txt"]
    for path in vendored:
        original = wheels[path.rpartition("/")[2]].path
        assert place.tree()[path] == original.read_bytes()
    assert "index-url" not in place.text()


def pip_download(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    """Fetch what the function requires with pip, which knows of no credentials."""
    target = place.root.parent / "downloads"
    home = {"HOME": str(place.root), "NETRC": os.devnull}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-input", "--no-cache-dir"),
            *("--disable-pip-version-check", "--dest", str(target), "-r", "requirements.txt"),
            *options,
        ],
        cwd=place.root / "f",
        env={key: it for key, it in place.environ.items() if not key.startswith("TWINE_")} | home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_where_the_build_has_no_token_pip_is_refused_and_vendored_wheels_are_enough(
    place: Place,
) -> None:
    place.write(requirements__txt=SOUND)
    assert place.shipwheel().returncode == 0
    refused = pip_download(place)
    assert place.shipwheel("--vendor", "vendor").returncode == 0

    done = pip_download(place, "--no-index", "--find-links", "vendor")

    assert refused.returncode == 1
    assert "No matching distribution found for functions_framework==3.0" in refused.stderr
    assert done.returncode == 0, done.stderr


@sample("machine", ["x86_64", "aarch64"], "aarch64")
def test_pins_hold_on_the_other_platform_where_the_registry_has_its_wheels(
    place: Place, machine: str
) -> None:
    for directory in (place.root.parent / "registry/demo").glob("*/tides"):
        [pure] = directory.glob("*.whl")
        for it in ("x86_64", "aarch64"):
            name = f"tides-1.0-py3-none-manylinux_2_28_{it}.whl"
            (directory / name).write_bytes(pure.read_bytes() + it.encode())
        pure.unlink()
    place.write(requirements__txt="tides==1.0\nfunctions_framework==3.0\n")
    assert place.shipwheel("--pin").returncode == 0
    login = f"http://oauth2accesstoken:{TOKEN}@{place.private.host}/demo/virtual/simple/"
    place.write(requirements__txt=place.text().removeprefix(place.index))

    done = pip_download(
        place,
        *("--index-url", login, "--only-binary", ":all:", "--require-hashes"),
        *("--platform", f"manylinux_2_28_{machine}", "--python-version", "3.13"),
    )

    assert done.returncode == 0, done.stderr
    assert [it.name for it in (place.root.parent / "downloads").glob("tides*")] == [
        f"tides-1.0-py3-none-manylinux_2_28_{machine}.whl"
    ]


@sample("where", ["environment", "project", "user", "pip"], "project", "pip")
def test_a_cooldown_holds_for_public_names_alone(place: Place, where: str) -> None:
    newer = make_distributions(make_project(place.root.parent / "3", "flask", "3.2"))
    for it in newer:
        shutil.copy(it.path, place.root.parent / "registry/demo/public/flask")
    place.write(requirements__txt="functions_framework\nberths\n")
    user = place.root.parent / "config/uv"
    user.mkdir(parents=True)
    setting = 'exclude-newer = "2021-01-01"\n'
    folder = {"project": place.root / "f", "user": user}.get(where)
    if folder:
        (folder / "uv.toml").write_text(setting)

    with FaultyRegistry(place.public, partial(_page_with_times, place, newer)) as public:
        done = place.shipwheel(
            *(["--vendor", "vendor"] if where == "pip" else ["--pin"]),
            UV_DEFAULT_INDEX=f"http://{public.host}/demo/public/simple/",
            PIP_INDEX_URL=f"http://{public.host}/demo/public/simple/",
            PIP_UPLOADED_PRIOR_TO="2021-01-01",
            XDG_CONFIG_HOME=str(user.parent),
            **({"UV_EXCLUDE_NEWER": "2021-01-01"} if not folder else {}),
        )

    assert done.returncode == 0, done.stderr
    pinned = [line.split()[0] for line in place.text().splitlines() if "==" in line]
    # tides is private, and only berths requires it.
    assert pinned == ["functions-framework==3.0", "berths==1.0", "flask==3.1", "tides==1.0"]


def _page_with_times(place: Place, newer: Sequence[Distribution], request: Request) -> Fault | None:
    """Answer with an index page that has upload times: what is *newer* came in 2022."""
    project = request.path.rstrip("/").rpartition("/simple/")[2]
    listed = [(it, "2020") for files in place.files.values() for it in files]
    entries = [
        {
            "filename": it.filename,
            "url": f"/demo/public/{it.name}/{it.filename}",
            "hashes": {"sha256": it.sha256},
            "upload-time": f"{year}-01-01T00:00:00Z",
        }
        for it, year in [*listed, *((it, "2022") for it in newer)]
        if it.name == project and (it.name, str(it.version)) != ("tides", "1.0")
    ]
    if "/simple/" not in request.path or not entries:
        return None
    page = {"meta": {"api-version": "1.1"}, "name": project, "files": entries}
    header = (("Content-Type", "application/vnd.pypi.simple.v1+json"),)
    return Fault(answer=Answer(200, json.dumps(page).encode(), header))
