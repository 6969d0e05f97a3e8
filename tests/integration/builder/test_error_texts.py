"""The errors that the guide explains are worded as the real programs word them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.documentation import GUIDE, ROOT
from tests.integration.machine import needs_gcloud
from tests.integration.servers.cloud_build_api import CloudBuildApi
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

TABLES = (GUIDE / "troubleshooting.md").read_text()
TRIGGER = "name: a\nfilename: a.yaml\ngithub: {owner: o, name: r, push: {branch: ^main$}}\n"
WHEEL = "a/dist/a-1.0-py3-none-any.whl"


def texts(program: str) -> list[str]:
    """Return what the guide's table quotes of *program*."""
    _, _, section = TABLES.partition(f"\n## {program}\n")
    return re.findall(r"^\| (?:\d+, )?`([^`]+)`", section.partition("\n## ")[0], re.MULTILINE)


def said(text: str, output: str) -> bool:
    """Tell whether *output* says *text*; an ellipsis matches anything, a line end a space."""
    pattern = ".*".join(re.escape(part) for part in text.split("…"))
    return re.search(pattern, " ".join(output.split())) is not None


def output_of(*command: str, cwd: Path, **environ: str) -> str:
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0, ended.stdout
    return ended.stdout + ended.stderr


@needs_gcloud
def test_gcloud_says_what_the_guide_quotes(tmp_path: Path) -> None:
    wrong = {
        "misspelt": f"{TRIGGER}includeFiles: [a]\n",
        "number": f"{TRIGGER}substitutions: {{_PORT: 8080}}\n",
        "empty": f"{TRIGGER}---\n",
    }
    with CloudBuildApi() as api:
        outputs = [api.gcloud("builds", "triggers", "export", "a").stderr]
        for name, text in wrong.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(text)
            command = ["builds", "triggers", "import", f"--source={path}", "--region=us-east4"]
            outputs.append(api.gcloud(*command).stderr)

    quoted = texts("gcloud")
    assert len(quoted) == len(outputs)
    assert [text for text in quoted if not any(said(text, it) for it in outputs)] == []


def test_twine_says_what_the_guide_quotes(tmp_path: Path) -> None:
    make_distributions(make_project(tmp_path, "a"))
    url = "https://us-east4-python.pkg.dev/demo/pypi/"
    upload = [sys.executable, "-m", "twine", "upload", "--repository-url", url]
    home = {"HOME": str(tmp_path), "COLUMNS": "1000"}
    null = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    outputs = [
        output_of(*upload, "--skip-existing", WHEEL, cwd=tmp_path, **home),
        output_of(*upload, "--non-interactive", WHEEL, cwd=tmp_path, **home, **null),
    ]

    quoted = [it for it in texts("twine") if it.startswith(("Unsupported", "NonInteractive"))]
    assert len(quoted) == len(outputs)
    assert [text for text in quoted if not any(said(text, it) for it in outputs)] == []


def test_the_local_builder_says_what_the_guide_quotes_of_cloud_build(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "builder", "run", "a.yaml", "--emulator", "--as", "submit"]
    step = "steps: [{name: shipwheel, args: [publish, %s]}]\n"
    outputs = []
    for argument, options in (
        ("$X", ()),
        (".", ("--substitutions", "_X=1")),
        ("$_X", ()),
    ):
        (tmp_path / "a.yaml").write_text(step % argument)
        outputs.append(output_of(*run, *options, cwd=tmp_path, PYTHONPATH=str(ROOT)))

    quoted = [it for it in texts("Cloud Build") if it.startswith("key ")]
    assert len(quoted) == len(outputs)
    assert [text for text in quoted if not any(said(text, it) for it in outputs)] == []
