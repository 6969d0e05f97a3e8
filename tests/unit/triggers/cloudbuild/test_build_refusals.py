"""What the service refuses between the parts of a build config, and what comes nearest to it."""

from __future__ import annotations

import pytest

from steps.host.errors import InputError
from triggers.cloudbuild.build_rules import broken_after_substitution
from triggers.cloudbuild.files import read_build_config

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
