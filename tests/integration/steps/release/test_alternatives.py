"""Publish, check and versions, whatever Artifact Registry answers where it is not known."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import pytest
import requests

from builder.__main__ import main
from builder.server import Emulator
from builder.server.answers import HTML, Answers, Reply
from tests.integration.program import environment
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.release.sending import TOKEN
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.faults import Request

COMMANDS = ("check", "publish", "publish", "check", "versions")
SAME = ((0, "new"), (0, "uploaded"), (0, "identical"), (0, "identical"), (0, "1.0"))
ENABLE = "  hint: enable it: gcloud services enable artifactregistry.googleapis.com --project=demo"
EMPTY = "<html><head><title>{}</title></head><body></body></html>"
NOTHING = "<html><title>Nothing</title></html>"


@dataclass(frozen=True, kw_only=True)
class Case:
    """The *answers* to a user, and each command's exit code, and what it prints."""

    answers: dict[str, Any]
    outcomes: tuple[tuple[int, str], ...] = SAME
    token: str = TOKEN
    user: str = "oauth2accesstoken"
    place: str = "us-central1/demo/pypi"
    options: tuple[str, ...] = ()
    version: str = "1.0"


def all_refused(exit_code: int, text: str, **case: Any) -> Case:
    return Case(outcomes=((exit_code, text),) * len(COMMANDS), **case)


def reply(status: int, body: str = "", content_type: str = HTML) -> Reply:
    return Reply(status=status, body=body, content_type=content_type)


def use(
    emulator: Emulator | FaultyRegistry,
    monkeypatch: pytest.MonkeyPatch,
    place: str = "us-central1/demo/pypi",
    token: str = TOKEN,
    user: str = "oauth2accesstoken",
) -> None:
    login = {"TWINE_USERNAME": user, "TWINE_PASSWORD": token} if token else {}
    environ = environment(emulator.host, **login) | {"SHIPWHEEL_REGISTRY": place}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


