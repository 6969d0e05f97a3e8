"""Every field of a build config is honoured, refused by name, or said to mean nothing here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from builder.local.build import repositories
from builder.local.preparation import (
    RunRequest,
    ignored_fields,
    not_uploaded,
    prepare,
    unsupported_fields,
)
from steps.host.errors import Finding, InputError
from triggers.cloudbuild.build_config import Artifacts, Build, Options
from triggers.cloudbuild.files import read_build_config

# What tests of `shipwheel run` show at work; a field that is new has to be put somewhere.
HONOURED = {
    Build: {
        "steps", "timeout", "substitutions", "images", "artifacts", "options", "secrets",
        "available_secrets",
    },
    Options: {
        "substitution_option", "dynamic_substitutions", "automap_substitutions", "env",
        "secret_env", "volumes",
    },
    Artifacts: {"images", "python_packages"},
}  # fmt: skip
SAID = """
steps: [{name: bash}]
tags: [a]
queueTtl: 5s
logsBucket: gs://b
serviceAccount: projects/p/serviceAccounts/a@p.iam.gserviceaccount.com
options:
  cluster: {name: c}
  anthosCluster: {membership: m}
  defaultLogsBucketBehavior: REGIONAL_USER_OWNED_BUCKET
  diskSizeGb: 100
  dockerDaemon: NO_DOCKER
  enableStructuredLogging: true
  logStreamingOption: STREAM_ON
  logging: GCS_ONLY
  machineType: E2_MEDIUM
  pool: {name: projects/p/locations/l/workerPools/w}
  pubsubTopic: projects/p/topics/t
  requestedVerifyOption: VERIFIED
  sourceProvenanceHash: [SHA256]
  workerPool: projects/p/locations/l/workerPools/w
