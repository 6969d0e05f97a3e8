"""Backends that fail, hang, lie or do harm: each is one clean message, and leaves nothing half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from steps.backend.building import identify
from steps.host.errors import BuildFailed, InputError
from steps.project.source import read_project
from tests.integration.steps.backend.projects import copied

if TYPE_CHECKING:
    from pathlib import Path

    from steps.backend.context import BuildContext

PREPARED = """\
import os

from flit_core.buildapi import *


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    {body}
"""
WRITES = """os.mkdir(os.path.join(folder, "x.dist-info"))
    with open(os.path.join(folder, "x.dist-info", "METADATA"), "w") as file:
        file.write({text!r})
    return "x.dist-info\""""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            'return "nowhere"',
            "says that it prepared metadata in 'nowhere', and it cannot be read: No such file",
        ),
        ("return None", "says that it prepared metadata in "),
        (
            WRITES.format(text="Name: condition-in-tree-backend\nVersion: one\n"),
            "prepares metadata that is wrong: Invalid version: 'one'",
        ),
        (WRITES.format(text="Version: 1.0\n"), "prepares metadata that is wrong: "),
        (
            WRITES.format(text="Name: other\nVersion: 1.0\n"),
            "prepares metadata of 'other', and the project says 'condition-in-tree-backend'",
        ),
    ],
)
def test_metadata_that_is_prepared_wrongly_is_an_error(
    body: str, message: str, context: BuildContext, tmp_path: Path
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (directory / "backend.py").write_text(PREPARED.format(body=body))

    with pytest.raises((BuildFailed, InputError)) as caught:
        identify(read_project(directory), context)

    assert message in str(caught.value)


def test_a_backend_that_prepares_no_metadata_builds(context: BuildContext, tmp_path: Path) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (directory / "backend.py").write_text(
        "from flit_core.buildapi import build_sdist, build_wheel  # noqa: F401\n"
    )

    assert identify(read_project(directory), context)[0] == "condition-in-tree-backend"


def test_a_backend_path_that_leads_out_of_the_project_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    pyproject = directory / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["."]', '[".."]'))

    assert main(["-q", "build", str(directory)]) == 2

    assert capsys.readouterr().err == (
        f"error: build-system.backend-path is wrong in '{pyproject}':"
        " paths must be inside source tree\n  hint: name folders of the project itself\n"
    )


def test_what_a_backend_prints_when_it_fails_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["build", str(copied("failing-backend", tmp_path / "project"))])

    assert "RuntimeError: the backend fails on purpose" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        "'../../elsewhere.whl'",
        "'/etc/hostname'",
        "'nothing-1.0-py3-none-any.whl'",
        "link(folder)",
        "None",
    ],
)
def test_a_backend_that_names_a_file_which_it_did_not_write_is_not_believed(
    answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (elsewhere := tmp_path / "elsewhere.whl").write_bytes(b"mine")
    backend = next(directory.rglob("*backend*.py"))
    backend.write_text(
        f"{backend.read_text()}\n\nimport os\n\n"
        "def link(folder):\n"
        f"    os.symlink({str(elsewhere)!r}, f'{{folder}}/a-1.0-py3-none-any.whl')\n"
        "    return 'a-1.0-py3-none-any.whl'\n\n"
        f"def build_wheel(folder, *_):\n    return {answer}\n"
    )

    assert main(["-q", "build", str(directory), "--wheel"]) == 3

    assert "and did not write that file into the folder" in capsys.readouterr().err
    assert elsewhere.read_bytes() == b"mine"
    assert not (directory / "dist").exists()


@pytest.mark.parametrize(
    "harm",
    [
        "os.remove('pyproject.toml')",
        "os.remove('pyproject.toml'); os.mkdir('pyproject.toml')",
        "open('pyproject.toml', 'w').write('][')",
        "shutil.rmtree(os.getcwd())",
    ],
)
def test_a_backend_that_destroys_the_project_is_one_clean_message(
    harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("wheel-only", tmp_path / "project")
    backend = directory / "backend.py"
    backend.write_text(
        f"{backend.read_text()}\n\nimport os, shutil\n\n_build_sdist = build_sdist\n\n"
        f"def build_sdist(*arguments):\n    {harm}\n    return _build_sdist(*arguments)\n"
    )

    assert main(["-q", "build", str(directory)]) == 3

    printed = capsys.readouterr().err
    assert printed.startswith(
        "error: The build backend of 'condition-wheel-only' left no pyproject.toml to build by: "
    )
    assert len(printed.splitlines()) == 2
    assert not (directory / "dist").exists()


def test_of_a_flood_of_output_the_end_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    backend = directory / "backend.py"
    backend.write_text(
        f"{backend.read_text()}\n\nfor number in range(100_000):\n"
        "    print(f'line {number:06} of the flood and of nothing else', flush=not number % 1000)\n"
        "raise SystemExit('the reason')\n"
    )

    assert main(["-q", "build", str(directory)]) == 3

    printed = capsys.readouterr().err
    lines = printed.splitlines()
    assert lines[1] == "[the first 4434475 bytes are left out, and kept nowhere]"
    assert lines[-3:-1] == ["line 099999 of the flood and of nothing else", "the reason"]
    assert len(printed) < 70_000


def test_a_hook_that_takes_too_long_is_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    backend = next(directory.rglob("*backend*.py"))
    backend.write_text(backend.read_text() + "\n\nimport time\n\ntime.sleep(600)\n")

    assert main(["-q", "build", str(directory), "--build-timeout", "1"]) == 3

    assert "took longer than 1 second" in capsys.readouterr().err
