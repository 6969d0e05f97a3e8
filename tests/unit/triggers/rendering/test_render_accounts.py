"""The accounts that rendered triggers run as: a pull request's never publishes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.triggers.rendering.rendering import (
    CHECK_ACCOUNT,
    documents,
    function,
    package,
    problems,
)
from triggers.manifest.settings import service_account_resource


class TestAccounts:
    """5. Pull requests get no account that publishes. 6. Accounts are written in full."""

    def test_a_check_has_comment_control_and_an_account_of_its_own(self) -> None:
        check, publish = documents(package("a"))

        assert check["github"]["pullRequest"] == {
            "branch": "^main$",
            "commentControl": "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY",
        }
        assert check["serviceAccount"] == CHECK_ACCOUNT
        assert publish["serviceAccount"] == CHECK_ACCOUNT.replace("check", "publish")

    @pytest.mark.parametrize("control", ["COMMENTS_DISABLED", "COMMENTS_ENABLED"])
    def test_comment_control_is_written_even_when_it_is_the_services_zero(
        self, control: str
    ) -> None:
        check, _ = documents(package("a"), check={"commentControl": control})

        assert check["github"]["pullRequest"]["commentControl"] == control

    @pytest.mark.parametrize(
        "manifest",
        [
            {"check": {"serviceAccount": "shipwheel-publish"}},
            {"publish": {"serviceAccount": "shipwheel-check@my-project.iam.gserviceaccount.com"}},
            {"overrides": {"a": {"publish": {"serviceAccount": CHECK_ACCOUNT}}}},
            {"deploy": {"serviceAccount": "shipwheel-check"}},
        ],
    )
    def test_a_pull_request_never_runs_as_an_account_that_publishes(
        self, manifest: dict[str, Any]
    ) -> None:
        found = problems(package("a"), package("b"), function("f"), **manifest)

        assert len(found) == 2
        assert all(problem.startswith("The check of ") for problem in found)

    @pytest.mark.parametrize(
        ("account", "project", "resource"),
        [
            ("ci", "p", "projects/p/serviceAccounts/ci@p.iam.gserviceaccount.com"),
            ("ci", "a.b:p", "projects/a.b:p/serviceAccounts/ci@p.a.b.iam.gserviceaccount.com"),
            ("1@x.com", "p", "projects/p/serviceAccounts/1@x.com"),
            ("projects/q/serviceAccounts/x", "p", "projects/q/serviceAccounts/x"),
        ],
    )  # fmt: skip
    def test_an_account_is_a_whole_resource_name(
        self, account: str, project: str, resource: str
    ) -> None:
        assert service_account_resource(account, project) == resource