PAGE = reply(404, NOTHING)
MISSING = "Repository not found"
NO_PACKAGE = (2, "holds no package 'tides'")
NO_READER = (5, "grant it roles/artifactregistry.reader")
NO_WRITER = (5, "grant it roles/artifactregistry.writer")
ONLY_READS = ((0, "new"), NO_WRITER, NO_WRITER, (0, "new"), NO_PACKAGE)
MODE = (2, "a virtual repository, which")
MODE_UNKNOWN = ((0, "new"), (4, "405"), (4, "405"), (0, "new"), NO_PACKAGE)
COLON = (4, "--registry https://us-central1-python.pkg.dev/example.com:demo/pypi/")
CASES = {
    "as is likely": Case(answers={}),
    "a list of projects": Case(answers={"root_page": None}),
    "no root page, by 403": Case(answers={"root_page": reply(403)}),
    "another root page": Case(answers={"root_page": reply(200, NOTHING)}),
    "404 without text": Case(answers={"unknown_package": reply(404)}),
    "pages without a title": Case(answers={"page_title": ""}),
    "pages of another type": Case(
        answers={"page_content_type": "application/vnd.pypi.simple.v1+html"}
    ),
    "answers after the body": Case(answers={"early_refusal": False}),
    "ranges that fail": Case(answers={"ranges": "error"}),
    "ranges that are ignored": Case(answers={"ranges": "ignored"}),
    "a file with an epoch, by 400": Case(
        answers={}, outcomes=(*SAME[:4], (0, "1!1.0")), version="1!1.0", options=("--allow-epoch",)
    ),
    "a file with an epoch, by 404": Case(
        answers={"epoch": reply(404)},
        outcomes=(*SAME[:4], (0, "1!1.0")),
        version="1!1.0",
        options=("--allow-epoch",),
    ),
    "an index that lags": Case(answers={"visible_after": 0.5}),
    "an API that is blocked": Case(answers={"api": "blocked"}),
    "an API that is not enabled": all_refused(
        5, "Artifact Registry's API is not enabled", answers={"api": "disabled"}
    ),
    "another format": Case(
        answers={"format": "MAVEN"},
        outcomes=(*((2, "is a repository of format MAVEN"),) * 4, NO_PACKAGE),
    ),
    "no repository, by 404": all_refused(4, MISSING, answers={}, place="us-central1/demo/pypj"),
    "no repository, by a page": all_refused(
        4,
        MISSING,
        answers={"unknown_repository": reply(404, NOTHING)},
        place="us-central1/demo/pypj",
    ),
    "no repository, by 403": all_refused(
        5, "may not read", answers={"unknown_repository": reply(403)}, place="us-central1/demo/pypj"
    ),
    "no credentials, by 401": all_refused(
        5, "asks for credentials and there are none", answers={}, token=""
    ),
    "no credentials, by 403": all_refused(
        5, "may not read", answers={"no_credentials": reply(403)}, token=""
    ),
    "a bad token, by 401": all_refused(
        5, "does not accept the credentials", answers={}, token="wrong"
    ),
    "a bad token, by 403": all_refused(
        5, "may not read", answers={"bad_credentials": reply(403)}, token="wrong"
    ),
    "a key as no login": all_refused(
        5,
        "give a token to the user name oauth2accesstoken",
        answers={},
        token="bm90aGluZw==",
        user="_json_key_base64",
    ),
    "no reader, by 403": Case(
        answers={},
        outcomes=(NO_READER, NO_WRITER, NO_WRITER, NO_READER, NO_READER),
        token="strange",
    ),
    "no reader, by 404": all_refused(
        5, "may not read", answers={"may_not_read": reply(404)}, token="strange"
    ),
    "no writer, by 403": Case(answers={}, outcomes=ONLY_READS, token="reads"),
    "no writer, by 403 without text": Case(
        answers={"may_not_upload": reply(403)}, outcomes=ONLY_READS, token="reads"
    ),
    "another mode, by the API": Case(
        answers={},
        outcomes=(*((2, "is a virtual repository, which takes no uploads"),) * 4, NO_PACKAGE),
        place="us-central1/demo/all",
    ),
    "another mode, by the upload": Case(
        answers={"api": "blocked"},
        outcomes=((0, "new"), MODE, MODE, (0, "new"), NO_PACKAGE),
        place="us-central1/demo/all",
    ),
    "another mode, by 405": Case(
        answers={"api": "blocked", "wrong_mode": reply(405)},
        outcomes=MODE_UNKNOWN,
        place="us-central1/demo/all",
    ),
    "a domain before a slash": Case(
        answers={}, place="https://us-central1-python.pkg.dev/example.com/demo/pypi/"
    ),
    "a domain before a colon": Case(
        answers={"domain_separator": ":"},
        place="https://us-central1-python.pkg.dev/example.com:demo/pypi/",
    ),
    "a domain before a colon, and an address with a slash": Case(
        answers={"domain_separator": ":"},
        outcomes=((0, "new"), COLON, COLON, (0, "new"), NO_PACKAGE),
        place="us-central1/example.com:demo/pypi",
    ),
}
OF_THEIR_OWN = {"deleted_project", "existing_file", "index_kept_for"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_publish_check_and_versions_end_as_they_should(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
) -> None:
    project = str(make_project(tmp_path / "tides", "tides", case.version))
    with Emulator(
        tmp_path / "registry",
        repositories=["demo/pypi", "example.com/demo/pypi"],
        virtuals={"demo/all": {"demo/pypi": 1}},
        token=TOKEN,
        more_tokens={"reads": "reader", "strange": "none"},
        answers=Answers(**case.answers),
    ) as emulator:
        use(emulator, monkeypatch, case.place, case.token, case.user)
        for command, (exit_code, text) in zip(COMMANDS, case.outcomes, strict=True):
            arguments = ["tides"] if command == "versions" else [project, *case.options]
            found = main(["-q", command, *arguments, "--json"])
            told = capsys.readouterr()
            assert (found, text in told.out + told.err) == (exit_code, True), (command, told)


def test_every_answer_that_can_be_chosen_is_tried() -> None:
    tried = {key for case in CASES.values() for key in case.answers}

    assert tried | OF_THEIR_OWN == {it.name for it in fields(Answers)}


@pytest.mark.parametrize(
    "answer",
    [reply(400, "Requested entity already exists.\n"), reply(400, "It already exists"), reply(409)],
    ids=["now", "other words", "409"],
)
def test_a_file_that_exists_and_is_not_listed_yet_is_waited_for(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: Reply,
) -> None:
    project = make_project(tmp_path / "tides", "tides")
    make_distributions(project)
    posts: list[str] = []

    def hide(request: Request) -> Fault | None:
        posts.extend([request.path] * (request.method == "POST"))
        is_hidden = len(posts) < 2 and "/simple/" in request.path
        return Fault(answer=Answer(404)) if is_hidden else None

    with (
        Emulator(tmp_path / "registry", token=TOKEN, answers=Answers(existing_file=answer)) as it,
        FaultyRegistry(it, hide) as registry,
    ):
        use(it, monkeypatch)
        assert main(["-q", "upload", str(project)]) == 0
        capsys.readouterr()
        use(registry, monkeypatch)
        assert main(["-q", "upload", str(project), "--json"]) == 0

    again = json.loads(capsys.readouterr().out)
    assert {(row["outcome"], row["result"]) for row in again} == {("identical", "found")}
    assert len(posts) >= len(again) == 2


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
def test_an_api_that_is_blocked_leaves_it_to_the_upload_and_one_that_is_off_is_reported(
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
        use(emulator, monkeypatch, "us-central1/demo/all")
        for command in ("check", "publish"):
            assert main([command, berths]) == 2
            lines = capsys.readouterr().err.splitlines()
            assert lines[-2].startswith(
                "error: 'all' is a virtual repository, which takes no upload"
            )
            assert lines[-1] == f"  hint: {standard}"
            assert not [line for line in lines if line.startswith("Built")]
        # Its page is there: only the upload is refused.
        assert main(["publish", tides, berths]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"  hint: {standard}"
