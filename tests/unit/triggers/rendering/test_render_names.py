"""The names of rendered triggers: legal, their own, and the same tomorrow."""

from __future__ import annotations

import re

import pytest

from tests.unit.triggers.rendering.rendering import documents, function, package, problems
from triggers.discovery.targets import trigger_name

NAME = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$"


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
