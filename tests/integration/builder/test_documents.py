"""What the documents tell readers to type: the real gcloud knows its commands and their flags."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from tests.documentation import DOCUMENTS, ROOT
from tests.documentation.examples import read_examples
from tests.integration.machine import needs_gcloud

if TYPE_CHECKING:
    from pathlib import Path


def gcloud_commands() -> list[str]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        typed = [it.command for example in read_examples(text) for it in example.typed]
        quoted = re.findall(r"`(gcloud [^`]+ --[^`]+)`", text)
        found += [it for it in [*typed, *quoted] if it.startswith("gcloud ")]
    comments = [path.read_text() for path in ROOT.glob("triggers/build_configs/*.yaml")]
    comments.append((ROOT / "cloudbuild.yaml").read_text())
    for text in comments:
        found += re.findall(r"^# (?:Try it: +|  \$ )?(gcloud (?:.*\\\n# +)*.*)", text, re.MULTILINE)
    return [*dict.fromkeys(as_the_shell_reads_it(command) for command in found)]


def as_the_shell_reads_it(command: str) -> str:
    joined = re.sub(r"\\\n(# )?", "", command)
    return " ".join(re.sub(r"\$\(.*?\)", "VALUE", joined).split())


@needs_gcloud
def test_gcloud_knows_every_command_that_readers_are_to_type(tmp_path: Path) -> None:
    commands = gcloud_commands()
    listed = tmp_path / "commands.json"
    listed.write_text(json.dumps([{"command_string": command} for command in commands]))

    answer = subprocess.run(
        ["gcloud", "meta", "lint-gcloud-commands", "--commands-file", str(listed)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "CLOUDSDK_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    refused = {it["command_string"]: it["error_message"] for it in json.loads(answer.stdout)}
    assert [*refused] == commands
    assert {command: error for command, error in refused.items() if error} == {}
