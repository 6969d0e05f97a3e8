"""How these tests send files to a registry, and see what came of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login
from steps.registry.index import Index
from steps.registry.transport import Transport
from steps.release.judgement import Judgement, Outcome
from steps.release.uploading import Plan, upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.distribution.files import Distribution
    from steps.release.uploading import UploadedFile
    from tests.integration.servers.faults import Fault, Request

    Script = Callable[[Request], Fault | None]

TOKEN = "ya29.planted-token"


def transport_to(
    host: str, *, retry_for: float = 5, timeout: float = 60, password: str = TOKEN
) -> Transport:
    registry = Registry(
        upload_url=f"http://{host}/demo/pypi/",
        location="us-central1",
        project="demo",
        repository="pypi",
        emulated=True,
    )
    login = Login("oauth2accesstoken", password, "the test")
    credentials = Credentials(lambda: login)
    return Transport(registry, credentials, retry_for=retry_for, timeout=timeout)


def judge(*files: Distribution) -> Judgement:
    return Judgement(
        project=files[0].name,
        version=files[0].version,
        outcome=Outcome.NEW,
        reason="",
        to_upload=files,
    )


def send(
    files: tuple[Distribution, ...], host: str, *, retry_for: float = 5, password: str = TOKEN
) -> tuple[UploadedFile, ...]:
    transport = transport_to(host, retry_for=retry_for, password=password)
    return upload(
        Plan(judgements=(judge(*files),)), transport, Index(transport.registry, transport)
    )


def results(uploaded: tuple[UploadedFile, ...]) -> list[tuple[str, str]]:
    return [(it.distribution.filename, it.result) for it in uploaded]


def stored(emulator_root: Path) -> dict[str, str]:
    """Return file name and sha256 of everything that the registry holds."""
    folder = emulator_root / "demo" / "pypi"
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected(files: tuple[Distribution, ...]) -> dict[str, str]:
    return {file.filename: file.sha256 for file in files}


def once(method: str, fault: Fault) -> Script:
    """Plant *fault* in the first request of *method*."""
    left = [fault]
    return lambda request: left.pop() if request.method == method and left else None
