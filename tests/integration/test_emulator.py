"""The registry emulator, with real clients: twine, pip, and plain HTTP."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import http.client
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from builder.emulator import Emulator
from steps.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ya29.planted-token"
TIMEOUT = 30


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry") as emulator:
        yield emulator


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", token=TOKEN) as emulator:
        yield emulator


def make_wheel(folder: Path, name: str = "Tide_Tables", version: str = "1.0") -> Path:
    """Write a wheel that twine and pip accept."""
    stem = f"{name.lower()}-{version}"
    members = {
        f"{name.lower()}/__init__.py": f"VERSION = {version!r}\n",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    for member, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        csv.writer(record).writerow([member, f"sha256={digest.decode()}", len(text)])
    members[f"{stem}.dist-info/RECORD"] = record.getvalue()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return wheel


def post(
    url: str, content: tuple[str, bytes] | None, user: HTTPBasicAuth | None = None, /, **form: str
) -> requests.Response:
    fields = {":action": "file_upload", "name": "tide-tables", "version": "1.0"}
    fields |= {key.replace("action", ":action"): value for key, value in form.items()}
    files = {"content": content} if content else {"nothing": ("", b"")}
    return requests.post(url, data=fields, files=files, auth=user, timeout=TIMEOUT)


def post_wheel(emulator: Emulator, wheel: Path) -> requests.Response:
    return post(f"http://{emulator.host}/demo/pypi/", (wheel.name, wheel.read_bytes()))


def get(emulator: Emulator, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask for *path* exactly as it is written; no client tidies it first."""
    connection = http.client.HTTPConnection(emulator.host, timeout=TIMEOUT)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def twine_upload(
    emulator: Emulator, wheel: Path, password: str
) -> subprocess.CompletedProcess[str]:
    return run(
        *("twine", "upload", "--verbose", "--non-interactive", "--disable-progress-bar"),
        *("--repository-url", f"http://{emulator.host}/demo/pypi/", str(wheel)),
        TWINE_USERNAME="oauth2accesstoken",
        TWINE_PASSWORD=password,
    )


def pip_download(emulator: Emulator, user: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(
        *(
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "download",
            "--no-deps",
            "--no-input",
        ),
        *("--index-url", f"http://{user}{emulator.host}/demo/pypi/simple/"),
        *("--no-cache-dir", "--dest", str(folder), "tide.tables==1.0"),
    )


def test_twine_uploads_and_pip_downloads_the_same_bytes(guarded: Emulator, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)

    uploaded = twine_upload(guarded, wheel, TOKEN)
    downloaded = pip_download(guarded, f"oauth2accesstoken:{TOKEN}@", tmp_path / "downloads")

    assert uploaded.returncode == 0, uploaded.stdout + uploaded.stderr
    assert downloaded.returncode == 0, downloaded.stdout + downloaded.stderr
    assert (tmp_path / "downloads" / wheel.name).read_bytes() == wheel.read_bytes()


def test_twine_is_told_that_a_file_exists_in_the_words_of_artifact_registry(
    guarded: Emulator, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    twine_upload(guarded, wheel, TOKEN)

    again = twine_upload(guarded, wheel, TOKEN)

    assert again.returncode == 1
    assert "400 Bad Request" in again.stdout
    assert "Requested entity already exists." in again.stdout


def test_an_upload_is_listed_at_once_with_its_sha256(emulator: Emulator, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    assert post_wheel(emulator, wheel).status_code == 200

    _, headers, page = get(emulator, "/demo/pypi/simple/tide-tables/")
    assert headers["Content-Type"] == "text/html; charset=UTF-8"
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', page) == [
        (f"/demo/pypi/tide-tables/{wheel.name}#sha256={digest}", wheel.name)
    ]
    _, _, projects = get(emulator, "/demo/pypi/simple/")
    assert re.findall(r'<a href="(.*?)">', projects) == ["tide-tables/"]


def test_a_file_that_exists_is_refused_whatever_the_client(
    emulator: Emulator, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    contents = wheel.read_bytes()
    post_wheel(emulator, wheel)

    again = post(f"http://{emulator.host}/demo/pypi/", (wheel.name, b"something else"))

    assert (again.status_code, again.reason) == (400, "Bad Request")
    assert again.text == "Requested entity already exists.\n"
    stored = requests.get(
        f"http://{emulator.host}/demo/pypi/tide-tables/{wheel.name}", timeout=TIMEOUT
    )
    assert stored.content == contents


def test_one_of_many_concurrent_uploads_of_a_file_wins_whole(
    emulator: Emulator, tmp_path: Path
) -> None:
    start = threading.Barrier(8)

    def upload(number: int) -> tuple[int, str]:
        start.wait(TIMEOUT)
        content = ("tide_tables-1.0.tar.gz", bytes([number]) * 500_000)
        answer = post(f"http://{emulator.host}/demo/pypi/", content)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(upload, range(8)))

    assert answers == [(200, ""), *[(400, "Requested entity already exists.\n")] * 7]
    repository = tmp_path / "registry" / "demo" / "pypi"
    assert [path.relative_to(repository).as_posix() for path in repository.rglob("*")] == [
        "tide-tables",
        "tide-tables/tide_tables-1.0.tar.gz",
    ]
    stored = (repository / "tide-tables" / "tide_tables-1.0.tar.gz").read_bytes()
    assert (len(stored), len(set(stored))) == (500_000, 1)


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=1-3", 206, "123"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=90-", 416, ""),
    ],
)
def test_a_range_of_a_file_is_sent(emulator: Emulator, asked: str, status: int, body: str) -> None:
    post(f"http://{emulator.host}/demo/pypi/", ("tide_tables-1.0.tar.gz", b"0123456789"))

    answer = get(emulator, "/demo/pypi/tide-tables/tide_tables-1.0.tar.gz", Range=asked)

    assert (answer[0], answer[2]) == (status, body)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/demo",
        "/demo/pypi/",
        "/demo/other/simple/",
        "/demo/pypi2/simple/",
        "/demo/pypi/simple/harbour/",
        f"/demo/pypi/simple/{'a' * 300}/",
        "/demo/pypi/tide-tables/tide_tables-2.0.tar.gz",
        "/demo/pypi/packages/tide-tables/tide_tables-1.0.tar.gz",
        "/demo/pypi/tide-tables/json",
        "/demo/pypi/health",
        "/demo/pypi/../../secret/secret-1.0.tar.gz",
        "/demo/pypi/%2e%2e/secret-1.0.tar.gz",
        "/demo/pypi/..%2f..%2fsecret/secret-1.0.tar.gz",
        "/demo/pypi/tide-tables/..%2f..%2f..%2f..%2fsecret-1.0.tar.gz",
        "/demo/pypi/tide-tables/%00.whl",
        "/demo/pypi/simple/%2e%2e/",
        "/demo/pypi/simple/..",
        "/demo/pypi/%ff/%ff.whl",
        "/demo/pypi/simple/%ff/",
    ],
)
def test_what_does_not_exist_is_not_found(emulator: Emulator, tmp_path: Path, path: str) -> None:
    for folder in (tmp_path, tmp_path / "registry", tmp_path / "registry" / "demo"):
        (folder / "secret-1.0.tar.gz").write_text("planted")
    post(f"http://{emulator.host}/demo/pypi/", ("tide_tables-1.0.tar.gz", b"0123456789"))

    status, _, body = get(emulator, path)

    assert status == 404
    assert "planted" not in body


