"""The documents that triggers are rendered into: texts, order, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.host.documents import Quoted, dump
from steps.host.errors import InputError, Problem
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from tests.unit.triggers.rendering.rendering import documents, function, package, problems, rendered
from triggers.discovery.inventory import Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.rendering import TRIGGER_LIMIT, render
from triggers.rendering.repository import build_config_paths, put_inline

if TYPE_CHECKING:
    from triggers.rendering.trigger import Trigger


class TestTexts:
    """3. Texts stay texts in every reader. 14. Times are texts."""

    @pytest.mark.parametrize(
        "value",
        ["y", "no", "on", "012", "0o12", "1e3", "3.10", "1:30", "0x1f", "", "~", "null", "=",
         "a: b", "2026-01-01", "1_000", "'", '"', "#", "${TAG_NAME:-latest}", "ü", "a\nb", "- x",
         "!x", "&a"],
    )  # fmt: skip
    def test_a_substitution_is_quoted_whatever_it_looks_like(self, value: str) -> None:
        text = dump([{"substitutions": {"_X": Quoted(value)}}])

        assert text.split("_X: ")[1][0] in "'\""
        assert yaml.safe_load(text) == {"substitutions": {"_X": value}}

    @pytest.mark.parametrize(
        "value", ["y", "N", "no", "012", "0o12", "1e3", "1.5E-3", "3.10", "1:30"]
    )
    def test_a_text_that_some_reader_takes_for_something_else_is_quoted(self, value: str) -> None:
        assert dump([{"name": value}]) == f"---\nname: '{value}'\n"

    def test_branches_and_tags_are_quoted(self) -> None:
        text = dump(t.document() for t in rendered(package("a"), publish={"tag": "v.*"}).triggers)

        assert "    tag: '^v.*$'\n" in text
        assert "    branch: '^main$'\n" in text

    def test_a_script_stays_readable(self) -> None:
        assert dump([{"script": "a\nb\n"}]) == "---\nscript: |\n  a\n  b\n"

    def test_long_texts_stay_on_their_line(self) -> None:
        assert dump([{"description": "word " * 100 + "end"}]).count("\n") == 2


class TestStream:
    """8. One document per trigger, none empty, no list on top. 12. It is the whole truth."""

    def test_the_stream_begins_with_a_document_and_ends_with_one(self) -> None:
        text = dump((t.document() for t in rendered(package("a")).triggers), "Generated\nby hand")

        assert text.startswith("# Generated\n# by hand\n---\nname: a-check\n")
        assert text.count("\n---\n") == 2
        assert not text.rstrip().endswith("---")
        assert all(isinstance(document, dict) for document in yaml.safe_load_all(text))

    def test_the_region_is_not_in_the_documents(self) -> None:
        for document in documents(package("a"), region="europe-west1"):
            assert "europe-west1" not in str(document)

    def test_no_field_is_empty_or_null(self) -> None:
        def values(value: Any) -> list[Any]:
            if not isinstance(value, dict | list):
                return [value]
            inner = value.values() if isinstance(value, dict) else value
            return [value, *(leaf for each in inner for leaf in values(each))]

        for document in documents(package("a"), function("f")):
            assert not [value for value in values(document) if value in (None, "", [], {})]

    def test_there_is_no_rendering_of_nothing(self) -> None:
        assert problems()[0].startswith("No packages or functions found")

    def test_the_same_repository_renders_the_same(self) -> None:
        targets = [package("a", "b"), package("b"), function("f", "a")]

        first, second = (documents(*targets, substitutions={"_B": "1", "_A": "2"}) for _ in "12")

        assert first == second
        assert [*first[0]["substitutions"]] == sorted(first[0]["substitutions"])

    def test_generated_triggers_carry_a_tag(self) -> None:
        check, publish = documents(package("a"), tags=["team-a"], publish={"tags": ["release"]})

        assert check["tags"] == ["shipwheel", "team-a"]
        assert publish["tags"] == ["shipwheel", "team-a", "release"]

    def test_approval_is_asked_for_where_the_manifest_says_so(self) -> None:
        check, publish = documents(package("a"), publish={"approval": True})

        assert "approvalConfig" not in check
        assert publish["approvalConfig"] == {"approvalRequired": True}

    def test_a_kind_of_trigger_can_be_left_out(self) -> None:
        names = [
            document["name"]
            for document in documents(
                package("a"), package("b"), check={"enabled": False},
                overrides={"b": {"check": {"enabled": True}, "publish": {"enabled": False}}},
            )
        ]  # fmt: skip

        assert names == ["a-publish", "b-check"]


class TestInline:
    """9. What gcloud's import would change on the way is refused."""

    CONFIGS = {  # noqa: RUF012 - read only
        "cloudbuild/check-package.yaml": {"steps": [{"name": "a"}]},
        "cloudbuild/publish-package.yaml": {"steps": [{"name": "b"}]},
    }

    def triggers(self) -> tuple[Trigger, ...]:
        return rendered(package("a")).triggers

    def test_the_build_takes_the_place_of_the_file(self) -> None:
        check, publish = (t.document() for t in put_inline(self.triggers(), self.CONFIGS))

        assert check["build"] == {"steps": [{"name": "a"}]}
        assert publish["build"] == {"steps": [{"name": "b"}]}
        for document in (check, publish):
            assert "filename" not in document
            assert document["includedFiles"] == ["a/**"]

    def test_the_paths_of_the_configs_are_named_once(self) -> None:
        assert build_config_paths(rendered(package("a"), package("b")).triggers) == [*self.CONFIGS]

    @pytest.mark.parametrize(
        ("config", "path"),
        [
            ({"secrets": [{"secretEnv": {"MY_KEY": "x"}}]}, "secrets[0].secretEnv.MY_KEY"),
            (
                {"availableSecrets": {"inline": [{}, {"envMap": {"A_B": "x", "KEY": "y"}}]}},
                "availableSecrets.inline[1].envMap.A_B",
            ),
        ],
    )
    def test_a_variable_that_would_lose_its_underscores_is_refused(
        self, config: dict[str, Any], path: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            put_inline(self.triggers(), {**self.CONFIGS, "cloudbuild/check-package.yaml": config})

        [problem] = caught.value.problems
        assert problem.message.startswith(f"cloudbuild/check-package.yaml: `{path}` would lose")


class TestGrouping:
    """One trigger per top directory, where a trigger per package would be too many."""

    def test_more_triggers_than_a_project_holds_are_warned_about(self) -> None:
        targets = [package(f"p/{number:03}") for number in range(TRIGGER_LIMIT // 2)]

        assert rendered(*targets).warnings == ()
        [warning] = rendered(*targets, package("q")).warnings
        assert (
            warning.message == "302 triggers are more than the 300 that a project holds for certain"
        )
        assert warning.hint == (
            "`grouping: directory` in the manifest makes one trigger per top directory"
        )

    def test_what_a_directory_depends_on_comes_in_the_order_of_its_name(self) -> None:
        letters = "hbgdface"
        targets = [package(f"p/{it}", f"libs/{it}", files=(f"{it}.txt",)) for it in letters]

        check, _ = documents(*targets, grouping="directory")

        assert check["includedFiles"] == [
            "p/**",
            *(f"libs/{letter}/**" for letter in sorted(letters)),
            *(f"{letter}.txt" for letter in sorted(letters)),
            "cloudbuild/check-directory.yaml",
        ]

    def test_more_directories_than_a_project_holds_are_warned_about(self) -> None:
        targets = [package(f"{number:03}/a") for number in range(TRIGGER_LIMIT // 2 + 1)]

        [warning] = rendered(*targets, grouping="directory").warnings
        assert warning.hint == "ask for more quota, or spread the repository over projects"

    def test_what_was_odd_on_the_way_is_passed_on(self) -> None:
        odd = Problem("'a' depends on 'b', which does not exist", "fix the path, or remove it")
        inventory = Inventory(components=(package("a"),), warnings=(odd,))

        assert render(parse_manifest(SMALLEST), inventory).warnings == (odd,)

    def test_a_directory_publishes_what_changed_below_it(self) -> None:
        targets = [
            package("p/a", "p/b", "libs/x"),
            package("p/b"),
            package("q"),
            function("f", "q"),
        ]

        found = {each["name"]: each for each in documents(*targets, grouping="directory")}

        assert [*found] == ["f-deploy", "p-check", "p-publish", "q-check", "q-publish"]
        publish = found["p-publish"]
        assert publish["filename"] == "cloudbuild/publish-directory.yaml"
        assert publish["substitutions"]["_DIRECTORY"] == "p"
        assert publish["includedFiles"] == [
            "p/**", "libs/x/**", "cloudbuild/publish-directory.yaml",
        ]  # fmt: skip
