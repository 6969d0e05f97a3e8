"""Publish, check and versions, whatever Artifact Registry answers where it is not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest
import requests

from builder.__main__ import main
from builder.server import Emulator
from builder.server.answers import HTML, Answers, Reply
from tests.integration.program import environment
from tests.integration.steps.release.sending import TOKEN
from tests.tiny import make_project

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}
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
    "an API that is blocked": Answers(api="blocked"),
}
ENABLE = "  hint: enable it: gcloud services enable artifactregistry.googleapis.com --project=demo"
EMPTY = "<html><head><title>{}</title></head><body></body></html>"


def use(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, repository: str = "pypi") -> None:
    environ = environment(emulator.host, f"demo/{repository}")
    for name, value in {**environ, **LOGIN}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("answers", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_publish_check_and_versions_end_the_same(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answers: Answers,
) -> None:
    project = str(make_project(tmp_path / "tides", "tides", "1.0"))

    with Emulator(tmp_path / "registry", token=TOKEN, answers=answers) as emulator:
        use(emulator, monkeypatch)

        def run(command: str, what: str) -> str:
            assert main(["-q", command, what, "--json"]) == 0
            return capsys.readouterr().out

        assert '"new"' in run("check", project)
        assert '"uploaded"' in run("publish", project)
        again = json.loads(run("publish", project))
        assert {(row["outcome"], row["result"]) for row in again} == {("identical", "found")}
        assert '"identical"' in run("check", project)
        assert '"1.0"' in run("versions", "tides")


@pytest.mark.parametrize(
    "page",
    [Reply(status=404), *(Reply(status=200, body=EMPTY.format(it), content_type=HTML) for it in
     ("", "Links for tides", "tides"))],
    ids=["404", "no title", "a title", "another title"],
)  # fmt: skip
def test_a_project_whose_versions_were_all_deleted_has_none_and_takes_a_new_one(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    page: Reply,
) -> None:
    project = str(make_project(tmp_path / "tides", "tides", "1.0"))
    answers = Answers(deleted_project=page)
    api = "v1/projects/demo/locations/us-central1/repositories/pypi/packages/tides/versions/1.0"

    with Emulator(tmp_path / "registry", token=TOKEN, answers=answers) as emulator:
        use(emulator, monkeypatch)
        assert main(["-q", "publish", project]) == 0
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        requests.delete(
            f"http://{emulator.host}/{api}", headers=bearer, timeout=9
        ).raise_for_status()
        capsys.readouterr()

        assert (main(["-q", "versions", "tides"]), capsys.readouterr().out) == (0, "")
        assert main(["-q", "check", project, "--json"]) == 0
        assert '"new"' in capsys.readouterr().out
        assert main(["-q", "publish", project, "--json"]) == 0
        assert '"uploaded"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("blocked", (0, ["warning: whether the repository exists was not checked"])),
        ("disabled", (5, ["error: Artifact Registry's API is not enabled", ENABLE])),
    ],
)
def test_an_api_that_is_blocked_leaves_it_to_the_upload_and_one_that_is_off_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    state: Literal["blocked", "disabled"],
    outcome: tuple[int, list[str]],
) -> None:
    exit_code, told = outcome
    projects = [str(make_project(tmp_path, name)) for name in ("tides", "berths")]

    with Emulator(tmp_path / "registry", token=TOKEN, answers=Answers(api=state)) as emulator:
        use(emulator, monkeypatch)
        assert main(["publish", *projects]) == exit_code

    lines = capsys.readouterr().err.splitlines()
    starts = ("warning: whether", "error: ", "  hint: ")
    found = [it for it in lines if it.startswith(starts)]
    assert [line[: len(it)] for line, it in zip(found, told, strict=True)] == told


def test_a_repository_that_takes_no_uploads_is_refused_before_anything_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tides, berths = (str(make_project(tmp_path, name)) for name in ("tides", "berths"))
    standard = "publish to the standard repository behind it: --registry us-central1/demo/pypi"
    virtuals = {"demo/all": {"demo/pypi": 100}}

    with Emulator(tmp_path / "registry", token=TOKEN, virtuals=virtuals) as emulator:
        use(emulator, monkeypatch)
        assert main(["-q", "publish", tides]) == 0
        use(emulator, monkeypatch, "all")
        for command in ("check", "publish"):
            assert main([command, berths]) == 2
            lines = capsys.readouterr().err.splitlines()
            assert lines[-2].startswith(
                "error: 'all' is a virtual repository, which takes no upload"
            )
            assert lines[-1] == f"  hint: {standard}"
            assert not [line for line in lines if line.startswith("Building")]
        # Its page is there: only the upload is refused.
        assert main(["publish", tides, berths]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"  hint: {standard}"