@pytest.mark.parametrize("path", ["", "simple", "simple/Tide.Tables/", "simple/tide_tables"])
def test_an_untidy_address_leads_to_the_tidy_one(emulator: Emulator, path: str) -> None:
    post(f"http://{emulator.host}/demo/pypi", ("tide_tables-1.0.tar.gz", b"0123456789"))

    answer = requests.get(f"http://{emulator.host}/demo/pypi/{path or 'simple/'}", timeout=TIMEOUT)

    assert answer.status_code == 200
    assert answer.url in {
        f"http://{emulator.host}/demo/pypi/simple/",
        f"http://{emulator.host}/demo/pypi/simple/tide-tables/",
    }


@pytest.mark.parametrize(
    "user",
    [
        None,
        HTTPBasicAuth("oauth2accesstoken", "wrong"),
        HTTPBasicAuth("someone", TOKEN),
        HTTPBasicAuth("", ""),
        HTTPBasicAuth("oauth2accesstoken", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_without_the_token_everything_is_unauthorised(
    guarded: Emulator, tmp_path: Path, user: HTTPBasicAuth | None
) -> None:
    content = ("tide_tables-1.0.tar.gz", b"0123456789")

    uploaded = post(f"http://{guarded.host}/demo/pypi/", content, user)
    listed = requests.get(f"http://{guarded.host}/no/such/", auth=user, timeout=TIMEOUT)

    for answer in (uploaded, listed):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Artifact Registry emulator"'
    assert [*(tmp_path / "registry" / "demo" / "pypi").iterdir()] == []


@pytest.mark.parametrize(
    ("filename", "form", "reason"),
    [
        ("tide_tables-1.0.tar.gz", {"action": "remove_pkg"}, "':action' is not 'file_upload'"),
        ("tide_tables-1.0.tar.gz", {"name": "harbour"}, "'name' is not the file's: 'harbour'"),
        ("tide_tables-1.0.tar.gz", {"version": "2.0"}, "'version' is not the file's: '2.0'"),
        ("tide_tables-1.0.tar.gz", {"version": "one"}, "'version' is not the file's: 'one'"),
        ("tide_tables-1.0.tar.gz", {"sha256_digest": "00"}, "'sha256_digest' is not the file's"),
        ("tide_tables-1.0.egg", {}, "named like no sdist and no wheel: 'tide_tables-1.0.egg'"),
        ("tide_tables-one.tar.gz", {}, "named like no sdist and no wheel: 'tide_tables-one."),
        ("../../tide_tables-1.0.tar.gz", {}, "no wheel: '../../tide_tables-1.0.tar.gz'"),
        ("..-1.0.tar.gz", {"name": ".."}, "no wheel: '..-1.0.tar.gz'"),
        ("", {}, "there is no file in 'content'"),
    ],
)
def test_a_bad_upload_is_refused_with_the_reason_and_leaves_nothing(
    emulator: Emulator, tmp_path: Path, filename: str, form: dict[str, str], reason: str
) -> None:
    content = (filename, b"0123456789") if filename else None

    answer = post(f"http://{emulator.host}/demo/pypi/", content, None, **form)

    assert answer.status_code == 400
    assert reason in answer.text
    assert [*(tmp_path / "registry").rglob("*.gz")] == []
    assert [*(tmp_path / "registry" / "demo" / "pypi").iterdir()] == []


@pytest.mark.parametrize("boundary", ["", "; boundary=\x80", "; boundary=x"])
def test_a_body_that_is_no_form_is_a_bad_request(emulator: Emulator, boundary: str) -> None:
    answer = requests.post(
        f"http://{emulator.host}/demo/pypi/",
        data=b"--y\r\n\r\nnothing",
        headers={"Content-Type": f"multipart/form-data{boundary}"},
        timeout=TIMEOUT,
    )

    assert answer.status_code == 400


def test_a_stopped_emulator_listens_no_more_even_with_a_client_connected(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        host, port = emulator.host.split(":")
        client = requests.Session()
        client.get(f"http://{emulator.host}/demo/pypi/simple/", timeout=TIMEOUT)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=TIMEOUT)
    client.close()
    assert not [thread.name for thread in threading.enumerate() if "emulator" in thread.name]


def test_a_port_that_is_taken_is_an_input_error(emulator: Emulator, tmp_path: Path) -> None:
    port = int(emulator.host.rpartition(":")[2])

    with (
        pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"),
        Emulator(tmp_path / "second", port=port),
    ):
        pass


def test_what_was_uploaded_is_there_again_after_a_restart(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    with Emulator(tmp_path / "registry", repositories=["example.com:demo/pypi"]) as first:
        answer = post(
            f"http://{first.host}/example.com/demo/pypi/", (wheel.name, wheel.read_bytes())
        )

    with Emulator(tmp_path / "registry", repositories=["example.com/demo/pypi"]) as second:
        status, _, page = get(second, "/example.com/demo/pypi/simple/tide-tables/")

    assert (answer.status_code, status) == (200, 200)
    assert f'href="/example.com/demo/pypi/tide-tables/{wheel.name}#sha256=' in page


def test_it_stops_while_its_loop_is_already_awake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull_late(trigger: Any) -> None:
        os.write(trigger.trigger, b"x")  # as a request does that ends at this moment
        time.sleep(0.2)
        os.write(trigger.trigger, b"x")

    with Emulator(tmp_path) as emulator:
        monkeypatch.setattr("waitress.trigger.trigger._physical_pull", pull_late)

    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{emulator.host}/demo/pypi/simple/", timeout=TIMEOUT)


def test_a_fault_of_this_machine_is_not_blamed_on_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pypiserver.bottle_wrapper.bottle.BaseRequest.POST", property(full))
    with Emulator(tmp_path) as emulator:
        url = f"http://{emulator.host}/demo/pypi/"
        answer = requests.post(url, files={"content": ("a-1.tar.gz", b"1")}, timeout=TIMEOUT)

    assert answer.status_code == 500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_address_and_stops_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    command = [sys.executable, "-m", "builder", "emulator", "--repository", "team/wheels"]
    with subprocess.Popen(
        [*command, "--token-file", str(tmp_path / "token")],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error::ResourceWarning"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            host = line.strip().removeprefix("ARTIFACT_REGISTRY_EMULATOR_HOST=")
            url = f"http://{host}/team/wheels/"
            uploaded = post(
                url, ("tide_tables-1.0.tar.gz", b"1"), HTTPBasicAuth("oauth2accesstoken", TOKEN)
            )
            process.send_signal(number)
            rest, narration = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()

    assert line == f"ARTIFACT_REGISTRY_EMULATOR_HOST={host}\n"
    assert re.fullmatch(rf"Serving {url} from \S+/team/wheels\nStopped\n", narration), narration
    assert (uploaded.status_code, process.returncode, rest) == (200, 0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repository", "Demo"], "No repository can have this name: 'Demo'"),
        (["--repository", "../pypi"], "No repository can have this name: '../pypi'"),
        (
            ["--token-file", "missing"],
            "The token file cannot be read: 'missing' (No such file or directory)",
        ),
        (["--token-file", os.devnull], "There is no token in the file '/dev/null'"),
        (["--root", os.devnull], "The emulator cannot keep files in '/dev/null'"),
        (["--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_bad_input_of_the_command_is_one_clean_message(arguments: list[str], message: str) -> None:
    result = run("builder", "emulator", *arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}")
    assert "hint: " in result.stderr
    assert "Traceback" not in result.stderr
