"""Nothing that a build wrote is executed by another project's build."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps.backend.environment_cache import fingerprint
from steps.backend.environments import Environments
from tests.integration.steps.backend.hooks import runners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.backend.environments import AnyEnvironment

WRITE = "from pathlib import Path; import wheel; Path(wheel.__file__).{deed}"


@pytest.fixture(scope="module", name="environments")
def _environments() -> Iterator[Environments]:
    with (
        runners() as (children, servers),
        Environments(children, servers, os.environ, python=sys.executable) as environments,
    ):
        yield environments


def run(environment: AnyEnvironment, user: str, script: str) -> str:
    command = [environment.python_executable, "-c", script]
    environ = {**environment.environ, **environment.make_extra_environ()}
    return environment.run(user, command, cwd="/", environ=environ)


@pytest.mark.attack("an environment that is kept")
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
    with environments.of_project(tmp_path) as get:
        environment = get(["wheel"])
    run(environment, "another", "import wheel")
    made = fingerprint(environment.path)

    run(environment, "project", WRITE.format(deed=deed))
    touched = fingerprint(environment.path)
    run(environment, "project", "")
    assert fingerprint(environment.path) == touched != made
    run(environment, "another", "import wheel")
    assert fingerprint(environment.path) not in {made, touched}


def test_projects_that_are_built_at_the_same_time_do_not_wait_for_one_another(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    script = f"import sys, time; from pathlib import Path; there = Path({str(there)!r})\n"
    script += "(there / sys.prefix.replace('/', '_')).touch()\n"
    script += "while len([*there.iterdir()]) < 2: time.sleep(0.01)"
    with (
        runners() as (children, servers),
        Environments(
            children, servers, os.environ, python=sys.executable, workers=2
        ) as environments,
        environments.of_project(tmp_path) as get,
        ThreadPoolExecutor(2) as pool,
    ):
        both = [pool.submit(run, get(["wheel"]), name, script) for name in "ab"]

        assert [it.result(60) for it in both] == ["", ""]


def test_an_environment_that_is_compiled_against_is_the_projects_own(
    environments: Environments, tmp_path: Path
) -> None:
    """At the same path each time, and nothing of it is left."""
    with environments.of_project(tmp_path) as get:
        own, again, shared = get(["wheel", "click"]), get(["click", "wheel"]), get(["wheel"])
        run(own, "project", WRITE.format(deed="unlink()"))

    assert own is again
    assert own.path.parent == tmp_path
    assert not shared.path.is_relative_to(tmp_path)
    with environments.of_project(tmp_path / "fresh") as get:
        assert get(["wheel", "click"]).path.name == own.path.name
        run(get(["wheel", "click"]), "project", "import wheel")
