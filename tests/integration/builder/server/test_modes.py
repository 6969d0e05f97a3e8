"""Remote and virtual repositories of the emulator; a second emulator plays the public index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from builder.server import Emulator
from builder.server.answers import Answers
from tests.integration import program
from tests.integration.program import environment
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.ports import unused_port
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.distribution.files import Distribution

TOKEN = "ya29.planted-token"
LOGIN = ("oauth2accesstoken", TOKEN)
TIMEOUT = 30
MODES = {"demo/all": {"demo/pypi": 100, "demo/public": 50}}


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "public", repositories=["index/python"]) as emulator:
        yield emulator


@pytest.fixture
def emulator(tmp_path: Path, public: Emulator) -> Iterator[Emulator]:
    """Serve all three modes, to those who know the token."""
    remotes = {"demo/public": f"http://{public.host}/index/python/simple/"}
    with Emulator(tmp_path / "own", remotes=remotes, virtuals=MODES, token=TOKEN) as emulator:
        yield emulator


def publish(
    folder: Path, emulator: Emulator, repository: str, version: str, *, text: str
) -> tuple[Distribution, ...]:
    """Upload wheel and sdist of `tides`, in which *text* is."""
    found = make_distributions(make_project(folder / text, "tides", version, text=text))
    for file in found:
        answer = requests.post(
            f"http://{emulator.host}/{repository}/",
            data={":action": "file_upload", "name": "tides", "version": version},
            files={"content": (file.filename, file.path.read_bytes())},
            auth=LOGIN,
            timeout=TIMEOUT,
        )
        assert answer.status_code == 200, answer.text
    return found


def listed(emulator: Emulator, repository: str, project: str = "tides") -> dict[str, str]:
    """Return the links of an index page: file name and sha256."""
    page = requests.get(
        f"http://{emulator.host}/{repository}/simple/{project}/", auth=LOGIN, timeout=TIMEOUT
    )
    assert page.status_code == 200, page.text
    links = re.findall(r'<a href="(.*?)">', page.text)
    base = f"http://{emulator.host}/{repository}/{project}/"
    return dict(link.removeprefix(base).split("#sha256=") for link in links)


def sha256s(*files: Distribution) -> dict[str, str]:
    return {file.filename: file.sha256 for file in files}


def download(emulator: Emulator, repository: str, filename: str) -> requests.Response:
    url = f"http://{emulator.host}/{repository}/tides/{filename}"
    return requests.get(url, auth=LOGIN, timeout=TIMEOUT)


def test_a_remote_repository_serves_the_files_of_its_upstream_as_its_own(
    public: Emulator, emulator: Emulator, tmp_path: Path
) -> None:
    wheel, sdist = publish(tmp_path, public, "index/python", "1.0", text="theirs")

    assert listed(emulator, "demo/public") == sha256s(wheel, sdist)
    answer = download(emulator, "demo/public", wheel.filename)
    assert (answer.status_code, answer.content) == (200, wheel.path.read_bytes())


def test_what_a_remote_repository_has_fetched_outlives_its_upstream(
    tmp_path: Path, public: Emulator
) -> None:
    wheel, sdist = publish(tmp_path, public, "index/python", "1.0", text="theirs")
    with FaultyRegistry(public, lambda _: Fault()) as registry:
        upstream = {"demo/public": f"http://{registry.host}/index/python/"}
        with Emulator(tmp_path / "own", remotes=upstream, token=TOKEN) as first:
            listed(first, "demo/public")
            download(first, "demo/public", wheel.filename)
    with Emulator(tmp_path / "own", remotes=upstream, token=TOKEN) as second:
        assert listed(second, "demo/public") == sha256s(wheel, sdist)
        kept = download(second, "demo/public", wheel.filename)
        missing = download(second, "demo/public", sdist.filename)

    assert kept.content == wheel.path.read_bytes()
    assert missing.status_code == 502
    assert "Connection refused" in missing.text
    assert [*(tmp_path / "own").rglob(".fetch-*"), *(tmp_path / "own").rglob(".page-*")] == []


def test_an_index_page_of_a_remote_repository_is_as_old_as_was_chosen(
    public: Emulator, tmp_path: Path
) -> None:
    old = publish(tmp_path, public, "index/python", "1.0", text="old")
    remotes = {"demo/public": f"http://{public.host}/index/python/"}
    kept = Answers(index_kept_for=60)
    with Emulator(tmp_path / "own", remotes=remotes, answers=kept) as emulator:
        assert listed(emulator, "demo/public") == sha256s(*old)
        new = publish(tmp_path, public, "index/python", "2.0", text="new")
        assert listed(emulator, "demo/public") == sha256s(*old)
        an_hour_ago = time.time() - 3600
        os.utime(tmp_path / "own/demo/public/.pages/tides.json", (an_hour_ago, an_hour_ago))
        assert listed(emulator, "demo/public") == sha256s(*old, *new)


def test_a_file_is_fetched_once(public: Emulator, tmp_path: Path) -> None:
    wheel, _ = publish(tmp_path, public, "index/python", "1.0", text="theirs")
    with FaultyRegistry(public, lambda _: Fault()) as registry:
        upstream = {"demo/public": f"http://{registry.host}/index/python/"}
        with Emulator(tmp_path / "own", remotes=upstream) as emulator:
            for _ in range(3):
                assert download(emulator, "demo/public", wheel.filename).ok

    paths = [request.path for request in registry.requests]
    assert [path for path in paths if path.endswith(".whl")] == [
        f"/index/python/tides/{wheel.filename}"
    ]
    assert not any("Authorization" in request.headers for request in registry.requests)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(answer=Answer(503, b"busy")), "503 Service Unavailable, 'busy'"),
        (Fault(answer=Answer(401, b"who?")), "asks for credentials and there are none"),
        (Fault(answer=Answer(200, b"<html>hello</html>")), "is not an index page"),
        (Fault(cut="in the answer"), "the answer broke off"),
    ],
)
def test_an_upstream_that_does_not_answer_well_is_a_bad_gateway(
    public: Emulator, tmp_path: Path, fault: Fault, told: str
) -> None:
    with FaultyRegistry(public, lambda _: fault) as registry:
        upstream = {"demo/public": f"http://{registry.host}/index/python/"}
        with Emulator(tmp_path / "own", remotes=upstream, virtuals=MODES) as emulator:
            base = f"http://{emulator.host}/demo"
            page = requests.get(f"{base}/all/simple/tides/", timeout=TIMEOUT)
            file = requests.get(f"{base}/public/tides/tides-1.0.tar.gz", timeout=TIMEOUT)

    assert (page.status_code, file.status_code) == (502, 502)
    assert told in page.text
    assert page.text.startswith("The emulator cannot read an upstream: ")
    assert "\n  hint: " not in page.text


def test_a_file_that_is_not_what_the_upstream_lists_is_not_kept(
    public: Emulator, tmp_path: Path
) -> None:
    wheel, _ = publish(tmp_path, public, "index/python", "1.0", text="theirs")
    other = Fault(answer=Answer(200, b"other bytes"))

    with FaultyRegistry(
        public, lambda request: other if request.path.endswith(".whl") else Fault()
    ) as registry:
        upstream = {"demo/public": f"http://{registry.host}/index/python/"}
        with Emulator(tmp_path / "own", remotes=upstream) as emulator:
            answer = download(emulator, "demo/public", wheel.filename)

    assert answer.status_code == 502
    assert "was downloaded with sha256" in answer.text
    assert [*(tmp_path / "own").rglob("*.whl")] == []


def test_a_project_that_no_upstream_has_is_not_found(emulator: Emulator) -> None:
    for repository in ("demo/public", "demo/all"):
        url = f"http://{emulator.host}/{repository}/"
        page = requests.get(f"{url}simple/tides/", auth=LOGIN, timeout=TIMEOUT)
        file = requests.get(f"{url}tides/tides-1.0.tar.gz", auth=LOGIN, timeout=TIMEOUT)
        assert (page.status_code, file.status_code) == (404, 404)


def test_the_priority_decides_per_version_and_the_other_versions_are_listed_too(
    public: Emulator, emulator: Emulator, tmp_path: Path
) -> None:
    ours = publish(tmp_path, emulator, "demo/pypi", "1.0", text="ours")
    publish(tmp_path, public, "index/python", "1.0", text="theirs")
    higher = publish(tmp_path, public, "index/python", "9.0", text="higher")

    assert listed(emulator, "demo/all") == sha256s(*ours, *higher)
    for file in (*ours, *higher):
        answer = download(emulator, "demo/all", file.filename)
        assert answer.content == file.path.read_bytes()


@pytest.mark.parametrize(
    "reverse", [{"demo/pypi": 50, "demo/public": 100}, {"demo/public": 80, "demo/pypi": 80}]
)
def test_without_a_higher_priority_the_public_file_is_served(
    public: Emulator, tmp_path: Path, reverse: dict[str, int]
) -> None:
    theirs = publish(tmp_path, public, "index/python", "1.0", text="theirs")
    upstream = {"demo/public": f"http://{public.host}/index/python/"}
    virtuals = {"demo/all": reverse}
    with Emulator(tmp_path / "own", remotes=upstream, virtuals=virtuals) as emulator:
        publish(tmp_path, emulator, "demo/pypi", "1.0", text="ours")
        assert listed(emulator, "demo/all") == sha256s(*theirs)


def pip_download(emulator: Emulator, requirement: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"),
            *("download", "--no-deps", "--no-input", "--no-cache-dir", "--dest", str(folder)),
            *("--index-url", f"http://{':'.join(LOGIN)}@{emulator.host}/demo/all/simple/"),
            *("--only-binary", ":all:", requirement),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [path.name for path in folder.iterdir()]


def test_pip_takes_the_highest_version_of_a_virtual_repository_wherever_it_is(
    public: Emulator, emulator: Emulator, tmp_path: Path
) -> None:
    ours = publish(tmp_path, emulator, "demo/pypi", "1.0", text="ours")
    publish(tmp_path, public, "index/python", "9.0", text="higher")

    assert pip_download(emulator, "tides", tmp_path / "unpinned") == ["tides-9.0-py3-none-any.whl"]
    assert pip_download(emulator, "tides==1.0", tmp_path / "pinned") == [ours[0].filename]


def shipwheel(
    emulator: Emulator, repository: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    login = {"TWINE_USERNAME": LOGIN[0], "TWINE_PASSWORD": LOGIN[1]}
    environ = environment(emulator.host, repository, **login)
    return program.shipwheel(environ, *arguments, "--retry-for", "0.2")


LIST = "gcloud artifacts repositories list --project=demo --location=us-central1"


@pytest.mark.parametrize(
    ("repository", "mode", "where"),
    [
        ("public", "remote", f"a standard repository, which this lists: {LIST}"),
        ("all", "virtual", "the standard repository behind it: --registry us-central1/demo/pypi"),
    ],
)
def test_an_upload_to_what_takes_none_says_where_to_upload(
    emulator: Emulator, tmp_path: Path, repository: str, mode: str, where: str
) -> None:
    project = make_project(tmp_path, "tides")
    make_distributions(project)

    done = shipwheel(emulator, f"demo/{repository}", "upload", str(project))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {repository!r} is a {mode} repository, which takes no uploads:"
        f" projects/demo/locations/us-central1/repositories/{repository}\n"
        f"  hint: publish to {where}\n"
    )
    assert [*(tmp_path / "own").rglob("*.whl")] == []


@pytest.mark.parametrize("repository", ["public", "all"])
def test_twine_gets_them_too(emulator: Emulator, tmp_path: Path, repository: str) -> None:
    wheel, _ = make_distributions(make_project(tmp_path, "tides"))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "twine", "upload", "--verbose", "--non-interactive"),
            *("--disable-progress-bar", "--repository-url"),
            *(f"http://{emulator.host}/demo/{repository}/", str(wheel.path)),
        ],
        env={
            **os.environ,
            "TWINE_USERNAME": LOGIN[0],
            "TWINE_PASSWORD": LOGIN[1],
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "repository, which takes no uploads." in done.stdout


def test_the_command_serves_all_modes_and_says_which(tmp_path: Path, public: Emulator) -> None:
    publish(tmp_path, public, "index/python", "1.0", text="theirs")
    port = unused_port()
    with subprocess.Popen(
        [
            *(sys.executable, "-I", "-m", "builder", "emulator", "--root", str(tmp_path / "own")),
            *("--port", str(port), "--remote", "demo/public"),
            *("--virtual", "demo/all=public:50,pypi:100"),
        ],
        env={**os.environ, "SHIPWHEEL_PUBLIC_INDEX": f"http://{public.host}/index/python/simple/"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            page = requests.get(
                f"http://127.0.0.1:{port}/demo/all/simple/tides/", timeout=TIMEOUT
            ).text
            process.terminate()
            _, narration = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()

    assert "tides-1.0.tar.gz#sha256=" in page
    assert process.returncode == 0
    assert narration == (
        f"Serving http://127.0.0.1:{port}/demo/pypi/ from {tmp_path}/own/demo/pypi\n"
        f"Serving http://127.0.0.1:{port}/demo/public/ as a cache of"
        f" http://{public.host}/index/python/simple/\n"
        f"Serving http://127.0.0.1:{port}/demo/all/ from demo/pypi (priority 100),"
        " demo/public (priority 50)\n"
        "Stopped\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--remote", "demo/public="], "error: The remote repository 'demo/public' has an empty"),
        (["--remote", "a/b", "--remote", "a/b"], "error: A repository was given twice: 'a/b'\n"),
        (["--virtual", "a/b=c", "--virtual", "a/b=c"], "error: No upstream with its priority: 'c'"),
        (["--virtual", "demo/all=pipy:1"], "error: The upstream 'demo/pipy' of 'demo/all' is not"),
    ],
)
def test_a_near_miss_on_the_command_line_is_an_error(arguments: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "builder", "emulator", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(told)
