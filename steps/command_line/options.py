"""Options that several commands share, each declared once."""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from packaging.utils import InvalidName, canonicalize_name

from steps.host.errors import InputError, counted
from steps.host.gcloud import gcloud_properties
from steps.project.history import changed_since, complete_history
from steps.project.manifest import MANIFEST, find_defaults
from steps.project.repository import find_packages
from steps.project.source import read_projects
from steps.registry.address import REGISTRY_VARIABLE, parse_registry
from steps.registry.credentials import find_certificates, find_credentials, read_pypirc
from steps.release.gate import Policy, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.backend.context import Kinds
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")
_RETRY_SECONDS = 60.0

Result = TypeVar("Result")

projects_argument = click.argument(
    "directories",
    metavar="[PROJECT]...",
    nargs=-1,
    type=click.Path(path_type=Path),
)
all_option = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Take every package below PROJECT (by default, below the current directory).",
)
changed_since_option = click.option(
    "--changed-since",
    metavar="REF",
    help="Look only at projects whose files, or a local dependency's, changed since REF.",
)


def _only(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return the one value that was given; of two, one would be passed over without a word."""
    if len(given) > 1:
        message = f"it is given {counted(len(given), 'time')}: {', '.join(map(repr, given))}"
        raise click.BadParameter(message, context, parameter)
    return given[0] if given else None


registry_option = click.option(
    "--registry",
    metavar="URL",
    multiple=True,
    callback=_only,
    help=f"REGION/PROJECT/REPO or the URL of the registry.  [env: {REGISTRY_VARIABLE}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="number of processors",
    help="Builds at a time.",
)


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
        "--registry",
        metavar="URL",
        multiple=True,
        callback=_only,
        help="Take private build requirements from this registry.",
    )
    @functools.wraps(function)
    def wrapper(registry: str | None, **others: Any) -> Result:
        from steps.registry.index import Index  # noqa: PLC0415 - as open_transport

        transport = open_transport(registry, retry_for=_RETRY_SECONDS) if registry else None
        index = Index(transport.registry, transport) if transport else None
        return function(index=index, **others)

    return wrapper


def find_registry(given: str | None, directory: Path, environ: Mapping[str, str]) -> Registry:
    """Return the registry that is *given*, or else named here.

    First the environment counts, then shipwheel.yaml in *directory* or above it, up to the root of
    the git repository, then gcloud's properties. Raises InputError where none names one.
    """
    if given or environ.get(REGISTRY_VARIABLE):
        return parse_registry(given, environ)
    found, where = _from_manifest(directory)
    if not found:
        found, where = _from_gcloud(environ)
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
    from steps.registry.transport import Transport  # noqa: PLC0415 - 0.2 s, which lint saves

    url, login = read_pypirc(section) if section else (url, None)
    place = find_registry(url, Path.cwd(), os.environ)
    credentials = find_credentials(place, os.environ, pypirc=login)
    certificates = find_certificates(os.environ, section)
    return Transport(place, credentials, certificates, retry_for=retry_for)


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
        rules = Rules(policy=Policy(policy), allow_local=allow_local, allow_epoch=allow_epoch)
        return function(rules=rules, first_release=first_release, **others)

    return wrapper


def with_build_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options of builds, handed on as one `build_options`."""

    @click.option("--sdist", "kinds", flag_value="sdist", help="Build the sdist only.")
    @click.option("--wheel", "kinds", flag_value="wheel", help="Build the wheel only.")
    @click.option("--strict", is_flag=True, help="Refuse what the checks only warn about.")
    @click.option(
        "--build-timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End a build hook that takes longer.",
    )
    @click.option(
        "--no-build-cache",
        "cache",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Make build environments afresh; by default they serve for a day.",
    )
    @click.option(
        "--unshallow",
        is_flag=True,
        help="First fetch the git history and tags that a shallow clone lacks.",
    )
    @click.option(
        "--python",
        metavar="VERSION|PATH",
        help="Build with this interpreter, by default the one that runs Shipwheel.",
    )
    @click.option(
        "-C",
        "--config-setting",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        help="Tell the build backend; a key that comes twice has a list of values.",
    )
    @workers_option
    @functools.wraps(function)
    def wrapper(
        *,
        kinds: Kinds | None,
        strict: bool,
        cache: bool,
        build_timeout: float | None,
        unshallow: bool,
        python: str | None,
        settings: tuple[str, ...],
        workers: int,
        **others: Any,
    ) -> Result:
        from steps.backend.context import BuildOptions  # noqa: PLC0415 - 0.2 s, which lint saves

        if not hasattr(os, "fork"):
            raise InputError(
                "Shipwheel does not build on Windows", "run it in WSL, in a container or in a build"
            )
        if unshallow:
            complete_history(others["directories"] or (Path(),), os.environ)
        options = BuildOptions(
            kinds=kinds or "both",
            strict=strict,
            cache=cache,
            timeout=build_timeout,
            workers=workers,
            python=_interpreter(python),
            settings=_config_settings(settings),
        )
        return function(build_options=options, **others)

    return wrapper


def _interpreter(given: str | None) -> str:
    """Return *given*, a path as seen from here."""
    if given and (os.sep in given or given.startswith("~")):
        return os.path.abspath(os.path.expanduser(given))  # noqa: PTH100, PTH111 - links are kept
    return given or sys.executable


def _config_settings(given: Sequence[str]) -> dict[str, str | list[str]]:
    """Return what backends are told, as pypa/build reads it."""
    settings: dict[str, str | list[str]] = {}
    for text in given:
        key, _, value = text.partition("=")
        if key not in settings:
            settings[key] = value
        elif isinstance(before := settings[key], list):
            before.append(value)
        else:
            settings[key] = [before, value]
    return settings


def selected(directories: Sequence[Path], every: bool) -> tuple[Project, ...]:
    """Return the projects that the command line names; raise InputError when there is none."""
    roots = directories or (Path(),)
    if not every:
        return read_projects(roots)
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
    return read_projects(packages)


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
