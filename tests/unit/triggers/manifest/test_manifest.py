from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import triggers
from steps.host.errors import Finding, InputError
from triggers.manifest.manifest import (
    manifest_findings,
    manifest_schema,
    parse_manifest,
    read_manifest,
)

SMALLEST: dict[str, Any] = {
    "project": "my-project",
    "region": "us-central1",
    "registry": "us-central1/my-project/pypi",
    "image": "us-central1-docker.pkg.dev/my-project/docker/shipwheel:1.0",
    "source": {"github": {"owner": "acme", "name": "monorepo"}},
}
CONNECTION = "projects/my-project/locations/us-central1/connections/hub"


def problems(**changes: Any) -> list[str]:
    """Return what is said of the smallest manifest with *changes*; None takes a key out."""
    data = {key: value for key, value in {**SMALLEST, **changes}.items() if value is not None}
    with pytest.raises(InputError) as caught:
        parse_manifest(data)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = Path(triggers.__path__[0]) / "shipwheel.schema.json"

    assert published.read_text(encoding="utf-8") == manifest_schema() + "\n"


def test_triggers_are_in_the_region_of_their_connection() -> None:
    assert problems(region="us-west2", source={"repository": f"{CONNECTION}/repositories/r"}) == [
        (
            "shipwheel.yaml: `source` is connected in 'us-central1', and `region` is 'us-west2'"
            "\n  hint: set `region` to 'us-central1': triggers run where their connection is"
        )
    ]


@pytest.mark.parametrize("project", ["My-Project", "my_project", "1st"])
def test_what_a_project_id_is_is_said_in_words(project: str) -> None:
    assert problems(project=project) == [
        (
            f"shipwheel.yaml: `project` is {project!r}"
            "\n  hint: write the project's ID: lower-case letters, digits and -, a letter first"
        )
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"source": {"repository": "hub/mono"}},
            "write projects/P/locations/L/connections/C/repositories/R",
        ),
        (
            {"source": {"gitRepositoryLink": "hub/mono"}},
            "write projects/P/locations/L/connections/C/gitRepositoryLinks/R",
        ),
        (
            {"check": {"serviceAccount": "a b"}},
            "write the account's name (lower-case letters, digits and -), or its address",
        ),
        ({"namePrefix": "-a"}, "up to 64 letters, digits and -, with no - at either end"),
    ],
)
def test_what_a_text_has_to_look_like_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    [said] = problems(**changes)

    assert said.partition("\n  hint: ")[2] == words


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            {"name": "F"},
            "up to 63 lower-case letters, digits and -, a letter first, no - at the end",
        ),
        ({"entryPoint": "1st"}, "letters, digits and _, no digit first"),
        ({"environment": {"A-B": "x"}}, "letters, digits and _, no digit first"),
        (
            {"secrets": {"a/b": "key:1"}},
            "write a variable, or a file in a directory, such as /secrets/key",
        ),
        ({"secrets": {"KEY": "key"}}, "write the secret and its version: key:latest, or key:3"),
        (
            {"trigger": {"topic": "a/b"}},
            "write its name alone: 3 to 255 letters, digits and _ . ~ + % -, a letter first",
        ),
        (
            {"trigger": {"bucket": "gs://a"}},
            (
                "write its name alone: 3 to 222 lower-case letters,"
                " digits and . _ -, none of these at an end"
            ),
        ),
        ({"requirements": {"vendor": "a b"}}, "write it with letters, digits and . _ / - only"),
        ({"runtime": "python2"}, "write a Python of Google's, such as python313"),
        ({"memory": "512KB"}, "write a number and M, Mi, G or Gi: 512Mi"),
        ({"timeout": "a while"}, "write seconds or a duration, from 1s to 9999s"),
        ({"vpcConnector": "A"}, "write it with lower-case letters, digits, / and - only"),
    ],
)
def test_what_a_text_of_a_function_has_to_look_like_is_said_in_words(
    function: dict[str, Any], words: str
) -> None:
    [said] = problems(deploy={"function": function})

    assert said.partition("\n  hint: ")[2] == words


