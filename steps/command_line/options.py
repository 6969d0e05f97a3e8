"""Options that several commands share, each declared once."""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from steps.host.errors import InputError
from steps.registry.address import REGISTRY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from packaging.utils import NormalizedName

    from steps.backend.context import Kinds
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")

Parameters = ParamSpec("Parameters")
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
registry_option = click.option(
    "--registry",
    metavar="URL",
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
        from steps.backend.context import BuildOptions  # noqa: PLC0415 - the same
        from steps.project.history import complete_history  # noqa: PLC0415 - as above

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
    from steps.project.manifest import MANIFEST, find_defaults  # noqa: PLC0415 - as below
    from steps.project.repository import find_packages  # noqa: PLC0415 - `--help` does without
    from steps.project.source import read_projects  # noqa: PLC0415 - the same

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
    from packaging.utils import InvalidName, canonicalize_name  # noqa: PLC0415 - as above

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
    from steps.project.history import changed_since  # noqa: PLC0415 - only who narrows pays for it

    changed = changed_since(ref, projects)
    _logger.info("%d of %d projects changed since %s", len(changed), len(projects), ref)
    return changed
