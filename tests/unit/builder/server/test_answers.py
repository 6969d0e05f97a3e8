"""The file that tells the emulator which answers to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server.answers import Answers, Reply, read_answers
from steps.host.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_not_in_the_file_keeps_its_default(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text('no_credentials: {status: 403}\nvisible_after: 5\napi: "blocked"\n')

    assert read_answers(file) == Answers(
        no_credentials=Reply(status=403), visible_after=5, api="blocked"
    )


def test_everything_that_is_wrong_in_the_file_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text('{"rangs": 1, "visible_after": -1, "existing_file": {"status": 9, "text": ""}}')

    with pytest.raises(InputError) as refused:
        read_answers(file)

    told = [(it.message.removeprefix(f"{file}: "), it.hint) for it in refused.value.problems]
    assert told == [
        ("`existing_file.status` is 9", "input should be greater than or equal to 200"),
        ("`existing_file.text` is not a key of the answers",
         "it may be: status, body, content_type"),
        ("`visible_after` is -1", "input should be greater than or equal to 0"),
        ("`rangs` is not a key of the answers", "did you mean 'ranges'?"),
    ]  # fmt: skip
