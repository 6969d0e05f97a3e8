"""What `shipwheel settings pip` writes, and tells of what pip reads besides."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from builder.__main__ import main
from tests.unit.steps.client.desk import BASE, REGISTRY, encoded, read_ini

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("home")


def test_the_weaker_form_of_pip_is_googles_and_keeps_other_indexes(
    pip_conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip_conf.write_text("[global]\nextra-index-url = https://other/simple\n")

    assert main(["settings", "pip", "--extra-index", "--write", *REGISTRY]) == 0

    assert pip_conf.read_text() == (
        f"[global]\nextra-index-url = https://other/simple\n    https://{BASE}simple/\n"
    )
    assert "pip takes the highest version that any of its indexes has" in capsys.readouterr().err
    assert main(["settings", "pip", "--extra-index", "--write", *REGISTRY]) == 0
    assert f"{pip_conf}: nothing to do\n" in capsys.readouterr().err


def test_a_key_takes_the_place_of_the_same_index_without_one(pip_conf: Path, key: Path) -> None:
    pip_conf.write_text(
        f"[global]\nextra-index-url = https://{BASE}simple\n  https://other/simple\n"
    )

    arguments = ["settings", "pip", "--extra-index", "--json-key", str(key), "--write", *REGISTRY]
    assert main(arguments) == 0

    login = f"_json_key_base64:{encoded(key).replace('/', '%2F')}"
    indexes = read_ini(pip_conf)["global"]["extra-index-url"].split()
    assert indexes == [f"https://{login}@{BASE}simple/", "https://other/simple"]


def test_a_key_in_an_address_leaves_the_host_what_it_is(home: Path, key: Path) -> None:
    assert "/" in encoded(key)

    assert main(["settings", "pip", "--json-key", str(key), "--write", *REGISTRY]) == 0

    options = read_ini(home / ".config/pip/pip.conf")["global"]
    assert [*options] == ["index-url"]
    url = urlsplit(options["index-url"])
    assert url.hostname == "us-east4-python.pkg.dev"
    assert (url.username, unquote(url.password or "")) == ("_json_key_base64", encoded(key))


def test_an_index_beside_the_one_index_is_reported(
    pip_conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip_conf.write_text(
        "[install]\nindex-url = https://a/\n[global]\nextra_index_url = https://b/\n"
    )

    assert main(["-q", "settings", "pip", "--write", *REGISTRY]) == 0

    errors = capsys.readouterr().err
    assert f"warning: {str(pip_conf)!r} has extra-index-url in [global], too: remove it." in errors
    assert f"warning: {str(pip_conf)!r} has index-url in [install], which goes before" in errors
    assert read_ini(pip_conf)["global"]["extra_index_url"] == "https://b/"


def test_a_section_in_capitals_is_none_to_pip_and_stays_as_it_is(
    home: Path, pip_conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = "[Global]\nindex-url = https://a.example/\n[Install]\nextra-index-url = https://b/\n"
    pip_conf.write_text(before)

    assert main(["-q", "settings", "pip", "--write", *REGISTRY]) == 0

    warnings = capsys.readouterr().err.splitlines()[1:]
    assert warnings == [
        f"warning: {str(pip_conf)!r} names an index in [{name}], and pip reads no such section"
        for name in ("Global", "Install")
    ]
    url = read_ini(pip_conf)["global"]["index-url"]
    assert pip_conf.read_text().startswith(f"{before}\n[global]\nindex-url = {url}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-input", "pip"],
        env={"PATH": "", "PIP_CONFIG_FILE": str(pip_conf), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = url.replace("oauth2accesstoken@", "****@")
    assert done.stdout.splitlines()[0] == f"Looking in indexes: {shown}"


def test_a_file_that_another_process_is_writing_is_read_when_it_is_written(
    home: Path, pip_conf: Path
) -> None:
    arguments = ["settings", "pip", "--extra-index", "--write", *REGISTRY]
    lock = os.open(home, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    with subprocess.Popen(
        [sys.executable, "-I", "-m", "builder", *arguments],
        env={**os.environ, "ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("warning: pip takes the highest version")
        time.sleep(0.3)  # it would be done by now
        before = [*pip_conf.parent.iterdir()]
        pip_conf.write_text("[global]\nextra-index-url = https://other.example/simple/\n")
        os.close(lock)
        process.communicate(timeout=60)

    assert (before, process.returncode) == ([], 0)
    assert read_ini(pip_conf)["global"]["extra-index-url"].split() == [
        "https://other.example/simple/",
        "http://127.0.0.1:8080/my-project/all/simple/",
    ]


def test_a_variable_that_goes_before_the_file_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a:planted@host/")

    assert main(["-q", "settings", "pip", *REGISTRY]) == 0

    errors = capsys.readouterr().err
    assert errors.endswith("warning: PIP_EXTRA_INDEX_URL is set, and goes before this file\n")
    assert "planted" not in errors


def test_pip_in_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["settings", "pip", "--scope", "environment", "--write", *REGISTRY]
    assert main(arguments) == 2

    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "environment"))
    assert main(arguments) == 0
    assert read_ini(tmp_path / "environment/pip.conf")["global"]["index-url"].endswith("/simple/")
