"""Rendered triggers: events, names and accounts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from tests.unit.triggers.rendering.rendering import (
    CHECK_ACCOUNT,
    documents,
    function,
    package,
    problems,
)
from triggers.cloudbuild.conditions import anchored as anchor
from triggers.discovery.targets import trigger_name
from triggers.manifest.manifest import parse_manifest
from triggers.manifest.settings import resolve, service_account_resource

NAME = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$"


class TestEvents:
    """4. Anchored patterns, and exactly one of what excludes each other."""

    @pytest.mark.parametrize("pattern", ["main|release", "^main$|^release$", "(main|release)"])
    def test_an_anchored_choice_matches_each_and_nothing_around(self, pattern: str) -> None:
        matching = ["main", "release", "mainly", "the-main", "releases", "x-release"]
        assert [name for name in matching if re.search(anchor(pattern), name)] == matching[:2]

    @pytest.mark.parametrize(
        ("source", "key"),
        [
            (SMALLEST["source"], "github"),
            ({"repository": f"{CONNECTION}/repositories/r"}, "repositoryEventConfig"),
            (
                {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"},
                "developerConnectEventConfig",
            ),
        ],
    )  # fmt: skip
    def test_a_trigger_has_one_source_one_event_and_one_build(
        self, source: dict[str, Any], key: str
    ) -> None:
        sources = {"github", "repositoryEventConfig", "developerConnectEventConfig"}
        for document in documents(package("a"), function("f"), source=source):
            assert sources & document.keys() == {key}
            [event] = {"push", "pullRequest"} & document[key].keys()
            assert len({"branch", "tag"} & document[key][event].keys()) == 1
            assert {"build", "filename", "gitFileSource"} & document.keys() == {"filename"}

    def test_a_tag_takes_the_place_of_the_branch_and_back_again(self) -> None:
        layered = documents(
            package("a"), package("b"),
            publish={"tag": "v.*"}, overrides={"b": {"publish": {"branch": "release"}}},
        )  # fmt: skip

        assert [document["github"].get("push") for document in layered] == [
            None, {"tag": "^v.*$"}, None, {"branch": "^release$"},
        ]  # fmt: skip


class TestFiles:
    """7. Everything that a build depends on starts it, and nothing is said twice."""

    def test_directory_dependencies_config_and_extras_start_the_build(self) -> None:
        _, publish = documents(
            package("p/a", "p/b", "libs/c", files=("constraints.txt",)),
            includedFiles=["Makefile"],
            publish={"includedFiles": ["tools/**"]},
            overrides={"p/a": {"ignoredFiles": ["**/*.md"], "publish": {"includedFiles": ["x"]}}},
        )

        assert publish["includedFiles"] == [
            "p/a/**", "p/b/**", "libs/c/**", "constraints.txt",
            "cloudbuild/publish-package.yaml", "Makefile", "tools/**", "x",
        ]  # fmt: skip
        assert publish["ignoredFiles"] == ["**/*.md"]

    def test_what_needs_no_release_starts_neither_the_package_nor_what_is_built_from_it(
        self,
    ) -> None:
        documented = documents(
            package("p/a", unversioned=("tests/**", "*.md")), package("p/b", "p/a"),
            package(".", unversioned=("docs/**",)), function("f", "p/a"),
            unversioned=["*.md", "examples/**"], publish={"ignoredFiles": ["x"]},
        )  # fmt: skip

        of_a = ["p/a/tests/**", "p/a/*.md", "p/a/examples/**"]
        of_b = ["p/b/*.md", "p/b/examples/**"]
        of_root = ["docs/**", "*.md", "examples/**"]
        assert [it.get("ignoredFiles") for it in documented] == [
            of_a, ["x", *of_a], [*of_a, *of_b], ["x", *of_a, *of_b], of_root, ["x", *of_root], of_a,
        ]  # fmt: skip

    def test_of_packages_in_each_other_only_what_holds_for_both_is_ignored(self) -> None:
        check, _ = documents(
            package("p", unversioned=("**/*.md", "**/*.rst")),
            package("p/a", unversioned=("**/*.md",)),
            grouping="directory",
        )

        assert check["ignoredFiles"] == ["p/**/*.md", "p/a/**/*.md"]

    def test_an_extra_that_is_included_anyway_is_not_said_again(self) -> None:
        check, _ = documents(package("p/a"), includedFiles=["p/a/**", "x"])

        assert check["includedFiles"] == ["p/a/**", "cloudbuild/check-package.yaml", "x"]

    def test_a_file_that_no_glob_can_name_is_refused(self) -> None:
        [problem] = problems(package("a", files=("pins{1}.txt",)))

        assert problem.startswith("The path 'pins{1}.txt' cannot be a glob: it has { }")

    def test_what_another_glob_includes_is_not_said_again(self) -> None:
        _, publish = documents(package("p/a", "p/a/nested", own=True))

        assert publish["filename"] == "p/a/cloudbuild.yaml"
        assert publish["includedFiles"] == ["p/a/**"]

    def test_the_root_includes_everything(self) -> None:
        check, _ = documents(package(".", "libs/a"))

        assert check["includedFiles"] == ["**"]

    def test_a_directory_that_begins_like_another_is_not_mistaken_for_it(self) -> None:
        check, _ = documents(package("p/a", "p/ab"))

        assert check["includedFiles"][:2] == ["p/a/**", "p/ab/**"]

    @pytest.mark.parametrize("path", ["p/[a]", "p/{a,b}", "p/a*", "p/$HOME", "a,b"])
    def test_a_directory_that_no_glob_can_name_is_refused(self, path: str) -> None:
        [problem] = problems(package(path))

        assert problem.startswith(f"The path {path!r} cannot be a glob: it has ")

    def test_so_is_a_dependency_that_no_glob_can_name(self) -> None:
        [problem] = problems(package("a", "p/{b}"))

        assert problem.startswith("The path 'p/{b}' cannot be a glob: it has { }")

    def test_an_own_config_publishes_and_the_shared_one_checks(self) -> None:
        check, publish = documents(package("a", own=True))

        assert check["filename"] == "cloudbuild/check-package.yaml"
        assert publish["filename"] == "a/cloudbuild.yaml"
        assert publish["substitutions"] == {
            "_PROJECT": "my-project",
            "_REGION": "us-central1",
            "_REPO": "pypi",
        }


class TestSettings:
    """The last layer with a branch or a tag decides, and leaves only that."""

    @pytest.mark.parametrize(
        ("publish", "own", "reference"),
        [
            ({}, {}, ("^main$", "")),
            ({"branch": "dev"}, {}, ("^dev$", "")),
            ({"tag": "v.*"}, {}, ("", "^v.*$")),
            ({"tag": "v.*"}, {"branch": "dev"}, ("^dev$", "")),
            ({"branch": "dev"}, {"tag": "v.*"}, ("", "^v.*$")),
        ],
    )
    def test_a_publish_waits_for_a_branch_or_for_a_tag(
        self, publish: dict[str, str], own: dict[str, str], reference: tuple[str, str]
    ) -> None:
        manifest = {**SMALLEST, "publish": publish, "overrides": {"a": {"publish": own}}}
        settings = resolve(parse_manifest(manifest), "a", "publish")

        assert (settings.branch, settings.tag) == reference


class TestNames:
    """1. Names are legal, follow from the path, and do not collide. 2. They stay."""

    @pytest.mark.parametrize(
        "path",
        ["packages/my_package", "a.b/c d", "_x_", ".", "pakete/größe", "p/" + "x" * 300],
    )
    @pytest.mark.parametrize("prefix", ["", "monorepo"])
    def test_a_name_is_one_that_cloud_build_takes(self, path: str, prefix: str) -> None:
        name = trigger_name(path, "publish", prefix=prefix)

        assert re.fullmatch(NAME, name)
        assert name.endswith("publish")

    def test_long_paths_that_begin_alike_keep_different_names(self) -> None:
        names = {trigger_name(f"packages/{'x' * 100}/{n}", "check") for n in range(50)}

        assert len(names) == 50
        assert {len(name) for name in names} == {64}

    def test_a_name_does_not_change_from_one_release_to_the_next(self) -> None:
        assert trigger_name("packages/a_b", "check") == "packages-a-b-check"
        assert trigger_name("X/a", "check") == "X-a-check"
        assert trigger_name(".", "check") == "check"
        assert trigger_name(".", "check", prefix="repo") == "repo-check"
        assert trigger_name("a" * 58, "check") == f"{'a' * 58}-check"
        assert re.fullmatch(
            "a{48}-[0-9a-f]{8}-check", trigger_name(f"{'a' * 48}/{'b' * 40}", "check")
        )
        assert trigger_name("p/" + "x" * 80, "check", prefix="repo") == (
            "repo-p-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-2024566a-check"
        )

    @pytest.mark.parametrize(("prefix", "first"), [(None, "monorepo"), ("team", "team")])
    def test_a_package_at_the_root_is_named_after_its_repository(
        self, prefix: str | None, first: str
    ) -> None:
        names = [it["name"] for it in documents(package("."), namePrefix=prefix)]

        assert names == [f"{first}-check", f"{first}-publish"]

    def test_names_that_collide_are_refused_naming_both_directories(self) -> None:
        assert problems(package("p/a_b"), package("p/a.b")) == [
            (
                f"2 triggers have the name 'p-a-b-{kind}': those of 'p/a_b', 'p/a.b'"
                '\n  hint: give one of them another: `overrides["p/a.b"].name` in the manifest'
            )
            for kind in ("check", "publish")
        ]

    def test_an_override_gives_a_name_that_stays_when_the_directory_moves(self) -> None:
        names = [
            document["name"]
            for document in documents(
                package("p/a_b"), package("p/a.b"), overrides={"p/a.b": {"name": "dotted"}}
            )
        ]

        assert names == ["p-a-b-check", "p-a-b-publish", "dotted-check", "dotted-publish"]

    def test_a_prefix_keeps_repositories_of_one_project_apart(self) -> None:
        [check, _] = documents(package("a"), namePrefix="monorepo")

        assert check["name"] == "monorepo-a-check"

    def test_a_document_has_a_name_and_no_id(self) -> None:
        for document in documents(package("a"), function("f")):
            assert "name" in document
            assert "id" not in document


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
