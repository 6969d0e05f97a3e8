"""The service's limits on a build config: what is just allowed, and what is one more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.host.errors import InputError
from triggers.cloudbuild.files import read_build_config

if TYPE_CHECKING:
    from collections.abc import Callable


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
