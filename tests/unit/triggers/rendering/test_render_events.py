"""What starts a rendered trigger: one event of one source, and every file that the build needs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from tests.unit.triggers.rendering.rendering import documents, function, package, problems
from triggers.cloudbuild.conditions import anchored as anchor
from triggers.manifest.manifest import parse_manifest
from triggers.manifest.settings import resolve


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

    def test_a_directory_that_begins_like_another_is_not_taken_for_it(self) -> None:
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
        assert publish["substitutions"] == {"_REGION": "us-central1", "_REPO": "pypi"}


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
