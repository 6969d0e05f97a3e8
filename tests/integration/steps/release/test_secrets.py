"""No secret is in any output, file or argument, whatever the command and whatever goes wrong."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import shipwheel
from tests.integration.program import environment
from tests.integration.selection import sample, sample_pairs
from tests.integration.servers.faults import REFUSED, FaultyRegistry, every_fault
from tests.integration.servers.google import Google
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from builder.server import Emulator
    from tests.integration.tally import Tally

TOKEN = "ya29.planted-3c1f9a7e5b2d"

pytestmark = pytest.mark.emulator(token=TOKEN)
LOGIN = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}
PYTHON = [sys.executable, "-I"]
OBSERVER = Path(__file__).parents[2] / "observer.py"
TRACER = Path(__file__).parents[2] / "tracer.py"
GONE = "127.0.0.1:9"  # the discard protocol's: nothing listens

# Those that ask the registry, and how: they meet every fault.
ASKING = {
    "check": ["check", "berths"],
    "upload": ["upload", "berths", "--json"],
    "publish": ["publish", "berths"],
    "requirements": ["requirements", "finder", "--extra-index-url"],
    "versions": ["versions", "--all", "--json"],
    "doctor": ["doctor", "--json"],
    "bump": ["bump", "berths", "--to", "2.0"],
    "status": ["status", "--json"],
}
# Those that do not. Its own tests show that the emulator keeps its token to itself.
OTHERS = {
    "build": ["build", "berths"],
    "settings": ["settings", "twine", "--write"],
    "init": ["init", "--github", "harbour/harbour"],
    "setup": ["setup"],
    "triggers": ["triggers", "render"],
    "run": ["run", "cloudbuild.yaml", "--host-tools"],
    "emulator": ["emulator", "--help"],
}

EVERYTHING = f"Authorization: {TOKEN}; {base64.b64encode(TOKEN.encode()).decode()}".encode()
FAULTS = {"none": lambda _: None, **every_fault(EVERYTHING)}
# One of each kind, for the commands in their order.
FEW = (
    "500",
    "redirect to http",
    "reset before the answer",
    "page that is broken JSON",
    "403",
    "401",
    "trickling body",
    "429 with Retry-After",
)
# A registry that answers in time, and says what the commands can live with: 404 of an API that
# cannot be asked is no answer about the repository.
OUTLIVED = {"none", "request taken by the sip", "lagging index", "404"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Make a repository of a package and a function, in a folder that is also the home."""
    folder = tmp_path / "work"
    (folder / "finder").mkdir(parents=True)
    (folder / "finder/main.py").write_text("def main(request): ...\n")
    (folder / "finder/requirements.txt").write_text("functions-framework==3.10.2\n")
    make_distributions(make_project(folder, "berths"))
    (folder / "cloudbuild.yaml").write_text("steps:\n- name: bash\n  args: [-c, echo done]\n")
    return folder


def forms(token: str) -> set[bytes]:
    """Return how *token* looks in plain, and within base64 whatever comes before it."""
    found = {token.encode()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + token.encode())
        # The first and the last characters depend on the neighbours as well.
        found.add(encoded[4 if offset else 0 : len(encoded) - 4])
    return found


