"""`shipwheel emulator`: the registry emulator in the foreground, until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder.server import DEFAULT_REPOSITORY, Emulator, parse_remote, parse_virtual
from builder.server.answers import Answers, read_answers
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import InputError, Problem
from steps.host.files import read_whole
from steps.registry.address import EMULATOR_VARIABLE
from steps.registry.public_index import PUBLIC_INDEX_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN_VARIABLE = "SHIPWHEEL_EMULATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Keep the files here.  [default: a temporary folder, removed at the end]",
)
@click.option(
    "--repository",
    "repositories",
    metavar="PROJECT/REPO",
    multiple=True,
    default=[DEFAULT_REPOSITORY],
    show_default=True,
    help="Serve this repository, and any other that is named; those not named do not exist.",
)
@click.option(
    "--remote",
    "remotes",
    metavar="PROJECT/REPO[=URL]",
    multiple=True,
    help="Serve a remote repository: a read-only cache of the index at URL, or of the public one."
    f"  [env: {PUBLIC_INDEX_VARIABLE}, for the public one]",
)
@click.option(
    "--virtual",
    "virtuals",
    metavar="PROJECT/REPO=UPSTREAM:PRIORITY,…",
    multiple=True,
    help="Serve a virtual repository of others that are served; of a version that several have,"
    " the highest priority counts.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="By default, a free one.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Demand the token in this file from every client.  [env: {TOKEN_VARIABLE}, the token]",
)
@click.option(
    "--reader-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Let the token in this file read, and not upload.",
)
@click.option(
    "--answers",
    "answers_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answer as this YAML or JSON file says where the service is not known, or differs.",
)
def command(
    *,
    root: Path | None,
    repositories: tuple[str, ...],
    remotes: tuple[str, ...],
    virtuals: tuple[str, ...],
    port: int,
    token_file: Path | None,
    reader_token_file: Path | None,
    answers_file: Path | None,
) -> None:
    """Serve the registry emulator on this machine until Ctrl-C.

    Prints the setting that sends every Artifact Registry address to it.

    \b
    Example:
      shipwheel emulator --port 8080 \\
        --repository my-project/pypi
      export ARTIFACT_REGISTRY_EMULATOR_HOST=127.0.0.1:8080
      shipwheel publish --registry us-central1/my-project/pypi

    \b
    One address for private and public packages:
      shipwheel emulator --remote demo/public \\
        --virtual demo/all=pypi:100,public:50
    """
    stop = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts, so that the signals wait for `sigwait` in all of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with ExitStack() as stack:
        folder = root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipwheel-")))
        emulator = Emulator(
            folder,
            repositories=repositories,
            remotes=_remotes(remotes),
            virtuals=_virtuals(virtuals),
            token=_token(token_file),
            more_tokens={_read_token(reader_token_file): "reader"} if reader_token_file else {},
            answers=read_answers(answers_file) if answers_file else Answers(),
            port=port,
        )
        stack.enter_context(emulator)
        for name, contents in emulator.contents().items():
            _logger.info("Serving http://%s/%s/ %s", emulator.host, name, contents)
        click.echo(f"{EMULATOR_VARIABLE}={emulator.host}")
        signal.sigwait(stop)
    _logger.info("Stopped")


def _remotes(given: tuple[str, ...]) -> dict[str, str]:
    public = os.environ.get(PUBLIC_INDEX_VARIABLE, "")
    parsed = [parse_remote(text) for text in given]
    _require_different(name for name, _ in parsed)
    return {name: url or public for name, url in parsed}


def _virtuals(given: tuple[str, ...]) -> dict[str, dict[str, int]]:
    parsed = [parse_virtual(text) for text in given]
    _require_different(name for name, _ in parsed)
    return dict(parsed)


def _require_different(names: Iterable[str]) -> None:
    InputError.raise_all(
        Problem(f"A repository was given twice: {name!r}", "give each one name")
        for name, number in Counter(names).items()
        if number > 1
    )


def _token(file: Path | None) -> str | None:
    if file is None and TOKEN_VARIABLE in os.environ:
        return _require_token(os.environ[TOKEN_VARIABLE], TOKEN_VARIABLE)
    return _read_token(file) if file else None


def _read_token(file: Path) -> str:
    text = read_whole(file, "name a file with the token", what="The token file ")
    return _require_token(text, f"the file {str(file)!r}")


def _require_token(text: str, where: str) -> str:
    if not (token := text.strip()):
        raise InputError(f"There is no token in {where}", "put the token there and nothing else")
    return token


if __name__ == "__main__":
    run_alone(command, "emulator")
