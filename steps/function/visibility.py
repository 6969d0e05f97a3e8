"""Waits until the index that a function's build reads shows the versions that the build needs.

A virtual repository may lag behind the standard one that a version was uploaded to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.function.index_line import is_own
from steps.registry.index import Index
from steps.registry.retry import Transient, retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from steps.function.facts import Facts, Held
    from steps.function.resolution import Pinned
    from steps.registry.address import Registry
    from steps.registry.transport import Transport

Versions = dict["NormalizedName", Version]


def required_versions(facts: Facts) -> Versions:
    """Return the highest version in the registry that the private requirements admit."""
    found: Versions = {}
    for _, _, name, requirement in facts.required():
        project = facts.held.get(name)
        if project and not facts.is_bundled(name):
            admitted = list(requirement.specifier.filter(project.versions))
            found |= {name: max(admitted)} if admitted else {}
    return found


def pinned_versions(pinned: Iterable[Pinned], registry: Registry) -> Versions:
    """Return the version of each requirement that was resolved from *registry*."""
    own = [Requirement(it.body) for it in pinned if is_own(it.index, [registry])]
    return {canonicalize_name(it.name): Version(pin.version) for it in own for pin in it.specifier}


def wait_until_visible(
    versions: Mapping[NormalizedName, Version], transport: Transport, *, seconds: float
) -> Held:
    """Return what the registry of *transport* holds once it shows all *versions*.

    Raises RegistryError when it does not within *seconds*.
    """
    registry = transport.registry
    index = Index(registry, transport, first_release=True)

    def read() -> Held:
        held = index.read_many(versions)
        late = [f"{name} {it}" for name, it in versions.items() if it not in held[name].versions]
        if late:
            raise Transient(f"it does not show {', '.join(late)} yet")
        return held

    return retry(
        read,
        what=f"The index {registry.index_url}",
        retry_for=seconds,
        hint="run it again later, or wait longer with --wait SECONDS; if it stays so, check that"
        " the registry is an upstream of that repository",
    )
