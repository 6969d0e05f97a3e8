"""Nothing that a build wrote is executed by another project's build."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from steps.backend.environment_cache import fingerprint
from steps.backend.environments import Environments
from tests.integration.steps.backend.hooks import runners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.backend.environments import Environment

WRITE = "from pathlib import Path; import wheel; Path(wheel.__file__).{deed}"


@pytest.fixture(scope="module", name="environments")
def _environments() -> Iterator[Environments]:
    with (
        runners() as (children, servers),
        Environments(children, servers, os.environ, python=sys.executable) as environments,
    ):
        yield environments


def run(environment: Environment, user: str, script: str) -> str:
    command = [environment.python_executable, "-c", script]
    environ = {**environment.environ, **environment.make_extra_environ()}
    return environment.run(user, command, cwd="/", environ=environ)


@pytest.mark.parametrize(
    "deed",
    [
        "write_text('')",
        "with_name('more.py').touch()",
        "unlink()",
        "touch()",
        "chmod(0o777)",
        "parent.joinpath('__pycache__').mkdir()",
    ],
)
def test_what_a_build_has_touched_no_other_project_gets(
    environments: Environments, deed: str, tmp_path: Path
) -> None:
    with environments.of_project("project", tmp_path) as get:
        environment = get(["wheel"])
    made = environment.state

    run(environment, "another", "import wheel")
    run(environment, "project", WRITE.format(deed=deed))
    run(environment, "project", "")
    assert fingerprint(environment.path) != environment.state == made
    run(environment, "another", "import wheel")
    assert fingerprint(environment.path) == environment.state != made


def test_an_environment_that_is_compiled_against_is_the_projects_own(
    environments: Environments, tmp_path: Path
) -> None:
    """At the same path each time, and nothing of it is left."""
    with environments.of_project("project", tmp_path) as get:
        own, again, shared = get(["wheel", "click"]), get(["click", "wheel"]), get(["wheel"])
        run(own, "project", WRITE.format(deed="unlink()"))

    assert own is again
    assert own.path.parent == tmp_path
    assert not shared.path.is_relative_to(tmp_path)
    with environments.of_project("project", tmp_path / "fresh") as get:
        assert get(["wheel", "click"]).path.name == own.path.name
        run(get(["wheel", "click"]), "project", "import wheel")