def run(
    work: Path, arguments: list[str], environ: dict[str, str]
) -> tuple[subprocess.CompletedProcess[bytes], dict[str, bytes]]:
    """Run the command; return its result and every place that a secret could have got to."""
    log, temporary = work.parent / "observed", work.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    result = subprocess.run(
        [*PYTHON, str(TRACER), str(log), *PYTHON, str(OBSERVER), str(log), "-v", *arguments],
        cwd=work,
        env={**environ, "TMPDIR": str(temporary), "HOME": str(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    files = [path for folder in (work, temporary) for path in folder.rglob("*") if path.is_file()]
    places = {str(path): path.read_bytes() for path in files}
    places |= {"stdout": result.stdout, "stderr": result.stderr, "observed": log.read_bytes()}
    return result, places


def hurry(fault: str) -> tuple[list[str], dict[str, str]]:
    """Return the options and the environment which keep it from waiting for what never comes.

    Without a fault everything comes, as late as a busy machine likes.
    """
    if fault == "none":
        return [], {}
    return ["--retry-for", "0.2"], {"OBSERVER_PATIENCE": "0.5"}


def bring_backend(work: Path, code: str) -> None:
    """Let the package bring its own backend along, which runs *code* when it is imported."""
    settings = work / "berths/pyproject.toml"
    in_tree = 'build-backend = "backend"\nbackend-path = ["."]'
    text = settings.read_text().replace('build-backend = "flit_core.buildapi"', in_tree)
    settings.write_text(f'{text}[tool.flit.sdist]\ninclude = ["backend.py"]\n')
    (work / "berths/backend.py").write_text(f"from flit_core.buildapi import *\n{code}")


def leaks(places: dict[str, bytes], token: str) -> list[str]:
    return [
        place for place, content in places.items() if any(form in content for form in forms(token))
    ]


@pytest.mark.attack("secrets")
@sample_pairs(("command", "fault"), ASKING, FAULTS, *FEW)
def test_no_secret_leaves_a_command_that_meets_a_fault(
    emulator: Emulator, work: Path, tally: Tally, command: str, fault: str
) -> None:
    if fault != "none":
        tally.fault(fault)
    with FaultyRegistry(emulator, FAULTS[fault]) as registry:
        host = GONE if fault == REFUSED else registry.host
        options, impatient = hurry(fault)
        environ = environment(host, **LOGIN, **impatient)
        result, places = run(work, [*ASKING[command], *options], environ)

    # The doctor knocks without a login first, and asks for nothing more where nothing answers.
    for request in registry.requests[command == "doctor" :]:
        scheme = "Bearer" if request.path.startswith("/v1/") else "Basic"
        assert request.headers["Authorization"].startswith(f"{scheme} ")
    assert bool(registry.requests) == (fault != REFUSED)
    # The doctor is more patient than the observer makes the others.
    outlived = fault in OUTLIVED or (command, fault) == ("doctor", "time-out")
    codes = {1, 2, 4, 5} | ({0} if outlived else set())
    assert result.returncode in ({0} if fault == "none" else codes), result.stderr
    assert b"Traceback" not in result.stderr
    tally.leaks(len(places), leaks(places, TOKEN))


@pytest.mark.attack("secrets")
@sample("command", OTHERS, "build", "settings", "run")
def test_no_secret_leaves_a_command_that_needs_none(work: Path, tally: Tally, command: str) -> None:
    environ = {**os.environ, **LOGIN, "SHIPWHEEL_REGISTRY": "us-central1/demo/pypi"}
    if command in {"setup", "triggers"}:
        run(work, OTHERS["init"], environ)
    result, places = run(work, OTHERS[command], environ)

    assert result.returncode == 0, result.stderr
    tally.leaks(len(places), leaks(places, TOKEN))


@pytest.mark.attack("secrets")
@sample("command", ASKING, "publish")
def test_no_secret_of_the_keyring_backend_leaves_a_command(
    emulator: Emulator, work: Path, tally: Tally, command: str
) -> None:
    with Google(work.parent, emulator.host, TOKEN) as google:
        result, places = run(work, ASKING[command], google.environ)

    assert result.returncode == 0, result.stderr
    assert google.token_requests == 1
    tally.leaks(len(places), leaks(places, TOKEN))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (["--netrc", "--write"], "work/.netrc"),
        (["--netrc", "--diff"], None),
        (["--shell"], "stdout"),
    ],
    ids=["netrc", "diff", "shell"],
)
def test_the_token_in_a_clients_settings_is_where_it_was_asked_for(
    emulator: Emulator, work: Path, tally: Tally, options: list[str], place: str | None
) -> None:
    (work / "pyproject.toml").write_text('[project]\nname = "harbour"\nversion = "1.0"\n')
    environ = environment(emulator.host, **LOGIN)
    result, places = run(work, ["settings", "uv", *options], environ)

    assert result.returncode == 0, result.stderr
    asked_for = {str(work.parent / place) if "/" in place else place} if place else set()
    assert {*leaks(places, TOKEN)} >= asked_for
    others = {it: content for it, content in places.items() if it not in asked_for}
    tally.leaks(len(others), leaks(others, TOKEN))


@pytest.mark.attack("secrets")
@sample("ending", ["", "raise SystemExit(1)\n"], "raise SystemExit(1)\n")
def test_a_backend_that_prints_its_environment_prints_no_secret(
    emulator: Emulator, work: Path, tally: Tally, ending: str
) -> None:
    bring_backend(work, f"import os\nprint('hook sees', dict(os.environ))\n{ending}")
    environ = {
        **os.environ,
        **LOGIN,
        "TWINE_REPOSITORY_URL": f"https://oauth2accesstoken:{TOKEN}@us-central1-python.pkg.dev/",
        "SHIPWHEEL_REGISTRY": "us-central1/demo/pypi",
        "ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host,
    }
    result, places = run(work, ASKING["publish"], environ)

    assert result.returncode == (3 if ending else 0), result.stderr
    assert b"hook sees {" in result.stderr
    tally.leaks(len(places), leaks(places, TOKEN))


@pytest.mark.attack("secrets")
@sample("fault", ["none", "401", "403", "reset before the answer"], "401")
def test_no_secret_of_gcloud_leaves_an_upload_that_meets_a_fault(
    emulator: Emulator, work: Path, tally: Tally, fault: str
) -> None:
    """The backend asks the real gcloud, which is a grandchild, for the token."""
    if fault != "none":
        tally.fault(fault)
    (token := work.parent / "token").write_text(TOKEN)
    with (
        FaultyRegistry(emulator, FAULTS[fault]) as registry,
        Google(work.parent, registry.host) as google,
    ):
        gcloud = {"NO_GCE_CHECK": "true", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token)}
        options, impatient = hurry(fault)
        environ = google.environ | gcloud | impatient
        result, places = run(work, [*ASKING["upload"], *options], environ)

    codes = {1, 2, 4, 5} | ({0} if fault in OUTLIVED else set())
    assert result.returncode in ({0} if fault == "none" else codes), result.stderr
    assert b"gcloud\0config\0config-helper" in places["observed"]
    tally.leaks(len(places), leaks(places, TOKEN))


def test_every_command_is_searched() -> None:
    assert ASKING.keys() | OTHERS.keys() == shipwheel.index.keys()


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    pairs = [f"{'x' * length}{TOKEN}{'y' * length}".encode() for length in range(6)]

    for pair in pairs:
        assert leaks({"plain": pair, "base64": base64.b64encode(pair)}, TOKEN) == [
            "plain",
            "base64",
        ]
    work = tmp_path / "work"
    work.mkdir()
    _, places = run(work, ["build", TOKEN], {**os.environ})
    assert leaks(places, TOKEN) == ["stderr", "observed"]


def test_a_secret_in_the_arguments_of_a_short_grandchild_would_be_found(work: Path) -> None:
    secret = work.parent / "secret"
    secret.write_text(TOKEN)
    bring_backend(
        work,
        "import subprocess\n"
        f"subprocess.run(['sh', '-c', 'true \"$(cat {secret})\"; env true \"$(cat {secret})\"'])\n",
    )
    _, places = run(work, OTHERS["build"], {**os.environ})

    assert leaks(places, TOKEN) == ["observed"]
