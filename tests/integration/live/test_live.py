"""The whole of `make live`, with the real gcloud, the emulator, and the APIs on loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from builder.server import Emulator
from builder.server.answers import Answers, Reply, read_answers
from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.servers.functions_api import FunctionsApi
from tests.integration.servers.google import Google
from tests.live.questions import QUESTIONS
from tests.live.table import PAGE, ROOT, read_table
from tests.ports import unused_port
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.servers.google_api import Answer, Request

pytestmark = needs_gcloud

TOKEN, READER, STRANGER = "ya29.planted-token", "ya29.planted-reader", "ya29.planted-stranger"
PARENT = "/v1/projects/demo/locations/us-central1/repositories"
TRIGGER = "/v1/projects/demo/locations/us-central1/triggers/publish-tides:run"
BUILD = {
    "id": "b1",
    "status": "SUCCESS",
    "options": {"substitutionOption": "ALLOW_LOOSE", "dynamicSubstitutions": True},
}


@dataclass
class Cloud(FunctionsApi):
    """Google Cloud: repositories that can be created and deleted, served by the emulator.

    *public* is the index behind a remote repository. A request of the method and path of
    *interrupted_at* interrupts *process*.
    """

    root: Path = Path()
    public: str = ""
    answers: Answers = Answers()  # noqa: RUF009 - it is frozen
    port: int = field(default_factory=unused_port)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    interrupted_at: tuple[str, str] = ("", "")
    process: subprocess.Popen[str] | None = None
    _emulator: ExitStack = field(default_factory=ExitStack)

    @property
    def environ(self) -> dict[str, str]:
        """What sends gcloud here, with the token; nothing goes through a proxy."""
        token = Path(self.configuration) / "token"
        token.write_text(TOKEN)
        return {
            **{key: it for key, it in super().environ.items() if key.startswith("CLOUDSDK_")},
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "false",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        }

    def __exit__(self, *details: object) -> None:
        self._emulator.close()
        super().__exit__(*details)

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        url = urlsplit(request.path)
        name = url.path.removeprefix(PARENT).strip("/")
        method, pattern = self.interrupted_at
        if self.process and request.method == method and re.fullmatch(pattern, request.path):
            os.kill(self.process.pid, signal.SIGINT)
        if url.path.startswith(PARENT) and "/cloud-run" not in url.path:
            if request.method == "POST" and not name:
                return self._create(parse_qs(url.query)["repositoryId"][0], request.body)
            if request.method == "DELETE" and name in self.repositories:
                return self._delete(name)
            return self._forward(request)
        if url.path == TRIGGER:
            kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
            return 200, {"name": "operations/build", "metadata": {"@type": kind, "build": BUILD}}
        if url.path.endswith("/builds/b1"):
            return 200, BUILD
        if request.method == "DELETE" and "/functions/" in url.path:
            self.deleted.append("function")
        return super().answer(request)

    def _create(self, name: str, body: dict[str, Any]) -> Answer:
        self.created.append(name)
        self.repositories[name] = body
        self._serve()
        return self._done()

    def _delete(self, name: str) -> Answer:
        self.deleted.append(name)
        del self.repositories[name]
        return self._done()

    def _done(self) -> Answer:
        return 200, {"name": "projects/demo/locations/us-central1/operations/1", "done": True}

    def _forward(self, request: Request) -> Answer:
        if not self.repositories:
            return 404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "No entity."}}
        answer = requests.request(
            request.method,
            f"http://127.0.0.1:{self.port}{request.path}",
            data=request.data,
            headers={"Authorization": request.authorization},
            timeout=30,
        )
        return answer.status_code, answer.json()

    def _serve(self) -> None:
        """Serve what there is now, at the same address."""
        self._emulator.close()
        modes: dict[str, list[str]] = {}
        for name, body in self.repositories.items():
            modes.setdefault(body["mode"], []).append(f"demo/{name}")
        policies = {
            f"demo/{name}": {
                f"demo/{it['repository'].rpartition('/')[2]}": it.get("priority", 0)
                for it in body["virtualRepositoryConfig"]["upstreamPolicies"]
            }
            for name, body in self.repositories.items()
            if "virtualRepositoryConfig" in body
        }
        emulator = Emulator(
            self.root,
            repositories=modes["STANDARD_REPOSITORY"],
            remotes=dict.fromkeys(modes.get("REMOTE_REPOSITORY", ()), self.public),
            virtuals=policies,
            token=TOKEN,
            more_tokens={READER: "reader", STRANGER: "none"},
            answers=self.answers,
            port=self.port,
        )
        self._emulator.enter_context(emulator)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("public")
    for name in ("idna", "functions_framework"):
        folder = root / "demo/pypi" / name.replace("_", "-")
        folder.mkdir(parents=True)
        for file in make_distributions(make_project(root / "source", name, "3.10")):
            shutil.copy(file.path, folder)
    with Emulator(root) as emulator:
        yield f"http://{emulator.host}/demo/pypi/simple/"


@pytest.fixture
def cloud(tmp_path: Path, public: str) -> Iterator[Cloud]:
    with Cloud(root=tmp_path / "registry", public=public) as cloud:
        yield cloud


def run(cloud: Cloud, folder: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Run the program with all of Google on loopback; return its code, output and errors."""
    command = [sys.executable, "-m", "tests.live", "--project=demo", "--region=us-central1"]
    with Google(folder, f"127.0.0.1:{cloud.port}", TOKEN) as google:
        cloud.process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env={**google.environ, **cloud.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = cloud.process.communicate(timeout=300)
    return cloud.process.returncode, output, errors


def told(output: str) -> dict[str, str]:
    """Return what the table says of each row: the words before the colon."""
    return dict(
        re.findall("^([a-z0-9-]+) +(as assumed|otherwise|not tried): ", output, re.MULTILINE)
    )


@exhaustive
def test_every_question_is_asked_answered_recorded_and_everything_removed(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.answers = Answers(visible_after=1, ranges="error", page_title="{name}!")
    record = tmp_path / "answers.json"
    options = ("--trigger=publish-tides", "--function", f"--record={record}", "--yes")
    code, output, errors = run(
        cloud,
        tmp_path,
        *options,
        SHIPWHEEL_LIVE_READER_TOKEN=READER,
        SHIPWHEEL_LIVE_STRANGER_TOKEN=STRANGER,
    )

    assert code == 0, errors
    rows = told(output)
    asked = {row.id for row in read_table(PAGE.read_text()) if row.is_asked}
    assert asked == {*QUESTIONS}
    assert {row for row in rows if rows[row] != "not tried"} == asked
    assert {row for row in rows if rows[row] == "otherwise"} == set(), output
    assert cloud.deleted == ["function", *reversed(cloud.created)]
    assert len(cloud.created) == 3
    text = record.read_text()
    assert not {TOKEN, READER, STRANGER, "demo", cloud.created[0]} & {*re.findall(r"[\w.-]+", text)}
    repeated = read_answers(record)
    assert (repeated.ranges, repeated.page_title) == ("error", "{name}!")
    assert repeated.visible_after >= 0.8
    with Emulator(tmp_path / "again", answers=repeated, token=TOKEN) as emulator:
        page = requests.get(f"http://{emulator.host}/demo/pypi/simple/a/", timeout=30)
    assert (page.status_code, page.text) == (401, Answers().no_credentials.body)


@exhaustive
def test_what_is_otherwise_is_reported_beside_the_assumption(cloud: Cloud, tmp_path: Path) -> None:
    cloud.answers = Answers(
        existing_file=Reply(status=409, body="Conflict"), early_refusal=False, format="GENERIC"
    )

    code, output, errors = run(cloud, tmp_path, "--yes")

    assert code == 0, errors
    rows = told(output)
    assert {row for row in rows if rows[row] == "otherwise"} >= {
        "existing-file", "early-refusal", "api-repository",
    }  # fmt: skip
    assert "existing-file            otherwise: 409 'Conflict'" in output
    assert "assumed: a file that exists is refused with 400" in output
    assert (rows["trigger-runs"], rows["may-not-read"]) == ("not tried", "not tried")
    assert cloud.repositories == {}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        pytest.param("POST", r".*repositoryId=shipwheel-live-\w+", 130, marks=exhaustive),
        pytest.param("POST", ".*-virtual", 130, marks=exhaustive),
        ("POST", ".*:testIamPermissions.*", 130),
        pytest.param("DELETE", ".*-virtual.*", 0, marks=exhaustive),
    ],
)
def test_ctrl_c_removes_what_was_made(
    cloud: Cloud, tmp_path: Path, method: str, path: str, code: int
) -> None:
    cloud.interrupted_at = method, path

    assert run(cloud, tmp_path, "--yes")[0] == code

    assert cloud.created
    assert (cloud.repositories, cloud.deleted) == ({}, cloud.created[::-1])


def test_nothing_is_made_before_yes_is_said(cloud: Cloud, tmp_path: Path) -> None:
    code, output, _ = run(cloud, tmp_path)

    assert (code, cloud.created) == (1, [])
    assert "costs cents" in output
