"""What a generator of triggers must get right, each point with its test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.errors import InputError
from tests.unit.triggers.test_manifest import CONNECTION, SMALLEST
from triggers.dependencies import Dependencies
from triggers.documents import Quoted, dump
from triggers.inline import build_config_paths, put_inline
from triggers.inventory import Inventory, Target
from triggers.manifest_file import parse_manifest
from triggers.names import trigger_name
from triggers.render import TRIGGER_LIMIT, Rendering, render
from triggers.settings import anchor, service_account_resource

if TYPE_CHECKING:
    from triggers.model import Trigger

NAME = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$"
CHECK_ACCOUNT = (
    "projects/my-project/serviceAccounts/shipwheel-check@my-project.iam.gserviceaccount.com"
)


def package(
    path: str, *dependencies: str, own: bool = False, files: tuple[str, ...] = ()
) -> Target:
    local = Dependencies(dependencies, dependencies, files)
    name = path.rsplit("/", 1)[-1]
    return Target(kind="package", path=path, name=name, has_own_config=own, dependencies=local)


def function(path: str, *dependencies: str) -> Target:
    local = Dependencies(dependencies, dependencies)
    return Target(kind="function", path=path, name=path, dependencies=local)


def rendered(*targets: Target, **manifest: Any) -> Rendering:
    return render(parse_manifest({**SMALLEST, **manifest}), Inventory(targets=targets))


def documents(*targets: Target, **manifest: Any) -> list[dict[str, Any]]:
    text = dump([trigger.document() for trigger in rendered(*targets, **manifest).triggers])
    return [*yaml.safe_load_all(text)]


def problems(*targets: Target, **manifest: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        rendered(*targets, **manifest)
    return [str(problem) for problem in caught.value.problems]


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


class TestEvents:
    """4. Anchored patterns, and exactly one of what excludes each other."""

    @pytest.mark.parametrize(
        ("pattern", "anchored"),
        [
            ("main", "^main$"),
            ("^main$", "^main$"),
            ("^main", "^main$"),
            ("main$", "^main$"),
            ("main|release", "^(?:main|release)$"),
            ("^main$|^release$", "^(?:main$|^release)$"),
            (r"price\$", r"^price\$$"),
            (r"odd\\$", r"^odd\\$"),
        ],
    )
    def test_a_pattern_matches_whole_names_only(self, pattern: str, anchored: str) -> None:
        assert anchor(pattern) == anchored

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

        assert problem.startswith(f"The path {path!r} cannot be written as a glob: it has ")

    def test_so_is_a_dependency_that_no_glob_can_name(self) -> None:
        [problem] = problems(package("a", "p/{b}"))

        assert problem.startswith("The path 'p/{b}' cannot be written as a glob: it has { }")

    def test_an_own_config_publishes_and_the_shared_one_checks(self) -> None:
        check, publish = documents(package("a", own=True))

        assert check["filename"] == "cloudbuild/check-package.yaml"
        assert publish["filename"] == "a/cloudbuild.yaml"
        assert publish["substitutions"] == {"_REGION": "us-east4", "_REPO": "pypi"}


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
        assert problems()[0].startswith("There is no package and no function here")

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
        assert "`grouping: directory`" in warning.hint

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


class TestFunctions:
    """What the deploy config is given."""

    def test_a_functions_settings_become_substitutions(self) -> None:
        [document] = documents(
            function("functions/My_Function", "p/a"),
            deploy={"function": {"runtime": "python312"}},
            overrides={
                "functions/My_Function": {
                    "deploy": {
                        "function": {
                            "entryPoint": "go",
                            "tool": "run",
                            "environment": {"PRICE": "5$ ${EACH}"},
                            "requirements": {"vendor": "vendor"},
                        }
                    }
                }
            },
        )

        assert document["substitutions"] == {
            "_DEPLOY_FLAGS": (
                '{"--region":"us-east4","--base-image":"python312","--function":"go",'
                '"--set-env-vars":{"PRICE":"5\\u0024 \\u0024{EACH}"},'
                '"--set-build-env-vars":{"GOOGLE_PYTHON_PACKAGE_MANAGER":"pip",'
                '"GOOGLE_VENDOR_PIP_DEPENDENCIES":"vendor"}}'
            ),
            "_DIRECTORY": "functions/My_Function",
            "_FUNCTION": "my-function",
            "_IMAGE": SMALLEST["image"],
            "_REGION": "us-east4",
            "_REPO": "pypi",
            "_REQUIREMENTS": (
                "--runtime=python312 --entry-point=go --package-manager=pip"
                " --virtual=us-east4/my-project/pypi-all --vendor=vendor"
            ),
            "_TOOL": "run",
        }
        assert document["includedFiles"] == [
            "functions/My_Function/**", "p/a/**", "cloudbuild/deploy-function.yaml",
        ]  # fmt: skip

    def test_settings_that_no_substitution_can_hold_are_refused(self) -> None:
        variables = {f"VARIABLE_{number}": "x" * 100 for number in range(40)}
        [problem] = problems(function("f"), deploy={"function": {"environment": variables}})

        assert re.match(
            r"The settings of the function in 'f' have \d+ characters, more than the 4000 ", problem
        )

    def test_a_function_that_is_not_deployed_from_here_may_contradict_itself(self) -> None:
        found = documents(
            package("a"), function("f"), deploy={"enabled": False, "function": {"cpu": 0.5}}
        )

        assert [document["name"] for document in found] == ["a-check", "a-publish"]

    def test_a_function_needs_a_region_where_the_triggers_have_none(self) -> None:
        [problem] = problems(function("f"), region="global")

        assert problem.startswith("The function in 'f' has no region")


class TestAfterPublish:
    """A function is deployed by the build that publishes what it needs, or by the push."""

    TARGETS = (
        package("p/a", "p/b"),
        package("p/b"),
        package("q"),
        function("f", "p/a", "p/b", "libs/shared"),
        function("g", "p/b"),
    )

    def found(self, **manifest: Any) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in documents(*self.TARGETS, **manifest)}

    def test_by_default_a_push_to_a_package_deploys(self) -> None:
        found = self.found()

        assert found["f-deploy"]["includedFiles"][:4] == [
            "f/**", "p/a/**", "p/b/**", "libs/shared/**",
        ]  # fmt: skip
        assert "_THEN_DEPLOY" not in str(found)

    def test_the_builds_that_publish_start_the_deployment_and_the_push_no_more(self) -> None:
        found = self.found(deploy={"afterPublish": True})

        assert found["f-deploy"]["includedFiles"] == [
            "f/**", "libs/shared/**", "cloudbuild/deploy-function.yaml",
        ]  # fmt: skip
        then = {
            name: (each["filename"], each["substitutions"].get("_THEN_DEPLOY"))
            for name, each in found.items()
            if name.endswith("publish")
        }
        assert then == {
            "p-a-publish": ("cloudbuild/publish-package-then-deploy.yaml", "f-deploy"),
            "p-b-publish": ("cloudbuild/publish-package-then-deploy.yaml", "f-deploy g-deploy"),
            "q-publish": ("cloudbuild/publish-package.yaml", None),
        }
        assert (
            "cloudbuild/publish-package-then-deploy.yaml" in found["p-a-publish"]["includedFiles"]
        )

    def test_one_function_may_differ_from_the_others(self) -> None:
        found = self.found(
            deploy={"afterPublish": True},
            overrides={"f": {"deploy": {"afterPublish": False}}, "g": {"name": "other"}},
        )

        assert "p/a/**" in found["f-deploy"]["includedFiles"]
        assert found["p-a-publish"]["filename"] == "cloudbuild/publish-package.yaml"
        assert found["p-b-publish"]["substitutions"]["_THEN_DEPLOY"] == "other-deploy"

    def test_a_package_that_is_not_published_deploys_with_the_push(self) -> None:
        found = self.found(
            deploy={"afterPublish": True}, overrides={"p/a": {"publish": {"enabled": False}}}
        )

        assert found["f-deploy"]["includedFiles"][:2] == ["f/**", "p/a/**"]
        assert found["p-b-publish"]["substitutions"]["_THEN_DEPLOY"] == "f-deploy g-deploy"

    def test_a_function_that_is_not_deployed_is_not_started(self) -> None:
        found = self.found(
            deploy={"afterPublish": True}, overrides={"f": {"deploy": {"enabled": False}}}
        )

        assert found["p-b-publish"]["substitutions"]["_THEN_DEPLOY"] == "g-deploy"

    def test_a_directory_of_packages_starts_them_all(self) -> None:
        found = self.found(deploy={"afterPublish": True}, grouping="directory")

        assert found["f-deploy"]["includedFiles"][:2] == ["f/**", "libs/shared/**"]
        publish = found["p-publish"]
        assert publish["filename"] == "cloudbuild/publish-directory-then-deploy.yaml"
        assert publish["substitutions"]["_THEN_DEPLOY"] == "f-deploy g-deploy"

    def test_an_upload_by_cloud_build_itself_comes_too_late_to_start_anything(self) -> None:
        native = "cloudbuild/publish-package-native.yaml"
        [first, _second] = problems(
            *self.TARGETS, deploy={"afterPublish": True}, publish={"buildConfig": native}
        )

        assert first == (
            f"'f' would be deployed before 'p/a' is published: Cloud Build uploads what {native!r}"
            " built after all of its steps"
            "\n  hint: publish it through twine, or take `deploy.afterPublish` out"
        )

    def test_more_functions_than_a_substitution_holds_are_refused(self) -> None:
        functions = [function(f"functions/{'x' * 60}-{number}", "a") for number in range(70)]
        [problem] = problems(package("a"), *functions, deploy={"afterPublish": True})

        assert problem.startswith("70 functions are deployed after 'a': more names of triggers")
