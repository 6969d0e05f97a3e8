"""Publish, check and versions, whatever Artifact Registry answers where it is not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from builder.server import Emulator
from builder.server.answers import Answers, Reply
from tests.tiny import make_project

if TYPE_CHECKING:
    from pathlib import Path

ALTERNATIVES = {
    "as is likely": Answers(),
    "pages without a title": Answers(page_title=""),
    "pages of another type": Answers(page_content_type="application/vnd.pypi.simple.v1+html"),
    "no text on 404": Answers(unknown_package=Reply(status=404)),
    "the words of 2021": Answers(
        existing_file=Reply(status=400, body="Requested entity already exists")
    ),
    "403 without text": Answers(no_credentials=Reply(status=403)),
    "answers after the body": Answers(early_refusal=False),
    "ranges that fail": Answers(ranges="error"),
}


@pytest.mark.parametrize("answers", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_publish_check_and_versions_end_the_same(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answers: Answers,
) -> None:
    monkeypatch.setenv("TWINE_USERNAME", "oauth2accesstoken")
    monkeypatch.setenv("TWINE_PASSWORD", "ya29.planted")
    project = str(make_project(tmp_path / "tides", "tides", "1.0"))

    with Emulator(tmp_path / "registry", token="ya29.planted", answers=answers) as emulator:
        registry = ("--registry", f"http://{emulator.host}/demo/pypi/", "--json")

        def run(command: str, what: str) -> str:
            assert main(["-q", command, what, *registry]) == 0
            return capsys.readouterr().out

        assert '"new"' in run("check", project)
        assert '"uploaded"' in run("publish", project)
        again = json.loads(run("publish", project))
        assert {(row["outcome"], row["result"]) for row in again} == {("identical", "found")}
        assert '"identical"' in run("check", project)
        assert '"1.0"' in run("versions", "tides")
