"""The triggers of functions: their settings, and how a publish starts a deployment."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.triggers.manifest.test_manifest import SMALLEST
from tests.unit.triggers.rendering.rendering import documents, function, package, problems, rendered


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
                '{"--region":"us-central1","--base-image":"python312","--function":"go",'
                '"--build-service-account":"projects/my-project/serviceAccounts/'
                'builder@my-project.iam.gserviceaccount.com",'
                '"--set-env-vars":{"PRICE":"5\\u0024 \\u0024{EACH}"},'
                '"--set-build-env-vars":{"GOOGLE_PYTHON_PACKAGE_MANAGER":"pip",'
                '"GOOGLE_VENDOR_PIP_DEPENDENCIES":"vendor"}}'
            ),
            "_DIRECTORY": "functions/My_Function",
            "_FUNCTION": "my-function",
            "_IMAGE": SMALLEST["image"],
            "_PROJECT": "my-project",
            "_REGION": "us-central1",
            "_REPO": "pypi",
            "_REQUIREMENTS": (
                "--runtime=python312 --entry-point=go --package-manager=pip"
                " --virtual=us-central1/my-project/pypi-all --vendor=vendor"
            ),
            "_TOOL": "run",
        }
        assert document["includedFiles"] == [
            "functions/My_Function/**", "p/a/**", "cloudbuild/deploy-function.yaml",
        ]  # fmt: skip

    def test_a_runtime_is_refused_or_warned_of_as_google_supports_it(self) -> None:
        def deploy(runtime: str) -> dict[str, Any]:
            return {"function": {"runtime": runtime}}

        [refused] = problems(function("f"), deploy=deploy("python39"))
        [warning] = rendered(function("f"), deploy=deploy("python399")).warnings

        assert refused.startswith("f: The runtime 'python39' was decommissioned on 2026-04-05")
        assert warning.message == "f: The runtime 'python399' is not in Google's list of 2026-11"
        assert (
            rendered(function("f"), deploy={"enabled": False, **deploy("python39")}).warnings == ()
        )

    def test_a_function_that_names_no_account_for_its_build_is_refused(self) -> None:
        said = (
            "The function in 'f' has no buildServiceAccount: Google may refuse to deploy it with a"
            " 403 before its build starts\n  hint: set `deploy.function.buildServiceAccount`, for"
            " example to shipwheel-build, and run `shipwheel setup --apply`"
        )
        nobody: dict[str, Any] = {"function": {"buildServiceAccount": None}}
        own = {"f": {"deploy": {"function": {"buildServiceAccount": "builder"}}}}

        assert problems(function("f"), function("g"), deploy=nobody, overrides=own) == [
            said.replace("'f'", "'g'")
        ]
        for other in ({"enabled": False}, {"buildConfig": "f/cloudbuild.yaml"}):
            assert documents(package("a"), function("f"), deploy={**nobody, **other})
        assert problems(function("f"), deploy={**nobody, "buildConfig": "a.yaml"}) == [said]

    def test_settings_that_no_substitution_can_hold_are_refused(self) -> None:
        variables = {f"VARIABLE_{number}": "x" * 100 for number in range(40)}
        [problem] = problems(function("f"), deploy={"function": {"environment": variables}})

        assert re.match(
            r"The settings of the function in 'f' have \d+ characters, more than the 4000 ", problem
        )

    def test_settings_that_fill_a_substitution_are_taken(self) -> None:
        def length(filling: str) -> int:
            [found] = documents(function("f"), deploy={"function": {"environment": {"A": filling}}})
            return len(found["substitutions"]["_DEPLOY_FLAGS"])

        assert length("x" * (4000 - length(""))) == 4000

    def test_settings_of_functions_are_no_matter_where_there_are_none(self) -> None:
        found = documents(package("a"), deploy={"function": {"cpu": 0.5}})

        assert [document["name"] for document in found] == ["a-check", "a-publish"]

    def test_a_function_that_is_not_deployed_from_here_may_contradict_itself(self) -> None:
        found = documents(
            package("a"), function("f"), deploy={"enabled": False, "function": {"cpu": 0.5}}
        )

        assert [document["name"] for document in found] == ["a-check", "a-publish"]

    @pytest.mark.parametrize(("folder", "name"), [("2fa", "2fa"), ("é", ""), ("a" * 64, "a" * 64)])
    def test_a_function_has_a_name_that_google_takes(self, folder: str, name: str) -> None:
        [problem] = problems(function(f"f/{folder}"))

        said = f"The function in 'f/{folder}' cannot have the name of its directory, {name!r}"
        assert problem.startswith(f"{said}\n  hint: name it: ")

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

    @pytest.mark.parametrize(
        ("publish", "awaited"),
        [
            ({}, ["p/a", "p/b"]),
            ({"tag": "v.*"}, ["p/b"]),
            ({"branch": "release"}, ["p/b"]),
            ({"approval": True}, ["p/b"]),
            ({"enabled": False}, ["p/b"]),
        ],
    )
    @pytest.mark.parametrize("after", [False, True])
    def test_a_deployment_waits_for_what_its_push_publishes_by_itself(
        self, publish: dict[str, Any], awaited: list[str], *, after: bool
    ) -> None:
        found = self.found(deploy={"afterPublish": after}, overrides={"p/a": {"publish": publish}})

        options = found["f-deploy"]["substitutions"]["_REQUIREMENTS"].split()
        assert [it for it in options if "wait-for" in it] == [f"--wait-for={it}" for it in awaited]

    def test_a_directory_of_packages_starts_each_for_the_packages_that_it_needs(self) -> None:
        found = self.found(deploy={"afterPublish": True}, grouping="directory")

        assert found["f-deploy"]["includedFiles"][:2] == ["f/**", "libs/shared/**"]
        publish = found["p-publish"]
        assert publish["filename"] == "cloudbuild/publish-directory-then-deploy.yaml"
        assert publish["substitutions"]["_THEN_DEPLOY"] == "f-deploy g-deploy:b"

    @pytest.mark.parametrize("count", [2, 300])
    def test_where_packages_have_no_name_yet_or_too_many_all_of_a_directory_count(
        self, count: int
    ) -> None:
        packages = [package(f"p/harbour-package-{number}") for number in range(count)]
        if count == 2:
            packages[0] = replace(packages[0], is_named=False)
        needed = (each.path for each in packages[:-1])
        *_, publish = documents(
            *packages,
            function("f", *needed),
            deploy={"afterPublish": True},
            grouping="directory",
        )

        assert publish["substitutions"]["_THEN_DEPLOY"] == "f-deploy"

    def test_an_upload_by_cloud_build_itself_comes_too_late_to_start_anything(self) -> None:
        native = "cloudbuild/publish-package-native.yaml"
        [first, second] = problems(
            *self.TARGETS, deploy={"afterPublish": True}, publish={"buildConfig": native}
        )

        assert first == (
            f"'f' would be deployed before 'p/a' is published: Cloud Build uploads what {native!r}"
            " built after all of its steps"
            "\n  hint: publish it through twine, or take `deploy.afterPublish` out"
        )
        assert second.startswith("'f', 'g' would be deployed before 'p/b' is published: ")

    def test_names_that_fill_a_substitution_are_taken(self) -> None:
        # Names with 63 or 64 characters, and spaces between them, have 4000 together.
        paths = [f"f{number:02}".ljust(57 if number < 33 else 56, "x") for number in range(62)]
        publish, *_ = documents(
            package("a"),
            *(function(path, "a") for path in paths),
            deploy={"afterPublish": True},
            check={"enabled": False},
        )

        then = publish["substitutions"]["_THEN_DEPLOY"]
        assert then == " ".join(f"{path}-deploy" for path in paths)
        assert len(then) == 4000

    def test_more_functions_than_a_substitution_holds_are_refused(self) -> None:
        functions = [function(f"functions/{'x' * 60}-{number}", "a") for number in range(70)]
        [problem] = problems(package("a"), *functions, deploy={"afterPublish": True})

        assert problem.startswith("70 functions are deployed after 'a': more names of triggers")


def test_two_functions_of_one_name_and_region_are_refused() -> None:
    """Each deployment would replace the other one's function."""
    targets = function("orders/function"), function("billing/function")

    [said] = problems(*targets)
    assert said.startswith("2 functions would be deployed as 'function' in 'us-central1'")
    assert 'hint: give one of them another name: `overrides["billing/function"]' in said
    elsewhere = {"deploy": {"function": {"region": "europe-west1"}}}
    assert len(documents(*targets, overrides={"billing/function": elsewhere})) == 2
    named = {"deploy": {"function": {"name": "billing"}}}
    assert len(documents(*targets, overrides={"billing/function": named})) == 2
