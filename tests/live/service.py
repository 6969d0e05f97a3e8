"""What questions are asked with: three repositories, a token, and requests to both hosts."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
from requests.auth import HTTPBasicAuth
from twine.package import PackageFile

from steps.host.children import Children
from steps.host.errors import AccessError
from steps.registry.adapter import anonymous
from steps.registry.address import parse_registry
from steps.registry.credentials import TOKEN_USERNAME, find_credentials
from steps.registry.repository_api import ENDPOINT, ENDPOINT_VARIABLE
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from steps.registry.credentials import Login

PACKAGE, NAME = "shipwheel-live", "Shipwheel_Live"  # normalised, and as its files have it
READER, STRANGER = "SHIPWHEEL_LIVE_READER_TOKEN", "SHIPWHEEL_LIVE_STRANGER_TOKEN"
_SECONDS = 60.0
_MOST_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Service:
    """The repository *name*, the remote and the virtual one beside it, and a *folder* for files."""

    project: str
    region: str
    name: str
    folder: Path
    trigger: str
    branch: str
    function: str
    session: requests.Session = field(default_factory=requests.Session)

    def url(self, suffix: str = "", *, project: str = "") -> str:
        """Return the upload URL of the repository whose name has that *suffix*."""
        path = f"{self.region}/{project or self.project}/{self.name}{suffix}"
        return parse_registry(path, os.environ).upload_url

    def page(self, name: str = PACKAGE, suffix: str = "", project: str = "") -> str:
        """Return the URL of a project's page."""
        return f"{self.url(suffix, project=project)}simple/{name}/"

    @cached_property
    def login(self) -> Login:
        """The access token that a publish would take."""
        credentials = find_credentials(parse_registry(self.url(), os.environ), os.environ)
        login = credentials.login()
        if login is None or login.username != TOKEN_USERNAME:
            why = credentials.failure or "what there is is not an access token"
            hint = "gcloud auth application-default login"
            raise AccessError(f"There are no credentials to ask with: {why}", hint)
        return login

    def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        user: str = TOKEN_USERNAME,
        **options: Any,
    ) -> requests.Response:
        """Return the answer, redirects not followed; an empty *token* is none."""
        secret = self.login.password if token is None else token
        auth = HTTPBasicAuth(user, secret) if secret else anonymous
        return self.session.request(
            method, url, auth=auth, timeout=_SECONDS, allow_redirects=False, **options
        )

    def get(self, url: str, **options: Any) -> requests.Response:
        """Return the answer to GET *url*."""
        return self.send("GET", url, **options)

    def post(self, version: str, suffix: str = "", name: str = NAME, **options: Any) -> Any:
        """Upload the wheel of a *version* as twine does, and return the answer."""
        wheel = self.wheel(version, name)
        content = {"content": (wheel.name, wheel.read_bytes())}
        return self.send("POST", self.url(suffix), data=_form(wheel), files=content, **options)

    def post_slowly(self, version: str, size: int) -> tuple[int, int]:
        """Upload *size* bytes as that wheel; return how many were sent, and of how many."""
        wheel = self.wheel(version)
        content = {"content": (wheel.name, b"%BODY%")}
        post = requests.Request("POST", self.url(), data=_form(wheel), files=content).prepare()
        head, tail = bytes(post.body).split(b"%BODY%")  # type: ignore[arg-type]  # of a form: bytes
        body = _Body(head, tail, size)
        headers = {"Content-Type": post.headers["Content-Type"]}
        with suppress(requests.ConnectionError):
            self.send("POST", self.url(), data=body, headers=headers)
        return body.sent, len(body)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Return the status and the message of the API for *path* below the repositories."""
        base = os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip("/")
        parent = f"v1/projects/{self.project}/locations/{self.region}/repositories"
        bearer = {"Authorization": f"Bearer {self.login.password}"}
        method = "POST" if body else "GET"
        answer = self.send(method, f"{base}/{parent}/{path}", token="", json=body, headers=bearer)
        return answer.status_code, answer.json()

    def shipwheel(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Shipwheel about this repository."""
        command = [sys.executable, "-I", "-m", "builder", *arguments, "--registry", self.url()]
        with Children(timeout=600) as children:
            return children.ask(command, environ=os.environ)

    def wheel(self, version: str = "1.0", name: str = NAME) -> Path:
        """Write a tiny project and its wheel, and return the wheel."""
        project = make_project(self.folder / version, name, version)
        return make_distributions(project)[0].path

    def hide(self, text: str) -> str:
        """Return *text* without secrets, and without the names of project and repository."""
        for token in filter(None, map(os.environ.get, (READER, STRANGER))):
            text = text.replace(token, "[hidden]")
        text = self.login.hide(text).replace(self.name, "repository")
        return re.sub(rf"\b{re.escape(self.project)}\b", "project", text)

    def reply(self, answer: requests.Response) -> dict[str, Any]:
        """Return *answer* as a file of answers has it."""
        return {
            "status": answer.status_code,
            "content_type": answer.headers.get("Content-Type", ""),
            "body": self.hide(answer.text)[:_MOST_CHARACTERS],
        }


def _form(wheel: Path) -> dict[str, Any]:
    """Return the fields of an upload, as twine makes them."""
    fields = PackageFile.from_filename(str(wheel), comment=None).metadata_dictionary()
    given = {key: value for key, value in fields.items() if value}
    return {":action": "file_upload", "protocol_version": "1", **given}


class _Body:
    """A long body that counts what was read of it."""

    def __init__(self, head: bytes, tail: bytes, size: int) -> None:
        part = bytes(1 << 16)
        self._parts = [head, *[part] * (size // len(part)), tail]
        self.sent = 0

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part
            self.sent += len(part)
