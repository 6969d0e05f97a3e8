"""Where the repositories of a setup are, and what those are named that no manifest names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.registry.address import parse_registry
from triggers.cloud_project.resources import Place
from triggers.discovery.functions import VIRTUAL_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triggers.discovery.functions import FunctionSettings
    from triggers.manifest.manifest import Manifest

# Where the two commands have images stored, in the region of each function.
_FUNCTION_IMAGES = {"functions": "gcf-artifacts", "run": "cloud-run-source-deploy"}
_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/"
    r"(?P<project>(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/)?[a-z][a-z0-9-]*)/(?P<name>[a-z0-9-]+)/"
)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The repositories; *image* is None where our image lies outside Artifact Registry.

    *indexes* are what the requirements of functions name, whether a setup makes these or not.
    """

    python: Place
    public: Place
    virtual: Place
    image: Place | None
    function_images: tuple[Place, ...] = ()
    indexes: tuple[Place, ...] = ()

    @property
    def all(self) -> tuple[Place, ...]:
        """Every repository."""
        image = [self.image] if self.image else []
        return (self.python, self.public, self.virtual, *image, *self.function_images)


def find_places(manifest: Manifest, functions: Iterable[FunctionSettings] = ()) -> Places:
    """Return where *manifest* puts the repositories; the image's name tells where that is."""
    functions = tuple(functions)
    python = _place(manifest.registry)
    at = (python.project, python.location)
    image = _IMAGE.match(manifest.image)
    return Places(
        python=python,
        public=Place(*at, f"{python.name}-public"),
        virtual=Place(*at, f"{python.name}{VIRTUAL_SUFFIX}"),
        image=Place(image["project"].replace("/", ":"), image["location"], image["name"])
        if image
        else None,
        function_images=tuple(
            dict.fromkeys(
                Place(function.project, function.region, _FUNCTION_IMAGES[function.tool])
                for function in functions
            )
        ),
        indexes=tuple(dict.fromkeys(_place(function.index) for function in functions)),
    )


def _place(repository: str) -> Place:
    registry = parse_registry(repository, {})
    return Place(registry.project, registry.location, registry.repository)