def test_all_errors_come_at_once_each_with_its_path() -> None:
    assert problems(
        project=None,
        region="US East",
        substitutions={"REGION": "x"},
        source={"github": {"owner": "acme"}},
        publish={"approval": "yes", "tags": ["a b"]},
        overrides={"packages/a": {"check": {"branch": "ma(in"}}},
    ) == [
        (
            "shipwheel.yaml: `substitutions.REGION` is not the name of a substitution: 'REGION'"
            "\n  hint: write _, then A-Z, 0-9 or _"
        ),
        "shipwheel.yaml: `project` is missing\n  hint: add it; `shipwheel init` shows where",
        "shipwheel.yaml: `region` is 'US East'\n  hint: write a region's name, such as us-central1",
        (
            "shipwheel.yaml: `source.github.name` is missing"
            "\n  hint: add it; `shipwheel init` shows where"
        ),
        (
            "shipwheel.yaml: `publish.tags[0]` is 'a b'"
            "\n  hint: up to 128 letters, digits and _ . -, the first none of . and -"
        ),
        "shipwheel.yaml: `publish.approval` is 'yes'\n  hint: Input should be a valid boolean",
        (
            'shipwheel.yaml: `overrides["packages/a"].check.branch` is'
            " not a regular expression: 'ma(in' (missing ), unterminated subpattern at position 2)"
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "path", "meant"),
    [
        ({"registri": "x"}, "registri", "registry"),
        ({"check": {"comentControl": "COMMENTS_ENABLED"}}, "check.comentControl", "commentControl"),
        ({"source": {"gihub": {}}}, "source.gihub", "github"),
        ({"overrides": {"a": {"publsh": {}}}}, "overrides.a.publsh", "publish"),
        ({"overrides": {"a": {"publish": {"brunch": ""}}}}, "overrides.a.publish.brunch", "branch"),
    ],
)
def test_an_unknown_key_names_the_near_miss(changes: dict[str, Any], path: str, meant: str) -> None:
    assert (
        f"shipwheel.yaml: `{path}` is not a key of the manifest\n  hint: did you mean {meant!r}?"
    ) in problems(**changes)


def test_an_unknown_key_like_no_other_names_those_that_there_are() -> None:
    assert problems(packages={"zzz": 1}) == [
        (
            "shipwheel.yaml: `packages.zzz` is not a key of the manifest"
            "\n  hint: the keys here are: include, exclude"
        )
    ]


@pytest.mark.parametrize("pattern", ["(?=main)", r"(a)\1", r"\\(?!main)"])
def test_a_pattern_that_only_python_takes_is_refused(pattern: str) -> None:
    assert problems(check={"branch": pattern}) == [
        (
            f"shipwheel.yaml: `check.branch` is not valid in RE2: {pattern!r}"
            "\n  hint: it has no look-around or back-references"
        )
    ]


@pytest.mark.parametrize("pattern", [r"v\(?=1", r"release\\1"])
def test_an_escaped_character_is_no_look_around_and_no_back_reference(pattern: str) -> None:
    assert parse_manifest({**SMALLEST, "check": {"branch": pattern}}).check.branch == pattern


@pytest.mark.parametrize(("value", "shown"), [(3.1, "3.1"), (8080, "8080"), (True, "True")])
def test_a_number_is_not_mistaken_for_the_text_of_a_substitution(value: object, shown: str) -> None:
    assert problems(substitutions={"_PYTHON": value}) == [
        (
            f"shipwheel.yaml: `substitutions._PYTHON` has to be text, and is {shown}"
            f'\n  hint: put it in quotes: "{shown}"'
        )
    ]


@pytest.mark.parametrize(
    "source",
    [
        {},
        {
            "github": {"owner": "acme", "name": "monorepo"},
            "repository": f"{CONNECTION}/repositories/monorepo",
        },
    ],
)
def test_exactly_one_repository_is_named(source: dict[str, Any]) -> None:
    assert problems(source=source) == [
        (
            f"shipwheel.yaml: `source` is the name of {len(source)} repositories"
            "\n  hint: give exactly one of: github, repository, gitRepositoryLink"
        )
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"publish": {"branch": "main", "tag": "v.*"}}, "`publish` is for both a branch and a tag"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(changes: dict[str, Any], said: str) -> None:
    assert problems(**changes) == [f"shipwheel.yaml: {said}\n  hint: remove one of them"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"project": "My_Project"}, "project"),
        ({"registry": "https://example.org/pypi"}, "registry"),
        ({"registry": "us-central1/my-project"}, "registry"),
        ({"includedFiles": ["${_DIR}/**"]}, "includedFiles[0]"),
        ({"substitutions": {"_PR_NUMBER": "1"}}, "substitutions._PR_NUMBER"),
        ({"packages": {"include": ["../elsewhere"]}}, "packages.include[0]"),
        ({"packages": {"exclude": ["/packages"]}}, "packages.exclude[0]"),
        ({"packages": {"include": ["a\0*"]}}, "packages.include[0]"),
        ({"publish": {"serviceAccount": "a@b@c"}}, "publish.serviceAccount"),
        ({"overrides": {"a": {"name": "a_b"}}}, "overrides.a.name"),
        ({"overrides": {"a": {"name": "a" * 65}}}, "overrides.a.name"),
        ({"check": {"commentControl": "ON"}}, "check.commentControl"),
        ({"check": {"tag": "v1"}}, "check.tag"),
        ({"source": {"gitRepositoryLink": "monorepo"}}, "source.gitRepositoryLink"),
        ({"source": {"repository": "monorepo"}}, "source.repository"),
    ],
)
def test_a_value_that_cloud_build_would_refuse_is_refused(
    changes: dict[str, Any], path: str
) -> None:
    [problem] = problems(**changes)
    assert problem.startswith(f"shipwheel.yaml: `{path}` is ")


