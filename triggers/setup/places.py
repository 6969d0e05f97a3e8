"""Where the repositories of a setup are, and what those are named that no manifest names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.registry import parse_registry
from triggers.functions import VIRTUAL_SUFFIX
from triggers.setup.resources import Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triggers.functions import FunctionSettings
    from triggers.manifest import Manifest

# Where the two commands have images stored, in the region of each function.
_FUNCTION_IMAGES = {"functions": "gcf-artifacts", "run": "cloud-run-source-deploy"}
_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/"
    r"(?P<project>(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/)?[a-z][a-z0-9-]*)/(?P<name>[a-z0-9-]+)/"
)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The repositories; *image* is None where our image lies outside Artifact Registry."""

    python: Place
    public: Place
    virtual: Place
    image: Place | None
    function_images: tuple[Place, ...] = ()

    @property
    def all(self) -> tuple[Place, ...]:
        """Every repository."""
        image = [self.image] if self.image else []
        return (self.python, self.public, self.virtual, *image, *self.function_images)


def find_places(manifest: Manifest, functions: Iterable[FunctionSettings] = ()) -> Places:
    """Return where *manifest* puts the repositories; the image's name tells where that is."""
    registry = parse_registry(manifest.registry, {})
    at = (registry.project, registry.location)
    image = _IMAGE.match(manifest.image)
    return Places(
        python=Place(*at, registry.repository),
        public=Place(*at, f"{registry.repository}-public"),
        virtual=Place(*at, f"{registry.repository}{VIRTUAL_SUFFIX}"),
        image=Place(image["project"].replace("/", ":"), image["location"], image["name"])
        if image
        else None,
        function_images=tuple(
            dict.fromkeys(
                Place(function.project, function.region, _FUNCTION_IMAGES[function.tool])
                for function in functions
            )
        ),
    )
