"""The registry emulator with real clients: twine and pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.builder.server.plain_http import TOKEN, make_wheel
from tests.integration.program import run_module

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from builder.server import Emulator


def twine_upload(
    emulator: Emulator, wheel: Path, password: str
) -> subprocess.CompletedProcess[str]:
    return run_module(
        *("twine", "upload", "--verbose", "--non-interactive", "--disable-progress-bar"),
        *("--repository-url", f"http://{emulator.host}/demo/pypi/", str(wheel)),
        TWINE_USERNAME="oauth2accesstoken",
        TWINE_PASSWORD=password,
    )


def pip_download(emulator: Emulator, user: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_module(
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
