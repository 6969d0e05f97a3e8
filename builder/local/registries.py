"""The registries of a build: which the steps use, and the emulator that stands for them."""

from __future__ import annotations

import contextlib
import logging
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from builder.local.environment import credentials
from builder.local.runners import ExtraVariables
from steps.host.errors import InputError
from steps.registry.address import EMULATOR_VARIABLE, REGISTRY_VARIABLE, parse_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from builder.local.preparation import Prepared
    from builder.local.room import Room

_logger = logging.getLogger("shipwheel")

_URL = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^\s'\"]+")


@contextlib.contextmanager
def open_registries(prepared: Prepared, room: Room) -> Iterator[ExtraVariables]:
    """Yield the variables that name the registry, and serve the emulator while they are used."""
    request = prepared.request
    ours: dict[str, str] = {}
    if request.registry:
        parse_registry(request.registry, {})  # refuse a bad address before anything runs
        ours = {REGISTRY_VARIABLE: request.registry, **credentials(request.environ)}
    running = request.environ.get(EMULATOR_VARIABLE)
    if running:
        _logger.info("Using the registry emulator at %s", running)
        yield ExtraVariables({EMULATOR_VARIABLE: running}, ours)
    elif request.emulator:
        from builder.server import Emulator  # noqa: PLC0415 - only --emulator pays for it

        with Emulator(room.root / "registry", repositories=repositories(prepared)) as emulator:
            yield ExtraVariables({EMULATOR_VARIABLE: emulator.host}, ours)
    else:
        yield ExtraVariables({}, ours)


def repositories(prepared: Prepared) -> list[str]:
    """Return every PROJECT/REPO of Artifact Registry that the build names."""
    found: dict[str, None] = {}
    for text in _texts(prepared):
        for url in _URL.findall(text):
            _add(found, url)
    for name in _short_forms(prepared):
        _add(found, name)
    return [*found]


def _add(found: dict[str, None], name: str) -> None:
    with contextlib.suppress(InputError):  # the step that uses it refuses it, and says why
        registry = parse_registry(name, {})
        if registry.is_artifact_registry:
            found[f"{registry.project}/{registry.repository}"] = None


def _texts(prepared: Prepared) -> Iterator[str]:
    for package in prepared.config.build.artifacts.python_packages:
        yield package.repository
    for index, step in enumerate(prepared.config.build.steps):
        yield from (*step.args, step.script, *prepared.variables(index).values())


def _short_forms(prepared: Prepared) -> Iterator[str]:
    """Yield the registries that our own command line is given, REGION/PROJECT/REPO included."""
    for index, step in enumerate(prepared.config.build.steps):
        yield prepared.variables(index).get(REGISTRY_VARIABLE, "")
        for option, value in pairwise((*step.args, "")):
            if option == "--registry":
                yield value
            elif option.startswith("--registry="):
                yield option.removeprefix("--registry=")
