"""`shipwheel settings`: the settings of a client for the registry, printed or written."""

from __future__ import annotations

import logging
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.client.clients import default_name, settings
from steps.client.files import difference, one_at_a_time, plan_changes, write_changes
from steps.client.model import Wanted, this_machine
from steps.command_line.arguments import find_registry, package_name
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import registry_option
from steps.command_line.program import run_alone
from steps.host.errors import AccessError, RegistryError, warn
from steps.registry.address import parse_registry
from steps.registry.artifact_registry import REMOTE, VIRTUAL, explain, misused
from steps.registry.credentials import find_certificates, find_credentials, read_key
from steps.registry.repository_api import RepositoryApi
from steps.registry.transport import Transport

if TYPE_CHECKING:
    from steps.client.model import Client, ClientSettings
    from steps.registry.address import Registry
    from steps.registry.artifact_registry import Repository
    from steps.registry.credentials import Login

_logger = logging.getLogger("shipwheel")

_API_SECONDS = 10.0


@click.command(cls=ShipwheelCommand)
@click.argument("client", type=click.Choice(["pip", "uv", "poetry", "pdm", "twine"]))
@registry_option
@click.option(
    "--standard",
    metavar="URL",
    help="The standard repository behind a virtual one: for private packages, and for uploads.",
)
@click.option(
    "--name", help="What the client calls the private registry.  [default: as its repository]"
)
@click.option(
    "--package",
    "packages",
    metavar="NAME",
    multiple=True,
    help="A private package; repeat it for each. uv and PDM take these from the registry only.",
)
@click.option(
    "--extra-index",
    is_flag=True,
    help="Add the registry to the public index, as Google documents it. This is weaker.",
)
@click.option(
    "--json-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Log in with this service-account key, in place of keyring.",
)
@click.option("--netrc", is_flag=True, help="Put the token, or the key, into the netrc file.")
@click.option(
    "--shell",
    is_flag=True,
    help="Print a token, or the key, as `export` lines for `eval` in a POSIX shell.",
)
@click.option(
    "--scope",
    type=click.Choice(["user", "project", "environment"]),
    help="Which settings to write.  [default: pip and twine: user; the others: project]",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use this file instead of the client's usual one.",
)
@click.option("--write", is_flag=True, help="Merge it into the files, and show what changes.")
@click.option("--diff", is_flag=True, help="Show what --write would change, without secrets.")
def command(
    *,
    client: Client,
    registry: str | None,
    standard: str | None,
    name: str | None,
    packages: tuple[str, ...],
    extra_index: bool,
    json_key: Path | None,
    netrc: bool,
    shell: bool,
    scope: Any,
    file: Path | None,
    write: bool,
    diff: bool,
) -> None:
    """Tell pip, uv, poetry, pdm or twine about the registry.

    Prints the settings for each file. --write merges them into the files: other settings and
    comments stay.

    \b
    Example:
      shipwheel settings pip --write \\
        --registry us-central1/my-project/pypi-all
      shipwheel settings uv \\
        --registry us-central1/my-project/pypi-all \\
        --standard us-central1/my-project/pypi \\
        --package tides --write
      eval "$(shipwheel settings twine --shell \\
        --registry us-central1/my-project/pypi)"
    """
    if shell and (write or diff or netrc):
        raise click.UsageError("--shell writes no file: leave out --write, --diff and --netrc.")
    key = read_key(json_key) if json_key else None
    private, public = _registries(registry, standard)
    wanted = Wanted(
        private=private,
        name=name or default_name(private),
        public=public,
        public_name=default_name(public) if public else "",
        packages=tuple(dict.fromkeys(map(package_name, packages))),
        extra_index=extra_index,
        key=None if shell else key,
        netrc=(key or _token(private)) if netrc else None,
        scope=scope,
        file=file,
    )
    machine = this_machine()
    found = settings(client, wanted, machine)
    if shell:
        _print_variables(found, key or _token(private))
        return
    repository = _tell_weaknesses(client, wanted, found)
    _apply(found, machine.home, write=write, diff=diff)
    for step in found.steps:
        _logger.info("Next, %s", step)
    takes_uploads = repository is None or repository.mode not in {REMOTE, VIRTUAL}
    if found.publish and (takes_uploads or wanted.public):
        _logger.info("Next, to publish: `%s`", found.publish)


def _registries(registry: str | None, standard: str | None) -> tuple[Registry, Registry | None]:
    """Return the one of the private packages, and the one of all others unless it is the same."""
    place = find_registry(registry, Path.cwd(), os.environ)
    private = parse_registry(standard, os.environ) if standard else place
    return private, None if private == place else place


def _token(registry: Registry) -> Login:
    credentials = find_credentials(registry, os.environ)
    login = credentials.login()
    if login is None:
        why = f": {credentials.failure}" if credentials.failure else ""
        raise AccessError(
            f"There are no credentials for {registry}{why}",
            "set TWINE_USERNAME and TWINE_PASSWORD, run `gcloud auth application-default login`,"
            " or name a key with --json-key",
        )
    return login


def _print_variables(found: ClientSettings, login: Login) -> None:
    for variable, value in found.variables(login).items():
        click.echo(f"export {variable}={shlex.quote(value)}")
    if found.limit:
        _logger.info("Note: %s", found.limit)


def _tell_weaknesses(client: Client, wanted: Wanted, found: ClientSettings) -> Repository | None:
    """Warn of what is weak, and return the repository of all packages where it is known."""
    warn(*found.warnings)
    registry = wanted.only
    if client == "twine" or registry.emulated or not registry.is_artifact_registry:
        return None

    repository = _described(registry)
    if repository is None:
        return None
    _logger.info("%s", explain(repository))
    # pip uploads nothing, and has no other place for private packages.
    private = wanted.public is None and client != "pip"
    warn(*misused(repository, alone=found.alone, private=private))
    return repository


def _described(registry: Registry) -> Repository | None:
    """Return what *registry* is; None where that is not known, after saying why."""
    transport = Transport(
        registry,
        find_credentials(registry, os.environ, seconds=_API_SECONDS),
        find_certificates(os.environ),
        retry_for=0.0,
        timeout=_API_SECONDS,
    )
    api = RepositoryApi(registry, transport)
    try:
        return replace(api.repository(), upstreams=api.upstreams())
    except (RegistryError, AccessError) as error:
        _logger.info("Could not check what %s is: %s", registry, error.problems[0].message)
        return None


def _apply(found: ClientSettings, home: Path, *, write: bool, diff: bool) -> None:
    if not (write or diff):
        for edit in found.edits:
            click.echo(f"# {edit.path}\n{edit.edit('')}")
        return
    with one_at_a_time(home):
        changes = plan_changes(found.edits)
        if write:
            write_changes(changes)
    warn(*(it for change in changes for it in change.warnings))
    click.echo(difference(changes), nl=False)
    for change in changes:
        if not change.is_change:
            _logger.info("%s: nothing to do", change.path)
        elif write:
            _logger.info("%s: written", change.path)
        else:
            _logger.info("%s: would be written; --write does it", change.path)


if __name__ == "__main__":
    run_alone(command, "settings")
