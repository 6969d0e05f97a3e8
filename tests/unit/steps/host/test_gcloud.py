"""A call of gcloud: what it says of an error decides which error of Shipwheel's it is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import AccessError, InputError, ServiceError, ShipwheelError
from steps.host.gcloud import ApiOffError, Call, NotYetError, ask_gcloud, run_gcloud

if TYPE_CHECKING:
    from pathlib import Path

CALL = Call(
    verb="artifacts packages list",
    arguments=("--project=demo",),
    takes="it takes a role",
    text="{}",
)


def gcloud(folder: Path, script: str) -> dict[str, str]:
    """Write a gcloud that does *script*, and return the environment in which it is found."""
    program = folder / "gcloud"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_call_is_echoed_and_returns_what_gcloud_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ = gcloud(tmp_path, 'echo "$@"; cat')

    with caplog.at_level(logging.INFO, "shipwheel"):
        done = run_gcloud(CALL, environ)

    assert done.stdout == "artifacts packages list --project=demo --quiet\n{}"
    line = "$ echo '{}' | gcloud artifacts packages list --project=demo --quiet"
    assert caplog.messages == [line]


REGIONS = (
    "set `region` in shipwheel.yaml to one of us-central1, us-west2, europe-west1, asia-east1,"
    " australia-southeast1, southamerica-east1, where every project may build, or ask Google"
    " Cloud's support for quota in this region"
)
AGAIN = "what was done before stays; run the same command again"


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        ("PERMISSION_DENIED: Denied on resource.", AccessError, "it takes a role"),
        ("anne does not have permission to access it", AccessError, "it takes a role"),
        ("Please run: $ gcloud auth login", AccessError, "log in: gcloud auth login"),
        ("There was a problem: invalid_grant", AccessError, "log in: gcloud auth login"),
        (
            "SERVICE_DISABLED: see https://console.cloud.google.com/apis/iam.googleapis.com/x",
            ApiOffError,
            "enable it: gcloud services enable iam.googleapis.com --project=demo",
        ),
        (
            "Billing must be enabled for activation of service",
            ServiceError,
            "link a billing account: gcloud billing projects link PROJECT",
        ),
        (
            "There were concurrent policy changes.",
            NotYetError,
            "run the same command again in a minute",
        ),
        (
            (
                "FAILED_PRECONDITION: failed precondition: due to quota restrictions, cannot run"
                " builds in this region. Please contact support"
            ),
            ServiceError,
            REGIONS,
        ),
        (
            "RESOURCE_EXHAUSTED: no concurrent builds quota available to create builds",
            ServiceError,
            REGIONS,
        ),
        ("INTERNAL: Something went wrong.", ServiceError, AGAIN),
    ],
)
def test_what_gcloud_says_decides_the_error(
    tmp_path: Path, said: str, kind: type[ShipwheelError], hint: str
) -> None:
    text = f"WARNING: UNAUTHENTICATED is of no account here\nERROR: (gcloud.artifacts) {said}"
    (tmp_path / "said").write_text(f"{text}\n more of it\n")
    environ = gcloud(tmp_path, f"cat {tmp_path}/said >&2; exit 1")

    with pytest.raises(ShipwheelError) as caught:
        run_gcloud(CALL, environ)

    assert type(caught.value) is kind
    (problem,) = caught.value.problems
    assert problem.message == f"`gcloud artifacts packages list` failed: {said}"
    assert problem.hint == hint


def test_a_gcloud_that_is_missing_or_slow_is_reported_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gcloud is not installed"):
        run_gcloud(CALL, {"PATH": str(tmp_path)})

    with pytest.raises(ServiceError, match=r"took longer than 0\.2 seconds"):
        run_gcloud(CALL, gcloud(tmp_path, "exec sleep 30"), seconds=0.2)


@pytest.mark.parametrize(("printed", "answer"), [('[{"name": "a"}]', [{"name": "a"}]), ("", None)])
def test_a_question_is_answered_with_json(tmp_path: Path, printed: str, answer: object) -> None:
    assert ask_gcloud(CALL, gcloud(tmp_path, f"echo '{printed}' | tr -d '\\n'")) == answer


def test_an_answer_that_is_not_json_is_not_a_bug_in_shipwheel(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="something else than JSON: 'Updates are available"):
        ask_gcloud(CALL, gcloud(tmp_path, "echo Updates are available"))
