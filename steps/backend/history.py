"""Completes the history of a checkout that Cloud Build cloned shallowly.

A trigger's build gets one commit without tags, from which setuptools-scm and its like can only
guess a version.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import AccessError, InputError
from steps.host.git import ask_git, run_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_logger = logging.getLogger("shipwheel")

_FETCH_SECONDS = 600.0
_NO_REPOSITORY = (
    "`gcloud builds submit` leaves .git out unless a .gcloudignore keeps it; a trigger brings it"
)


def complete_history(directories: Iterable[Path], environ: Mapping[str, str]) -> None:
    """Fetch the commits and the tags that the checkouts of *directories* lack.

    Raises InputError where there is no checkout or no remote, AccessError when the remote does not
    give them.
    """
    for top in dict.fromkeys(_top(directory, environ) for directory in directories):
        if _ask(top, environ, "rev-parse", "--is-shallow-repository") == "false":
            _logger.info("The git history in %r is complete", os.fspath(top))
        else:
            _fetch(top, _remote(top, environ), environ)


def _top(directory: Path, environ: Mapping[str, str]) -> Path:
    hint = "install git, or leave --unshallow out"
    answer = run_git(directory, "rev-parse", "--show-toplevel", hint=hint, environ=environ)
    if answer.returncode:
        raise InputError(
            f"There is no git history to complete in {os.fspath(directory.absolute())!r}:"
            f" {answer.stderr.strip()}",
            _NO_REPOSITORY,
        )
    return Path(answer.stdout.rstrip("\n"))


def _remote(top: Path, environ: Mapping[str, str]) -> str:
    """Return the remote `origin`, or the only one."""
    remotes = _ask(top, environ, "remote").splitlines()
    if "origin" in remotes or len(remotes) == 1:
        return "origin" if "origin" in remotes else remotes[0]
    raise InputError(
        f"The history in {os.fspath(top)!r} is shallow, and no remote named 'origin' has the rest"
        f" (remotes: {', '.join(map(repr, remotes)) or 'none'})",
        "`git remote add origin URL` before this step",
    )


def _fetch(top: Path, remote: str, environ: Mapping[str, str]) -> None:
    _logger.info("Fetching the whole git history in %r from %r", os.fspath(top), remote)
    fetch = ("fetch", "--unshallow", "--tags", "--quiet", remote)
    hint = "fetch it in a step before this one: git fetch --unshallow --tags"
    try:
        answer = run_git(top, *fetch, hint=hint, environ=environ, seconds=_FETCH_SECONDS)
    except InputError as error:
        message = f"The remote {remote!r} did not give the history: {error.problems[0].message}"
        raise AccessError(message, hint) from None
    if answer.returncode:
        raise AccessError(
            f"The remote {remote!r} did not give the history of {os.fspath(top)!r}:"
            f" {answer.stderr.strip()}",
            "a private repository needs credentials in this step, which Cloud Build leaves to you:"
            " a deploy key or a token from Secret Manager",
        )


def _ask(top: Path, environ: Mapping[str, str], *arguments: str) -> str:
    return ask_git(top, *arguments, environ=environ).strip()
