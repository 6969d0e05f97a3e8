"""Every field of a build config is honoured, refused by name, or said to mean nothing here."""

from __future__ import annotations

import pytest
from pydantic.alias_generators import to_camel

from builder.local.preparation import ignored_fields, unsupported_fields
from steps.host.errors import Finding
from triggers.cloudbuild.build_config import Artifacts, Build, Options, Step, Volume
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
steps: [{name: bash}]
artifacts:
  objects: {location: gs://b, paths: [a]}
  mavenArtifacts: [{repository: r, path: p, artifactId: a, groupId: g, version: "1"}]
  npmPackages: [{repository: r, packagePath: p}]
  goModules: [{repositoryName: r, repositoryLocation: l, sourcePath: p, modulePath: m,
    moduleVersion: v1.0.0}]
dependencies: [{empty: true}]
gitConfig: {http: {proxySecretVersionName: projects/p/secrets/s/versions/1}}
"""
BEYOND = [
    "artifacts.objects",
    "artifacts.mavenArtifacts",
    "artifacts.npmPackages",
    "artifacts.goModules",
    "dependencies",
    "gitConfig",
]


def test_nothing_is_ignored_in_silence() -> None:
    said = {*ignored_fields(read_build_config(SAID, "f").build)}
    for message, prefix in ((Build, ""), (Options, "options."), (Artifacts, "artifacts.")):
        silent = {f"{prefix}{to_camel(name)}" for name in message.model_fields}
        silent -= {f"{prefix}{to_camel(name)}" for name in HONOURED[message]}
        assert silent - said - {*BEYOND} == set()


def test_what_cannot_be_done_is_refused_by_name_with_the_way_out() -> None:
    build = read_build_config(REFUSED, "f").build

    found = unsupported_fields(build, docker=True, emulator=True)

    assert [finding.message for finding in found] == [
        f"`{name}` cannot be done on this machine" for name in BEYOND
    ]
    assert {finding.hint for finding in found} == {
        "run it in Cloud Build, or take it out of a copy of the config"
    }


@pytest.mark.parametrize("text", ["images: [a/b]", "artifacts: {images: [a/b]}"])
def test_images_need_an_engine(text: str) -> None:
    build = read_build_config(f"steps: [{{name: bash}}]\n{text}", "f").build

    assert unsupported_fields(build, docker=True, emulator=False) == []
    (found,) = unsupported_fields(build, docker=False, emulator=False)
    assert (found.message, found.hint) == ("`images` needs a Docker engine", "use --docker")


def test_packages_of_python_need_an_emulator() -> None:
    artifacts = "artifacts: {pythonPackages: [{repository: r, paths: [dist/*]}]}"
    build = read_build_config(f"steps: [{{name: bash}}]\n{artifacts}", "f").build

    assert unsupported_fields(build, docker=False, emulator=True) == []
    assert unsupported_fields(build, docker=False, emulator=False) == [
        Finding.at(
            ("artifacts", "pythonPackages"),
            "`artifacts.pythonPackages` is only uploaded to a registry emulator",
            "use --emulator",
        )
    ]


def test_a_plain_config_asks_for_nothing_that_is_not_here() -> None:
    build = read_build_config("steps: [{name: bash}]", "f").build

    assert unsupported_fields(build, docker=False, emulator=False) == []
    assert [*ignored_fields(build)] == []


def test_a_nul_is_refused_wherever_a_program_would_be_given_it() -> None:
    step = Step(
        name="a\0",
        args=("a", "b\0c"),
        env=("A=\0",),
        dir="\0",
        script="# \0",
        volumes=(Volume(name="a", path="/b\0"),),
    )
    build = Build(steps=(step,), options=Options(env=("B=\0",)))

    found = unsupported_fields(build, docker=True, emulator=True)

    places = [("steps", 0, name) for name in ("name", "args", "env", "dir", "volumes")]
    assert [it.path for it in found] == [*places, ("options", "env")]
    assert found[1].message == "`args` holds a NUL character, which no program can be given"
