"""`shipwheel requirements` as a program, with a private registry and a public index."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from builder.emulator import Emulator
from tests.integration.test_secrets import leaks, run
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.distribution import Distribution

TOKEN = "ya29.planted-3c1f9a7e5b2d"
SOUND = "functions_framework==3.0\nberths==1.0\n"


@dataclass(frozen=True)
class Place:
    """A repository *root* with a function `f`, and the two registries that it is for."""

    root: Path
    private: Emulator
    public: Emulator
    files: dict[str, tuple[Distribution, ...]]

    @property
    def environ(self) -> dict[str, str]:
        index = f"http://{self.public.host}/demo/public/simple/"
        unset = ("PIP_", "UV_", "SHIPWHEEL_", "TWINE_")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(unset)},
            "SHIPWHEEL_REGISTRY": "us-east4/demo/pypi",
            "SHIPWHEEL_VIRTUAL": "us-east4/demo/virtual",
            "ARTIFACT_REGISTRY_EMULATOR_HOST": self.private.host,
            "TWINE_USERNAME": "oauth2accesstoken",
            "TWINE_PASSWORD": TOKEN,
            # What a user would have in the configuration of uv and pip.
            "UV_DEFAULT_INDEX": index,
            "PIP_INDEX_URL": index,
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(self.root.parent / "uv"),
            "PIP_CACHE_DIR": str(self.root.parent / "pip"),
        }

    @property
    def index(self) -> str:
        return f"--index-url http://{self.private.host}/demo/virtual/simple/\n"

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.root / "f" / name.replace("__", ".")).write_bytes(text.encode())

    def text(self, name: str = "requirements.txt") -> str:
        return (self.root / "f" / name).read_bytes().decode()

    def tree(self) -> dict[str, bytes]:
        folder = self.root / "f"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def shipwheel(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-m", "builder", "requirements", "f", *options],
            cwd=self.root,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pin(self, key: str, text: str = "") -> str:
        """Return the lines that pin one of the distributions."""
        files = self.files[key]
        body = text or f"{files[0].name}=={files[0].version}"
        hashes = sorted(it.sha256 for it in files)
        return body + "".join(f" \\\n    --hash=sha256:{it}" for it in hashes) + "\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "work"
    (root / "f").mkdir(parents=True)
    (root / "f/main.py").write_text("def main(request): ...\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, timeout=30)
    made = {
        "berths": make_project(tmp_path / "1", "berths", requires=["tides>=1"]),
        "tides": make_project(tmp_path / "1", "tides", "1.0"),
        "framework": make_project(tmp_path / "2", "functions_framework", "3.0", requires=["flask"]),
        "flask": make_project(tmp_path / "2", "flask", "3.1"),
        # Somebody took the name on the public index.
        "attack": make_project(tmp_path / "2", "tides", "9.0", text="not ours"),
    }
    files = {key: make_distributions(directory) for key, directory in made.items()}
    for key, distributions in files.items():
        private = key in {"berths", "tides"}
        for repository in ("pypi", "virtual") if private else ("public", "virtual"):
            if (repository, key) != ("virtual", "attack"):
                folder = tmp_path / "registry" / "demo" / repository / distributions[0].name
                folder.mkdir(parents=True, exist_ok=True)
                for it in distributions:
                    shutil.copy(it.path, folder)
    names = ("demo/pypi", "demo/virtual")
    with (
        Emulator(tmp_path / "registry", repositories=names, token=TOKEN) as private_registry,
        Emulator(tmp_path / "registry", repositories=("demo/public",)) as public,
    ):
        yield Place(root, private_registry, public, files)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SOUND, f"INDEX\n{SOUND}"),
        ("# ours\r\nberths==1.0", "INDEX\r\n# ours\r\nberths==1.0"),
        (f"\ufeff{SOUND}", f"\ufeffINDEX\n{SOUND}"),
        (
            f"{SOUND}--extra-index-url https://us-east4-python.pkg.dev/demo/pypi/simple\n",
            f"{SOUND}INDEX\n",
        ),
    ],
    ids=["plain", "line ends", "byte order mark", "an older line"],
)
def test_the_index_line_is_all_that_changes(place: Place, before: str, after: str) -> None:
    place.write(requirements__txt=before)

    first, second = place.shipwheel(), place.shipwheel()

    assert place.text() == after.replace("INDEX", place.index.rstrip())
    assert (first.returncode, first.stderr) == (0, "Wrote f/requirements.txt\n")
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
        shutil.copy(it.path, place.root.parent / "registry/demo/pypi/tides")

    kept = place.shipwheel("--pin")
    plain = place.shipwheel()
    assert (place.text(), kept.returncode, plain.returncode) == (locked, 0, 0)

    # uv keeps what an index said for ten minutes.
    upgraded = place.shipwheel("--pin", "--upgrade", UV_NO_CACHE="1")
    assert upgraded.returncode == 0
    assert "tides==1.5" in place.text()
    assert "tides==1.0" not in place.text()


@pytest.mark.parametrize("source", ["requirements.in", "pyproject.toml", "more.txt"])
def test_a_lock_notices_that_its_source_has_changed(place: Place, source: str) -> None:
    lines = ["functions_framework==3.0", "berths==1.0"]
    text = "".join(f"{line}\n" for line in lines)
    project = '[project]\nname = "f"\nversion = "1"\ndependencies = '
    files = {
        "requirements.in": {"requirements.in": text},
        "pyproject.toml": {"pyproject.toml": f"{project}{lines}\n"},
        "more.txt": {"requirements.in": "-r more.txt\n", "more.txt": text},
    }[source]
    place.write(**{name.replace(".", "__"): text for name, text in files.items()})
    assert place.shipwheel("--pin", "--package-manager=pip").returncode == 0
    place.write(**{source.replace(".", "__"): f"# a word\r\n{files[source]}"})
    same = place.shipwheel()
    place.write(**{source.replace(".", "__"): files[source].replace("berths==1.0", "tides==1.0")})

    changed, refused = place.shipwheel(), place.shipwheel("--strict")

    assert (same.returncode, same.stdout) == (0, "")
    origin = next(iter(files))
    assert changed.stdout == (
        f"f/requirements.txt:1: SW816 warning: {origin} has changed since requirements.txt was"
        " pinned from it\n"
        "  hint: pin it anew with --pin, or with the option that it was made with\n"
    )
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


@pytest.mark.parametrize("options", [[], ["--pin"], ["--vendor", "vendor"]])
def test_no_secret_goes_where_nobody_asked_for_it(place: Place, options: list[str]) -> None:
    place.write(requirements__txt=SOUND)

    result, places = run(place.root, ["requirements", "f", *options], place.environ)

    assert result.returncode == 0, result.stderr
    assert leaks(places, TOKEN) == []


@pytest.mark.parametrize("options", [["--pin"], ["--vendor", "vendor"]])
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
    assert written.stderr == "Wrote f/.gcloudignore\nWrote f/requirements.txt\n"
    assert place.text(".gitignore") == "/requirements.txt\n"
    assert TOKEN in place.text()
    assert uploaded(place) == {"main.py", "requirements.txt", "requirements.txt.tmpl"}
    again = place.shipwheel("--extra-index-url", "--write-ignores")
    assert (again.returncode, again.stdout) == (0, written.stdout)


@pytest.mark.parametrize("options", [[], ["--write-ignores"]])
def test_a_token_is_not_written_into_a_tracked_file(place: Place, options: list[str]) -> None:
    place.write(requirements__txt__tmpl=TEMPLATE + SOUND, requirements__txt="old\n")
    subprocess.run(["git", "add", "."], cwd=place.root, check=True, timeout=30)

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
    if not shutil.which("gcloud"):
        pytest.skip("gcloud is not installed")
    done = subprocess.run(
        ["gcloud", "meta", "list-files-for-upload", str(place.root / "f")],
        env={**os.environ, "CLOUDSDK_CONFIG": str(place.root.parent / "gcloud")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(done.stdout.split())


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
def test_bad_input_is_told_and_nothing_is_written(
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
        ("--extra-index-url http://[bad", 2, "mend the line that uv names above"),
        ("--extra-index-url simple", 2, "mend the line that uv names above"),
        ("tides @ http://[bad", 2, "mend the line that uv names above"),
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
def test_a_repository_that_does_not_exist_is_told_once(
    place: Place, variable: str, other: str
) -> None:
    place.write(requirements__txt=SOUND)

    done = place.shipwheel("--pin", **{variable: "us-east4/demo/gone"})

    assert done.returncode == 4
    message, hint = done.stderr.splitlines()
    assert message.endswith("demo/gone/simple/' answers 404 Not Found")
    assert hint == f"  hint: check its address; `shipwheel setup` makes it, and {other}"
    assert place.text() == SOUND


def test_a_function_without_main_is_told(place: Place) -> None:
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
