"""Every example that a help shows is run, on the sample repository."""

from __future__ import annotations

import re
import shlex

import click
from click.testing import CliRunner

from builder.__main__ import shipwheel
from tests.documentation.stage import Stage
from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.unit.builder.test_manners import commands

# What must have happened before an example makes sense.
PROJECT = '[project]\\nname = "a"\\nversion = "1.0"\\n'
BEFORE = {
    "upload": f"mkdir wheelhouse a; printf '{PROJECT}' > a/pyproject.toml;"
    " shipwheel build packages/tides a;"
    " cp packages/tides/dist/*.whl wheelhouse; cp a/dist/a-1.0.tar.gz .",
    "requirements": "shipwheel publish --all --registry us-central1/my-project/pypi",
    "settings": f"printf '{PROJECT}' > pyproject.toml",
    "versions": "shipwheel publish --all --registry us-central1/my-project/pypi",
    "init": "rm -r shipwheel.yaml cloudbuild",
    "triggers lint": "shipwheel triggers render > triggers.yaml",
    "triggers explain": "git update-ref refs/remotes/origin/main HEAD;"
    " echo >> README.md; git commit -q -a -m Edit; echo >> README.md",
}
# Nothing is live; this machine may have old tools; a deletion waits for --yes.
MAY_END_WITH_1 = {"triggers diff", "doctor", "versions"}


def examples(path: str) -> list[str]:
    shown = CliRunner().invoke(shipwheel, [*path.split(), "--help"], terminal_width=100).output
    (found,) = re.findall(r"^  Example:\n((?:    .*\n)+)", shown, re.MULTILINE)
    return [line.strip() for line in found.replace("\\\n", "").splitlines()]


def parse(line: str) -> click.Context:
    """Parse *line* as the command that it names would, and run nothing."""
    command: click.Command | None = shipwheel
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None
    return command.make_context(line, words)


ALL = [" ".join(path) for path in commands(shipwheel)]


@needs_gcloud
@sample("path", [path for path in ALL if path != "emulator"], "requirements", "triggers render")
def test_the_examples_of_a_help_run(path: str) -> None:
    with Stage() as stage:
        stage.prepare(BEFORE.get(path, ""))
        for line in examples(path):
            if "apply" in line or "setup --check" in line or "--image-trigger" in line:
                parse(line)  # tests of its own run it: in a minute, or in a checkout of Shipwheel
                continue
            ended = stage.execute(line)
            allowed = {0, 1} if path in MAY_END_WITH_1 else {0}
            assert ended.returncode in allowed, f"{line}\n{ended.stdout}"


def test_the_example_of_the_emulator_is_of_options_that_it_has() -> None:
    serve, export, publish = examples("emulator")

    # It serves until it is stopped; its own tests start and stop it.
    parsed = parse(serve)
    assert f"export ARTIFACT_REGISTRY_EMULATOR_HOST=127.0.0.1:{parsed.params['port']}" == export
    assert publish.endswith(f"us-central1/{parsed.params['repositories'][0]}")
