"""What the service refuses in a build config, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.host.errors import InputError
from triggers.cloudbuild.files import read_build_config
from triggers.cloudbuild.substitutions import broken_after_substitution

if TYPE_CHECKING:
    from collections.abc import Callable

VOLUME = "volumes: [{name: vol, path: /v}]"
TWO = f"steps: [{{name: bash, {VOLUME}}}, {{name: bash, {VOLUME}}}]"
STEP = "steps: [{name: bash}]"
USES = "steps: [{name: bash, secretEnv: [S]}]"
MANAGED = "{versionName: v, env: S}"


def problems(text: str) -> list[str]:
    try:
        read_build_config(text, "f")
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


VOLUMES = {
    f"{TWO}\noptions: {{volumes: [{{name: vol, path: /w}}]}}": [
        'f:1: build step #0 - "": volume name "vol" conflicts with global volume',
        'f:1: build step #1 - "": volume name "vol" conflicts with global volume',
    ],
    f"{TWO}\noptions: {{volumes: [{{name: own, path: /v}}]}}": [
        'f:1: build step #0 - "": volume path "/v" conflicts with global volume',
        'f:1: build step #1 - "": volume path "/v" conflicts with global volume',
    ],
    f"{TWO}\noptions: {{volumes: [{{name: aa, path: /a}}, {{name: aa, path: /b}}]}}": [
        'f:2: invalid .options.volumes: volume name "aa" is defined in more than one volume entry'
    ],
    f"{TWO}\noptions: {{volumes: [{{name: aa, path: /a}}, {{name: bb, path: /a}}]}}": [
        'f:2: invalid .options.volumes: volume path "/a" is defined in more than one volume entry'
    ],
    f"{TWO}\noptions: {{volumes: [{{name: aa, path: /builder/home/}}]}}": [
        'f:2: invalid .options.volumes: path "/builder/home/" is reserved'
    ],
    f"{TWO}\noptions: {{volumes: [{{name: aa, path: /cloudbuild/a}}]}}": [
        'f:2: invalid .options.volumes: volume path "/cloudbuild/a" cannot start with /cloudbuild/'
    ],
    f"{TWO}\noptions: {{volumes: [{{name: aa, path: /w}}]}}": [],
}
SECRETS = {
    f"{USES}\nsecrets: [{{kmsKeyName: k, secretEnv: {{S: x}}}}]\n"
    f"availableSecrets: {{secretManager: [{MANAGED}]}}": [
        'f:2: secretEnv "S" is defined more than once'
    ],
    f"{USES}\nsecrets: [{{kmsKeyName: k, secretEnv: {{S: x}}}}, {{kmsKeyName: l}}]": [
        "f:2: secret 1 defines no secretEnvs"
    ],
    "steps: [{name: bash, secretEnv: [S, T]}]\n"
    "secrets: [{kmsKeyName: k, secretEnv: {S: x}}, {kmsKeyName: k, secretEnv: {T: x}}]": [
        'f:2: kmsKeyName "k" is used by more than one secret'
    ],
    f"{STEP}\navailableSecrets: {{secretManager: [{MANAGED}]}}\noptions: {{secretEnv: [S, S]}}": [
        'f:3: Build uses global secretEnv "S" more than once'
    ],
    f"{USES}\navailableSecrets: {{secretManager: [{MANAGED}]}}\noptions: {{secretEnv: [S]}}": [
        'f:1: Step 0 uses the global secretEnv "S"'
    ],
    "steps: [{name: bash, secretEnv: [S, S]}]\n"
    f"availableSecrets: {{secretManager: [{MANAGED}]}}": [
        'f:1: Step 0 uses the secretEnv "S" more than once'
    ],
    "steps: [{name: bash, secretEnv: [TOKEM]}]\n"
    "availableSecrets: {inline: [{kmsKeyName: k, envMap: {TOKEN: x}}]}": [
        "f:1: secretEnv \"TOKEM\" is used without being defined\n  hint: did you mean 'TOKEN'?"
    ],
    USES: [
        (
            'f:1: secretEnv "S" is used without being defined'
            "\n  hint: define it in availableSecrets.secretManager"
        )
    ],
    f"{USES}\navailableSecrets: {{secretManager: [{MANAGED}]}}": [],
}
ARTIFACTS = {
    f"{STEP}\nartifacts: {{pythonPackages: [{{paths: [a]}}]}}": [
        "f:2: .artifacts.pythonPackages[0].repository field is empty"
    ],
    f"{STEP}\nartifacts: {{pythonPackages: [{{repository: r}}]}}": [
        "f:2: .artifacts.pythonPackages[0].paths field is empty"
    ],
    f"{STEP}\nartifacts: {{objects: {{paths: [a]}}}}": [
        "f:2: invalid .artifacts field: .artifacts.location field is empty"
    ],
    f"{STEP}\nartifacts: {{objects: {{location: 'gs://b'}}}}": [
        "f:2: invalid .artifacts field: .artifacts.paths field empty"
    ],
    f"{STEP}\nartifacts: {{objects: {{location: 'gs://b', paths: [a b, c, c]}}}}": [
        'f:2: .artifacts.paths "a b" contains whitespace',
        "f:2: .artifacts.paths field has duplicate paths; remove duplicates [c]",
    ],
    f"{STEP}\nimages: [a]\nartifacts: {{images: [a]}}": [],
    f"{STEP}\nartifacts:\n  pythonPackages: [{{repository: r, paths: [a]}}]\n"
    "  objects: {location: 'gs://b', paths: [a, b]}": [],
}
STEPS = {
    "steps: [{name: bash, script: x, entrypoint: sh}]": [
        (
            "f:1: build step 0 cannot specify script together with args or entrypoint"
            "\n  hint: keep `script`, or `entrypoint` and `args`"
        )
    ],
    "steps: [{name: bash}, {name: bash, waitFor: ['']}]": [
        (
            'f:1: build step #1 depends on "", which has not been defined'
            "\n  hint: waitFor names the ids of earlier steps"
        )
    ],
    "steps: [{name: bash, id: a}, {name: bash, id: b, waitFor: [a]}, {name: bash, id: b}]": [
        'f:1: build step #2 - "b": the ID is not unique'
    ],
    "steps: [{name: bash, id: a}, {name: bash, id: b, waitFor: ['-', a]}, {name: bash}]": [],
}
TOGETHER = {**VOLUMES, **SECRETS, **ARTIFACTS, **STEPS}


@pytest.mark.parametrize(("text", "said"), TOGETHER.items())
def test_what_does_not_go_together_is_refused_and_nothing_else(text: str, said: list[str]) -> None:
    assert problems(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: [{name: Bash}]", ['invalid build step name "Bash"']),
        ("steps: [{name: bash -x}]", ['invalid build step name "bash -x"']),
        ("steps: [{name: bash}]\nimages: ['a:b c']", ['invalid image name "a:b c"']),
        (
            "steps: [{name: bash}]\nartifacts: {images: [a/B]}",
            ['invalid image name "a/B" contains uppercase letters'],
        ),
        (
            "steps: [{name: bash}]\ntags: [a b]",
            ['invalid build tag "a b": must match format "^([\\w][\\w.-]{0,127})$"'],
        ),
        ("steps: [{name: 'a.b:5000/c@sha256:" + "0" * 64 + "'}]\nimages: [a]\ntags: ['', a]", []),
    ],
)
def test_names_are_refused_once_substitutions_are_made(text: str, said: list[str]) -> None:
    build = read_build_config(text, "f").build

    assert [found.message for found in broken_after_substitution(build)] == said


def step(**fields: object) -> dict[str, object]:
    return {"steps": [{"name": "bash", **fields}]}


def build(**fields: object) -> dict[str, object]:
    return {**step(), **fields}


def names(count: int, before: str = "a") -> list[str]:
    return [f"{before}{number}" for number in range(count)]


def objects(count: int) -> dict[str, object]:
    return build(artifacts={"objects": {"location": "gs://b", "paths": names(count)}})


def secrets(count: int) -> dict[str, object]:
    managed = [{"versionName": "v", "env": name} for name in names(count, "S")]
    return build(availableSecrets={"secretManager": managed})


def encrypted(size: int) -> dict[str, object]:
    return {
        **step(secretEnv=["S"]),
        "secrets": [{"kmsKeyName": "k", "secretEnv": {"S": "x" * size}}],
    }


# How many are allowed, a build with that many, and what is said of one with one more.
LIMITS: dict[str, tuple[int, Callable[[int], dict[str, Any]], str]] = {
    "steps": (
        300,
        lambda count: {"steps": [{"name": "bash"}] * count},
        "cannot specify more than 300 build steps",
    ),
    "a step's name": (
        1000,
        lambda size: {"steps": [{"name": "x" * size}]},
        "build step 0 name too long (max: 1000)",
    ),
    "a step's args": (
        100,
        lambda count: step(args=names(count)),
        "build step 0 too many args (max: 100)",
    ),
    "an argument": (
        10_000,
        lambda size: step(args=["a", "x" * size]),
        "build step 0 arg 1 too long (max: 10000)",
    ),
    "a step's directory": (
        1000,
        lambda size: step(dir="x" * size),
        "build step 0 dir too long (max: 1000)",
    ),
    "a step's variables": (
        100,
        lambda count: step(env=[f"{name}=1" for name in names(count)]),
        'build step #0 - "": too many envs (max: 100)',
    ),
    "a variable": (
        65_536,
        lambda size: build(options={"env": ["A=".ljust(size, "x")]}),
        "invalid .options.env field: env 0 too long (max: 65536)",
    ),
    "images": (
        700,
        lambda count: build(images=names(count)),
        "cannot specify more than 700 images to build",
    ),
    "an image's name": (
        1000,
        lambda size: build(artifacts={"images": ["x" * size]}),
        "image 0 too long (max: 1000)",
    ),
    "tags": (
        64,
        lambda count: build(tags=["", "a0", *names(count)]),
        "number of tags 67 exceeded (max: 64)",
    ),
    "substitutions": (
        200,
        lambda count: build(substitutions=dict.fromkeys(names(count, "_A"), "x")),
        "number of substitutions 201 exceeded (max: 200)",
    ),
    "a substitution's key": (
        100,
        lambda size: build(substitutions={"_".ljust(size, "A"): "x"}),
        f'substitution key "{"_".ljust(101, "A")}" too long (max: 100)',
    ),
    "a substitution's value": (
        4000,
        lambda size: build(substitutions={"_A": "x" * size}),
        'substitution value of "_A" too long (max: 4000)',
    ),
    "paths of artifacts": (
        100,
        objects,
        ".artifacts.paths field has length 101, but cannot specify more than 100",
    ),
    "secrets": (100, secrets, "build defines more than 100 secret values"),
    "a secret's value": (65_536, encrypted, 'secretEnv value for "S" cannot exceed 65536B'),
    "the disk": (
        4000,
        lambda size: build(options={"diskSizeGb": size}),
        "invalid .options.diskSizeGb: 4001 is not between 0 and 4000",
    ),
    "the time of a build": (
        86_400,
        lambda count: build(timeout=f"{count}s"),
        "invalid .timeout: 86401s exceeds the limit of 24h",
    ),
    "the time of a step": (
        60,
        lambda count: {**step(timeout=f"{count}s"), "timeout": "60s"},
        ("invalid .timeout in build step #0: build step timeout 61s must be <= build timeout 60s"),
    ),
}


def refusals(config: dict[str, Any]) -> list[str]:
    try:
        read_build_config(yaml.dump(config, Dumper=yaml.CSafeDumper), "f")
    except InputError as error:
        return [problem.message.partition(": ")[2] for problem in error.problems]
    return []


@pytest.mark.parametrize("case", LIMITS)
def test_as_much_as_is_allowed_is_taken_and_one_more_is_refused(case: str) -> None:
    most, config, message = LIMITS[case]

    assert refusals(config(most)) == []
    assert refusals(config(most + 1)) == [message]


def test_nothing_has_less_than_no_size_and_takes_less_than_no_time() -> None:
    assert refusals(build(options={"diskSizeGb": 0}, timeout="0s")) == []
    assert refusals(build(options={"diskSizeGb": -1})) == [
        "invalid .options.diskSizeGb: -1 is not between 0 and 4000"
    ]


@pytest.mark.parametrize(
    "address",
    [
        "us-east4-python.pkg.dev/p/pypi",
        "http://127.0.0.1:8080/p/pypi",
        "https://registry.example.com/p/pypi",
        "https://us-east4-docker.pkg.dev/p/r",
        "us-east4/p/pypi",
        "https://us-east4-python.pkg.dev/p",
        "nonsense",
        "https://us-east4-python.pkg.dev/p/pypi/simple",
    ],
)
def test_packages_go_to_a_python_repository_of_artifact_registry_alone(address: str) -> None:
    packages = f"artifacts: {{pythonPackages: [{{repository: {address!r}, paths: [a]}}]}}"
    build = read_build_config(f"{STEP}\n{packages}", "f").build
    (found,) = broken_after_substitution(build)

    assert found.path == ("artifacts", "pythonPackages", 0, "repository")
    assert repr(address) in found.message