@pytest.mark.parametrize("key", ["branch", "tag"])
@pytest.mark.parametrize("pattern", ["(?!main)", "(?<=v)1", r"(a)\1", "[a"])
def test_a_pattern_that_the_service_would_refuse_is_refused(key: str, pattern: str) -> None:
    assert f"`publish.{key}` is" in problems(publish={key: pattern})[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "project: [",
            "is not valid YAML: line 1: while parsing a flow node, did not find expected node",
        ),
        ("- project: x", "is not a mapping, but [{'project': 'x'}]"),
        ("", "is not a mapping, but None"),
        ("region: a\non: b", "`on` is not a key of the manifest"),
    ],
)
def test_a_file_that_is_not_a_manifest_is_one_clean_message(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "shipwheel.yaml").write_text(text)

    with pytest.raises(InputError) as caught:
        read_manifest(tmp_path / "shipwheel.yaml")

    assert said in str(caught.value)


def test_a_file_that_is_not_utf_8_is_one_clean_message(tmp_path: Path) -> None:
    (tmp_path / "shipwheel.yaml").write_bytes(b"project: \xff")

    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path / "shipwheel.yaml")


def test_every_key_may_be_left_empty_for_its_default() -> None:
    data = yaml.safe_load("publish: {branch: , approval: }\nnamePrefix:\n")

    assert parse_manifest(SMALLEST | data) == parse_manifest(SMALLEST)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grouping": "x"}, "`grouping` is 'x'\n  hint: choose one of 'target' or 'directory'"),
        (
            {"registry": "europe/pypi"},
            (
                "`registry` is not a registry:"
                " The registry address is not an http(s) URL: 'europe/pypi'"
                "\n  hint: REGION/PROJECT/REPO"
            ),
        ),
        (
            {"registry": "https://pypi.example.com/"},
            (
                "`registry` is not a repository of Artifact Registry: 'https://pypi.example.com/'"
                "\n  hint: REGION/PROJECT/REPO"
            ),
        ),
        (
            {"substitutions": {"_Region": "x"}},
            (
                "`substitutions._Region` is not the name of a substitution: '_Region'"
                "\n  hint: write _, then A-Z, 0-9 or _"
            ),
        ),
        ({"project": ["a"]}, "`project` has to be text, and is ['a']"),
        ({"project": 7}, '`project` has to be text, and is 7\n  hint: put it in quotes: "7"'),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(changes: dict[str, Any], said: str) -> None:
    assert problems(**changes) == [f"shipwheel.yaml: {said}"]


def test_findings_have_the_path_of_the_value_and_a_good_manifest_has_none() -> None:
    wrong = {**SMALLEST, "substitutions": {"REGION": "x"}}

    assert manifest_findings(SMALLEST) == []
    assert manifest_findings(wrong) == [
        Finding.at(
            ("substitutions", "REGION"),
            "`substitutions.REGION` is not the name of a substitution: 'REGION'",
            "write _, then A-Z, 0-9 or _",
            "SW701",
        )
    ]


def test_a_manifest_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "shipwheel.yaml"

    with pytest.raises(InputError) as caught:
        read_manifest(path)
    assert str(caught.value.problems[0]) == (
        f"The manifest does not exist: '{path}'\n  hint: write it with `shipwheel init`, or name it"
        " with --manifest; its name is shipwheel.yaml"
    )


@pytest.mark.parametrize("path", ["/a", "a/", "a//b", "./a", "a/./b", "a/../b", "..", "a\nb"])
def test_a_directory_is_below_the_manifests(path: str) -> None:
    said = f"is not a path below the manifest's directory: {path!r}\n  hint: such as packages/a"

    assert problems(publish={"buildConfig": path}) == [
        f"shipwheel.yaml: `publish.buildConfig` {said}"
    ]
    assert problems(overrides={path: {}}) == [
        f"shipwheel.yaml: `overrides[{json.dumps(path)}]` {said}"
    ]


def test_the_manifests_own_directory_is_a_dot() -> None:
    assert [*parse_manifest({**SMALLEST, "overrides": {".": {}}}).overrides] == ["."]
