"""What `shipwheel doctor` says of settings, programs and a password of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.integration.steps.diagnosis.machine import TOKEN, clean, doctor, local, told

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator


def test_settings_that_shipwheel_writes_are_fine(emulator: Emulator, home: Path) -> None:
    (home / "work/pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1"\ndependencies = ["tides"]\n'
    )
    environ = local(emulator, home)
    for client in ("pip", "uv", "poetry", "pdm", "twine"):
        arguments = (client, "--registry", "us-central1/demo/all", "--package", "tides", "--write")
        done = doctor(home, environ, *arguments, command="settings")
        assert done.returncode == 0, done.stderr

    lines = told(doctor(home, environ, "--registry", "us-central1/demo/pypi"))

    project = home / "work/pyproject.toml"
    assert {it: line for it, line in lines.items() if str(home) in it} == dict.fromkeys(
        [
            f"pip ({home}/.config/pip/pip.conf)",
            f"uv ({project})",
            f"poetry ({home}/.config/pypoetry/config.toml)",
            f"poetry ({project})",
            f"pdm ({home}/.config/pdm/config.toml)",
            f"pdm ({project})",
            f"twine ({home}/.pypirc)",
        ],
        "ok nothing unsafe",
    )


def test_what_is_unsafe_is_named_with_its_place_and_no_secret(
    emulator: Emulator, home: Path
) -> None:
    (home / ".netrc").write_text(f"machine example.com login me password {TOKEN}\n")
    (home / ".netrc").chmod(0o644)
    (home / ".pypirc").write_bytes(b"\xff\xfe")
    (home / ".config/pip").mkdir(parents=True)
    os.mkfifo(home / ".config/pip/pip.conf")  # to open it would be to wait for ever
    (home / "work/uv.toml").touch(0o600)
    (home / "work/uv.toml").write_text(f'[[index]]\nurl = "https://me:{TOKEN}@example.com/"\n')
    environ = local(
        emulator,
        home,
        PIP_EXTRA_INDEX_URL=f"https://me:{TOKEN}@example.com/",
        HTTPS_PROXY=f"http://me:{TOKEN}@127.0.0.1:9/",
        REQUESTS_CA_BUNDLE=str(home / "missing.pem"),
        SSL_CERT_FILE=str(home / "work/uv.toml"),
        GOOGLE_APPLICATION_CREDENTIALS=str(home / "key.json"),
    )

    done = doctor(home, environ, "--registry", "us-central1/demo/pypi")

    lines = told(done)
    assert done.returncode == 1
    assert lines["HTTPS_PROXY"] == "ok http://…@127.0.0.1:9/"
    assert {it: line[6:40] for it, line in lines.items() if line.startswith("wrong")} == {
        "PIP_EXTRA_INDEX_URL": "pip takes the highest version that",
        "REQUESTS_CA_BUNDLE": f"'{home}/missing.pem' cannot be"[:34],
        "SSL_CERT_FILE": f"'{home}/work/uv.toml' cannot be"[:34],
        "GOOGLE_APPLICATION_CREDENTIALS": "it names a file that is not there:",
        f"uv ({home}/work/uv.toml)": "the address of example.com holds c",
        f"twine ({home}/.pypirc)": "it cannot be read: it is not text ",
        f"netrc ({home}/.netrc)": "it holds secrets, and others on th",
    }


def test_programs_that_hang_or_lie_hold_nothing_up(emulator: Emulator, home: Path) -> None:
    for name, body in (("pdm", "exit 3"), ("poetry", "echo Poetry"), ("keyring", "echo nothing")):
        script = home / "bin" / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)

    done = doctor(home, local(emulator, home), "--registry", "us-central1/demo/pypi")

    lines = told(done)
    assert lines[f"pdm ({home}/bin/pdm)"] == "note it does not tell its version"
    assert lines[f"poetry ({home}/bin/poetry)"] == "note it does not tell its version"
    assert lines["keyring on PATH"] == "wrong it lacks the Artifact Registry backend"
    assert done.returncode == 1


def test_a_password_without_a_user_name_is_a_finding(emulator: Emulator, home: Path) -> None:
    environ = clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, TWINE_PASSWORD=TOKEN)

    done = doctor(home, environ, "--registry", "us-central1/demo/pypi")

    assert done.returncode == 1
    assert told(done)["TWINE_PASSWORD"] == "wrong it is set without TWINE_USERNAME"
