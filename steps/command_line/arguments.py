"""What the options that several commands share become: projects, a transport, rules, builds."""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.utils import InvalidName, canonicalize_name

from steps.backend.context import BuildOptions
from steps.command_line.options import (
    BUILD_OPTIONS,
    RULE_OPTIONS,
    Result,
    added,
    private_index_option,
    registry_option,
    repository_option,
    retry_for_option,
    unshallow_option,
    when_bumped_option,
)
from steps.host.errors import InputError, counted
from steps.host.gcloud import gcloud_properties
from steps.project.history import changed_since, complete_history
from steps.project.manifest import MANIFEST, find_defaults
from steps.project.repository import find_packages
from steps.project.source import read_projects
from steps.registry.address import REGISTRY_VARIABLE, parse_registry
from steps.registry.credentials import find_certificates, find_credentials, read_pypirc
from steps.registry.index import Index
from steps.registry.transport import Transport
from steps.release.gate import Policy, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.project.source import Project
    from steps.registry.address import Registry

_logger = logging.getLogger("shipwheel")
_RETRY_SECONDS = 60.0


def with_transport(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add --registry, --repository and --retry-for, handed on as one `transport`."""

    @registry_option
    @repository_option
    @retry_for_option(_RETRY_SECONDS)
    @functools.wraps(function)
    def wrapper(
        registry: str | None, section: str | None, retry_for: float, **others: Any
    ) -> Result:
        if registry and section:
            raise click.UsageError("--registry and --repository name the same thing; give one.")
        transport = open_transport(registry, section, retry_for=retry_for)
        return function(transport=transport, **others)

    return wrapper


def with_private_index(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add --registry for private build requirements only, handed on as `index` or None."""

    @private_index_option
    @functools.wraps(function)
    def wrapper(registry: str | None, **others: Any) -> Result:
        transport = open_transport(registry, retry_for=_RETRY_SECONDS) if registry else None
        index = Index(transport.registry, transport) if transport else None
        return function(index=index, **others)

    return wrapper


def find_registry(given: str | None, directory: Path, environ: Mapping[str, str]) -> Registry:
    """Return the registry that is *given*, or else named here.

    First the environment counts, then shipwheel.yaml in *directory* or above it, up to the root of
    the git repository, then gcloud's properties. Raises InputError where none names one.
    """
    return find_named_registry(given, directory, environ) or parse_registry(given, environ)


def find_named_registry(
    given: str | None, directory: Path, environ: Mapping[str, str]
) -> Registry | None:
    """Return the same, or None where nothing names a registry; raise InputError for a bad name."""
    if given or environ.get(REGISTRY_VARIABLE):
        return parse_registry(given, environ)
    found, where = _from_manifest(directory)
    if not found:
        found, where = _from_gcloud(environ)
    if not found:
        return None
    registry = parse_registry(found, environ)
    _logger.info("Registry: %s (%s)", registry, where)
    return registry


def _from_manifest(directory: Path) -> tuple[str, str]:
    """Return what the manifest names, and where it is from *directory*.

    Its floor, triggers, reads the whole of it.
    """
    defaults = find_defaults(directory)
    if defaults is None or not defaults.registry:
        return "", ""
    return defaults.registry, f"from {os.path.relpath(defaults.root / MANIFEST, directory)}"


def _from_gcloud(environ: Mapping[str, str]) -> tuple[str, str]:
    properties = gcloud_properties(environ)
    artifacts, core = properties.get("artifacts", {}), properties.get("core", {})
    parts = [artifacts.get("location"), core.get("project"), artifacts.get("repository")]
    return ("/".join(parts), "from gcloud's properties") if all(parts) else ("", "")


def open_transport(url: str | None, section: str | None = None, *, retry_for: float) -> Transport:
    """Return what speaks to the registry at *url*, or to the one in *section* of ~/.pypirc."""
    url, login = read_pypirc(section) if section else (url, None)
    place = find_registry(url, Path.cwd(), os.environ)
    credentials = find_credentials(place, os.environ, pypirc=login)
    certificates = find_certificates(os.environ, section)
    return Transport(place, credentials, certificates, retry_for=retry_for)


def with_rules(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of the version gate, handed on as `rules` and `first_release`."""

    @functools.wraps(function)
    def wrapper(policy: str, allow_local: bool, allow_epoch: bool, **others: Any) -> Result:
        rules = Rules(policy=Policy(policy), allow_local=allow_local, allow_epoch=allow_epoch)
        return function(rules=rules, **others)

    return added(RULE_OPTIONS, wrapper)


def with_release_rules(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of the version gate, and when to release what was changed."""

    @when_bumped_option
    @functools.wraps(function)
    def wrapper(when_bumped: bool | None, rules: Rules, **others: Any) -> Result:
        if when_bumped is None:
            defaults = find_defaults(Path.cwd())
            when_bumped = bool(defaults and defaults.releases == "when-bumped")
        return function(rules=replace(rules, when_bumped=when_bumped), **others)

    return with_rules(wrapper)


def require_builds() -> None:
    """Raise InputError where Shipwheel does not build."""
    if not hasattr(os, "fork"):
        raise InputError(
            "Shipwheel does not build on Windows", "run it in WSL, in a container or in a build"
        )


def with_build_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of builds, handed on as one `build_options`."""

    @functools.wraps(function)
    def wrapper(*, unshallow: bool, **others: Any) -> Result:
        require_builds()
        if unshallow:
            complete_history(others["directories"] or (Path(),), os.environ)
        names = [it.name for it in fields(BuildOptions) if it.name in others]
        options = BuildOptions(**{name: others.pop(name) for name in names})
        return function(build_options=options, **others)

    return added((*BUILD_OPTIONS, unshallow_option), wrapper)


def selected(directories: Sequence[Path], every: bool) -> tuple[Project, ...]:
    """Return the projects that the command line names; raise InputError when there is none."""
    roots = directories or (Path(),)
    if not every:
        return apply_defaults(read_projects(roots))
    packages = []
    for root in roots:
        found, defaults = find_packages(root), find_defaults(root)
        excluded = [it for it in found.packages if defaults and defaults.excludes(it)]
        passed_over = {**found.passed_over, **dict.fromkeys(excluded, f"{MANIFEST} excludes it")}
        for path, reason in passed_over.items():
            _logger.info("Passed over %r: %s", os.path.relpath(path), reason)
        packages += [it for it in found.packages if it not in excluded]
    if not packages:
        where = ", ".join(repr(os.fspath(root.absolute())) for root in roots)
        raise InputError(
            f"There is no package below {where}",
            "a package has a pyproject.toml with [build-system] or [project], or a setup.py",
        )
    return apply_defaults(read_projects(packages))


def apply_defaults(projects: Iterable[Project]) -> tuple[Project, ...]:
    """Return *projects* with what their manifests say of all projects."""
    found = ((it, find_defaults(it.directory)) for it in projects)
    return tuple(
        replace(it, unversioned=(*it.unversioned, *defaults.needing_no_release(it.directory)))
        if defaults
        else it
        for it, defaults in found
    )


def package_name(text: str) -> NormalizedName:
    """Return the name of a package that the command line names, normalised; or raise InputError."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise InputError(
            f"No package can have this name: {text!r}", "letters, digits, and - _ . between them"
        ) from None


def narrowed(projects: Sequence[Project], ref: str | None) -> tuple[Project, ...]:
    """Return those of *projects* that changed since *ref*, or all of them where it is None."""
    if ref is None:
        return tuple(projects)
    changed = changed_since(ref, projects)
    total = counted(len(projects), "project")
    _logger.info("%d of %s changed since %s", len(changed), total, ref)
    return changed