"""
REFUSED = """
artifacts:
  objects: {location: gs://b, paths: [a]}
  mavenArtifacts: [{repository: r, path: p, artifactId: a, groupId: g, version: "1"}]
  npmPackages: [{repository: r, packagePath: p}]
  goModules: [{repositoryName: r, repositoryLocation: l, sourcePath: p, modulePath: m,
    moduleVersion: v1.0.0}]
  genericArtifacts: [{folder: f, registryPath: r}]
  oci: [{file: f, registryPath: r}]
dependencies: [{empty: true}]
gitConfig: {http: {proxySecretVersionName: projects/p/secrets/s/versions/1}}
"""
BEYOND = ["dependencies", "gitConfig"]
LEFT_OUT = [
    "artifacts.objects",
    "artifacts.mavenArtifacts",
    "artifacts.npmPackages",
    "artifacts.goModules",
    "artifacts.genericArtifacts",
    "artifacts.oci",
]
PACKAGES = "artifacts: {pythonPackages: [{repository: %r, paths: [%r]}]}"
REPOSITORY = "https://us-east4-python.pkg.dev/p/pypi"


def unsupported(text: str, **options: Any) -> list[Finding]:
    """What a build of *text* asks for and a run with *options* cannot do."""
    build = read_build_config(f"steps: [{{name: bash}}]\n{text}", "f").build
    return [*unsupported_fields(build, RunRequest(config=Path("f"), environ={}, **options))]


def test_nothing_is_ignored_in_silence() -> None:
    said = {*ignored_fields(read_build_config(SAID, "f").build)}
    for message, prefix in ((Build, ""), (Options, "options."), (Artifacts, "artifacts.")):
        silent = {f"{prefix}{to_camel(name)}" for name in message.model_fields}
        silent -= {f"{prefix}{to_camel(name)}" for name in HONOURED[message]}
        assert silent - said - {*BEYOND, *LEFT_OUT} == set()


def test_what_cannot_be_done_is_named_with_the_way_out_and_what_is_not_uploaded_keeps_nothing() -> (
    None
):
    found = unsupported(REFUSED)

    assert [it.message for it in found] == [
        f"`{it}` cannot be done on this machine" for it in BEYOND
    ]
    assert {it.hint for it in found} == {
        "run it in Cloud Build, or take it out of a copy of the config"
    }
    build = read_build_config(f"steps: [{{name: bash}}]{REFUSED}", "f").build
    assert not_uploaded(build.artifacts) == LEFT_OUT


@pytest.mark.parametrize("text", ["images: [a/b]", "artifacts: {images: [a/b]}"])
def test_images_need_an_engine_unless_one_step_runs(text: str) -> None:
    assert unsupported(text, docker=True) == unsupported(text, only="0") == []
    (found,) = unsupported(text)
    assert (found.message, found.hint) == ("`images` needs a Docker engine", "use --docker")


def test_packages_of_python_need_a_registry_that_is_named_unless_one_step_runs() -> None:
    text = PACKAGES % (REPOSITORY, "dist/*")

    for options in ({"emulator": True}, {"registry": "us-east4/p/mine"}, {"only": "0"}):
        assert unsupported(text, **options) == []
    assert unsupported(text) == [
        Finding.at(
            ("artifacts", "pythonPackages"),
            "`artifacts.pythonPackages` is only uploaded to a registry that is named",
            "use --emulator, or name one with --registry",
        )
    ]


@pytest.mark.parametrize("path", ["../secret", "dist/../../x", "/workspace/../x", "/etc/x", ".."])
def test_no_file_of_another_folder_is_uploaded(path: str) -> None:
    (found,) = unsupported(PACKAGES % (REPOSITORY, path), emulator=True)

    assert found.message == f"The path leads out of /workspace: {path!r}"


@pytest.mark.parametrize("path", ["dist/*", "/workspace/dist/*", "a..b/**", "dist/..whl"])
def test_every_path_below_the_workspace_may_be_uploaded(path: str) -> None:
    assert unsupported(PACKAGES % (REPOSITORY, path), emulator=True) == []


def test_a_plain_config_asks_for_nothing_that_is_not_here() -> None:
    assert unsupported("") == []
    assert [*ignored_fields(read_build_config("steps: [{name: bash}]", "f").build)] == []


def test_a_name_that_lacks_a_value_is_an_obstacle_and_one_that_is_wrong_is_refused(
    tmp_path: Path,
) -> None:
    config = tmp_path / "cloudbuild.yaml"
    text = "steps: [{name: a/b}]\nimages: ['a/b:$_TAG']\nsubstitutions: {_TAG: '%s'}"
    request = RunRequest(config=config, source=tmp_path, environ={}, docker=True)

    config.write_text(text % "${TAG_NAME%%.*}")
    obstacle = prepare(request).obstacles[0]
    assert obstacle.message == f'{config}:2: invalid image name "a/b:"'
    assert obstacle.hint == "give what has no value here: --substitutions _TAG=…,TAG_NAME=…"

    config.write_text(text % ":")
    with pytest.raises(InputError, match='invalid image name "a/b::"'):
        prepare(request)


def test_a_nul_is_refused_wherever_a_program_would_be_given_it(tmp_path: Path) -> None:
    config = tmp_path / "cloudbuild.yaml"
    volume = 'volumes: [{name: vol, path: "/b\\0"}]'
    config.write_text(
        f'steps: [{{name: a, args: [a, "b\\0c"], env: ["A=\\0"], dir: "\\0", {volume}}},'
        f' {{name: a, script: "# \\0", {volume}}}]\noptions: {{env: ["B=\\0"]}}\n'
    )

    with pytest.raises(InputError) as caught:
        prepare(RunRequest(config=config, source=tmp_path, environ={}))

    said = {it.message.partition(": ")[2] for it in caught.value.problems}
    assert said == {
        f"`{name}` holds a NUL character, which no program can be given"
        for name in ("args", "env", "dir", "volumes")
    }


def test_every_registry_that_the_config_names_is_known_to_the_emulator(tmp_path: Path) -> None:
    config = tmp_path / "cloudbuild.yaml"
    config.write_text(
        "steps: [{name: shipwheel, args: [publish, --registry=us-east4/proj-1/short, a/b/c],"
        " env: ['R=europe/proj-1/multi'], dir: us/x/y}, {name: bash, script: 'pip install"
        ' --index-url "https://us-python.pkg.dev/proj-1/url/simple/" src/us/p/r asia-x1/y\'}]\n'
    )
    prepared = prepare(RunRequest(config=config, source=tmp_path, environ={}))

    assert repositories(prepared) == ["proj-1/short", "proj-1/multi", "proj-1/url"]
