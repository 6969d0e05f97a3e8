"""Completes the history of a checkout that Cloud Build cloned shallowly.

A trigger's build gets one commit without tags, from which setuptools-scm and its like can only
guess a version.
"""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from steps.errors import AccessError, InputError
from steps.host.children import Children

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_logger = logging.getLogger("shipwheel")

_SECONDS = 600.0
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
    try:
        answer = _git(directory, environ, "rev-parse", "--show-toplevel")
    except OSError as error:
        found = directory.is_dir()
        what = (
            f"git cannot be started ({error.strerror})" if found else "there is no such directory"
        )
        raise InputError(
            f"The history of {os.fspath(directory)!r} cannot be completed: {what}",
            "install git, or leave --unshallow out" if found else "name a directory",
        ) from None
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
    try:
        answer = _git(top, environ, "fetch", "--unshallow", "--tags", "--quiet", remote)
    except subprocess.TimeoutExpired:
        raise AccessError(
            f"The remote {remote!r} did not give the history within {_SECONDS:g} seconds",
            "fetch it in a step before this one: git fetch --unshallow --tags",
        ) from None
    if answer.returncode:
        raise AccessError(
            f"The remote {remote!r} did not give the history of {os.fspath(top)!r}:"
            f" {answer.stderr.strip()}",
            "a private repository needs credentials in this step, which Cloud Build leaves to you:"
            " a deploy key or a token from Secret Manager",
        )


def _ask(top: Path, environ: Mapping[str, str], *arguments: str) -> str:
    return _git(top, environ, *arguments).stdout.strip()


def _git(
    directory: Path, environ: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    # Never a prompt, neither git's nor ssh's: nobody is there to answer it.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    environ = {**quiet, **environ, "LC_ALL": "C.UTF-8"}
    with Children(timeout=_SECONDS) as children:
        return children.ask(["git", *arguments], cwd=directory, environ=environ)
