"""Options of the commands that speak to the registry: where it is, and what it lets through."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steps.command_line.options import registry_option
from steps.host.gcloud import gcloud_registry
from steps.project.manifest import MANIFEST, find_defaults
from steps.registry.address import REGISTRY_VARIABLE, parse_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.registry.address import Registry
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")

Result = TypeVar("Result")

_RETRY_SECONDS = 60.0


def retry_for_option(default: float) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Return --retry-for, which is *default* seconds unless it is given."""
    return click.option(
        "--retry-for",
        type=click.FloatRange(min=0),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help="How long to repeat a request that meets a fault.",
    )


def with_transport(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add --registry, --repository and --retry-for, handed on as one `transport`."""

    @registry_option
    @click.option(
        "--repository",
        "section",
        metavar="NAME",
        help="Take the registry, and a login if there is one, from this section of ~/.pypirc.",
    )
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

    @click.option(
        "--registry", metavar="URL", help="Take private build requirements from this registry."
    )
    @functools.wraps(function)
    def wrapper(registry: str | None, **others: Any) -> Result:
        from steps.registry.index import Index  # noqa: PLC0415 - `--help` does without

        transport = open_transport(registry, retry_for=_RETRY_SECONDS) if registry else None
        index = Index(transport.registry, transport) if transport else None
        return function(index=index, **others)

    return wrapper


def open_transport(url: str | None, section: str | None = None, *, retry_for: float) -> Transport:
    """Return what speaks to the registry at *url*, or to the one in *section* of ~/.pypirc."""
    from steps.registry.credentials import (  # noqa: PLC0415 - `--help` does without
        find_certificates,
        find_credentials,
        read_pypirc,
    )
    from steps.registry.transport import Transport  # noqa: PLC0415 - the same

    url, login = read_pypirc(section) if section else (url, None)
    place = find_registry(url)
    credentials = find_credentials(place, os.environ, pypirc=login)
    certificates = find_certificates(os.environ, section)
    return Transport(place, credentials, certificates, retry_for=retry_for)


def find_registry(named: str | None) -> Registry:
    """Return the registry that is *named*, or by the environment, the manifest or gcloud.

    One that was not named on this machine's command line or environment is narrated.
    """
    if named or os.environ.get(REGISTRY_VARIABLE, "").strip():
        return parse_registry(named, os.environ)
    defaults = find_defaults(Path())
    source = os.path.relpath(defaults.root / MANIFEST) if defaults else ""
    found = defaults.registry if defaults else ""
    if not found:
        source, found = "the properties of gcloud", gcloud_registry(os.environ)
    registry = parse_registry(found, os.environ)
    _logger.info("The registry is %s, from %s", registry, source)
    return registry


def with_rules(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of the version gate, handed on as `rules` and `first_release`."""

    @click.option(
        "--policy",
        type=click.Choice(["greater", "series", "unique"]),
        default="greater",
        show_default=True,
        help="What a new version must be: greater than the highest release, than the highest of"
        " its series (1.4.x), or only unique.",
    )
    @click.option("--allow-local", is_flag=True, help="Let local versions (1.0+here) through.")
    @click.option("--allow-epoch", is_flag=True, help="Let epochs (1!1.0) through.")
    @click.option(
        "--first-release",
        is_flag=True,
        help="Do not ask whether the repository exists, where only a page of its packages could"
        " tell: for an index that has no such page.",
    )
    @functools.wraps(function)
    def wrapper(
        policy: str, allow_local: bool, allow_epoch: bool, first_release: bool, **others: Any
    ) -> Result:
        from steps.release.gate import Policy, Rules  # noqa: PLC0415 - `--help` does without

        rules = Rules(policy=Policy(policy), allow_local=allow_local, allow_epoch=allow_epoch)
        return function(rules=rules, first_release=first_release, **others)

    return wrapper
