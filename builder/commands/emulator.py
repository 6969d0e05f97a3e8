"""`shipwheel emulator`: the registry emulator in the foreground, until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from builder.emulator import DEFAULT_REPOSITORY, Emulator
from steps.errors import InputError
from steps.registry import EMULATOR_VARIABLE

TOKEN_VARIABLE = "SHIPWHEEL_EMULATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret

log = logging.getLogger("shipwheel")


@click.command(short_help="Serve the registry emulator in the foreground.")
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
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="By default, a free one.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Demand the token in this file from every client.  [env: {TOKEN_VARIABLE}, the token]",
)
def command(
    root: Path | None, repositories: tuple[str, ...], port: int, token_file: Path | None
) -> None:
    """Serve the registry emulator on this machine until Ctrl-C.

    Prints the setting that sends every Artifact Registry address to it.

    \b
    Example:
      shipwheel emulator --repository my-project/pypi --port 8080
      export ARTIFACT_REGISTRY_EMULATOR_HOST=127.0.0.1:8080
      shipwheel publish --registry us-east4/my-project/pypi
    """
    stop = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts, so that the signals wait for `sigwait` in all of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with ExitStack() as stack:
        folder = root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipwheel-")))
        emulator = Emulator(
            folder, repositories=repositories, token=_read_token(token_file), port=port
        )
        stack.enter_context(emulator)
        for name in repositories:
            log.info("Serving http://%s/%s/ from %s", emulator.host, name, folder / name)
        click.echo(f"{EMULATOR_VARIABLE}={emulator.host}")
        signal.sigwait(stop)
    log.info("Stopped")


def _read_token(file: Path | None) -> str | None:
    if file is None and TOKEN_VARIABLE not in os.environ:
        return None
    try:
        token = (file.read_text() if file else os.environ[TOKEN_VARIABLE]).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            f"The token file cannot be read: {str(file)!r} ({why})", "name a file with the token"
        ) from error
    if not token:
        where = f"the file {str(file)!r}" if file else TOKEN_VARIABLE
        raise InputError(f"There is no token in {where}", "put the token there and nothing else")
    return token
