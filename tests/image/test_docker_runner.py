"""`shipwheel run --docker`: steps in containers get what Cloud Build gives them, and end."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.engine import Docker

STEPS = """\
steps:
  - id: first
    name: {image}
    dir: sub
    env: ["GREETING=hello $PROJECT_ID"]
    secretEnv: [TOKEN]
    volumes: [{{name: shared, path: /shared}}]
    script: |
      #!/usr/bin/env bash
      echo "$GREETING from $PWD with HOME $HOME, terminal: $(test -t 1 && echo yes || echo no)"
      echo "the token is $TOKEN" | tee "$BUILDER_OUTPUT/output"
      echo kept > /shared/file
      echo changed > ../file
  - id: second
    name: {image}
    entrypoint: cat
    args: [/shared/file, /workspace/file]
    volumes: [{{name: shared, path: /shared}}]
  - id: third
    name: {image}
    args: [nonsense]
availableSecrets:
  secretManager: [{{versionName: projects/$PROJECT_ID/secrets/t/versions/1, env: TOKEN}}]
"""
SLEEPERS = """\
steps:
  - {{name: "{image}", entrypoint: sleep, args: ["300"], waitFor: ["-"]}}
  - {{name: "{image}", entrypoint: bash, args: [-c, "echo started; sleep 300"], waitFor: ["-"]}}
"""


def start(docker: Docker, folder: Path, text: str, image: str) -> subprocess.Popen[str]:
    config = folder / "cloudbuild.yaml"
    config.write_text(text.format(image=image))
    source = folder / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "kept.txt").touch()
    (source / "file").write_text("original\n")
    command = [sys.executable, "-I", "-m", "builder", "run", str(config), "--docker"]
    return subprocess.Popen(
        [*command, "--source", str(source), "--substitutions", "PROJECT_ID=demo"],
        env={**docker.environ, "TOKEN": "hunter2-hunter2", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_steps_share_what_cloud_build_shares_and_a_failure_keeps_its_code(
    docker: Docker, image: str, tmp_path: Path
) -> None:
    with start(docker, tmp_path, STEPS, image) as running:
        log, _ = running.communicate(timeout=120)

    lines = [line for line in log.splitlines() if line.startswith("Step #")]
    assert lines[:4] == [
        'Step #0 - "first": hello demo from /workspace/sub with HOME /builder/home, terminal: no',
        'Step #0 - "first": the token is ***',
        'Step #1 - "second": kept',
        'Step #1 - "second": changed',
    ]
    assert '#0 - "first" output: the token is ***' in log
    assert "hunter2" not in log
    assert running.returncode == 2  # what `shipwheel nonsense` ends with
    assert (tmp_path / "source" / "file").read_text() == "original\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cloudbuild.yaml", "source"]


def test_a_build_that_is_cancelled_leaves_no_container(
    docker: Docker, image: str, tmp_path: Path
) -> None:
    before = docker("ps", "--all", "--quiet")
    with start(docker, tmp_path, SLEEPERS, image) as running:
        assert running.stdout
        while "started" not in (line := running.stdout.readline()):
            assert line
        running.send_signal(signal.SIGTERM)
        log, _ = running.communicate(timeout=60)

    assert running.returncode == 128 + signal.SIGTERM, log
    assert docker("ps", "--all", "--quiet") == before
