"""Options that several commands share, as data: each is declared once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from steps.host.errors import counted
from steps.registry.address import REGISTRY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def added(
    options: Sequence[Callable[..., Callable[..., Result]]], function: Callable[..., Result]
) -> Callable[..., Result]:
    """Add *options*, which the help shows in their order, to *function*."""
    for option in reversed(options):
        function = option(function)
    return function


def _only(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return the one value that was given; of two, one would be passed over without a word."""
    if len(given) > 1:
        message = f"it is given {counted(len(given), 'time')}: {', '.join(map(repr, given))}"
        raise click.BadParameter(message, context, parameter)
    return given[0] if given else None


def _registry_option(text: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    return click.option("--registry", metavar="URL", multiple=True, callback=_only, help=text)


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


registry_option = _registry_option(
    f"REGION/PROJECT/REPO or the URL of the registry.  [env: {REGISTRY_VARIABLE}]"
)
private_index_option = _registry_option("Take private build requirements from this registry.")
repository_option = click.option(
    "--repository",
    "section",
    metavar="NAME",
    help="Use the registry, and the credentials if any, of this section of ~/.pypirc.",
)

# The version gate's: fields of `Rules`, and whether the registry may have no page of its packages.
RULE_OPTIONS = (
    click.option(
        "--policy",
        type=click.Choice(["greater", "series", "unique"]),
        default="greater",
        show_default=True,
        help="What a new version must be: greater than the highest release, than the highest of"
        " its series (1.4.x), or only unique.",
    ),
    click.option("--allow-local", is_flag=True, help="Allow local versions (1.0+here)."),
    click.option("--allow-epoch", is_flag=True, help="Allow epochs (1!1.0)."),
    click.option(
        "--first-release",
        is_flag=True,
        help="Do not check that the repository exists: for an index without a page that lists"
        " its packages.",
    ),
)

when_bumped_option = click.option(
    "--when-bumped/--each-merge",
    default=None,
    help="Let contents change under a published version, and release them when it is bumped; or"
    " refuse that.  [default: `releases` of shipwheel.yaml, or --each-merge]",
)


def _interpreter(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str:
    """Return *given*, a path as seen from here."""
    if given and (os.sep in given or given.startswith("~")):
        return os.path.abspath(os.path.expanduser(given))  # noqa: PTH100, PTH111 - links are kept
    return given or sys.executable


def _config_settings(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str | list[str]]:
    """Return the settings for backends, as pypa/build reads them."""
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


workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="number of processors",
    help="Builds at a time.",
)
# Of builds: fields of `BuildOptions`, by their names.
BUILD_OPTIONS = (
    click.option(
        "--sdist", "kinds", flag_value="sdist", default="both", help="Build the sdist only."
    ),
    click.option("--wheel", "kinds", flag_value="wheel", help="Build the wheel only."),
    click.option("--strict", is_flag=True, help="Refuse what the checks only warn about."),
    click.option(
        "--build-timeout",
        "timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End a build hook that takes longer.",
    ),
    click.option(
        "--no-build-cache",
        "cache",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Make new build environments; by default they are kept for a day.",
    ),
    click.option(
        "--python",
        metavar="VERSION|PATH",
        callback=_interpreter,
        help="Build with this interpreter, by default the one that runs Shipwheel.",
    ),
    click.option(
        "-C",
        "--config-setting",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_config_settings,
        help="Pass a setting to the build backend; repeat a key for a list of values.",
    ),
    workers_option,
)
unshallow_option = click.option(
    "--unshallow",
    is_flag=True,
    help="First fetch the git history and tags that a shallow clone lacks.",
)
