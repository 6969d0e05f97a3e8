"""gcloud for what Artifact Registry's index cannot do: one call, told, bounded, and judged.

It is echoed on stderr before it runs, asks no question, and its errors become ours.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from steps.children import Children
from steps.errors import AccessError, InputError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.registry import Registry

_logger = logging.getLogger("shipwheel")

SECONDS = 120.0
_LOGGED_OUT = re.compile(
    "gcloud auth login|active account|UNAUTHENTICATED|Reauthentication|invalid_grant|"
    "(?:new|valid) credentials|default credentials"
)
_DENIED = re.compile("PERMISSION_DENIED|does not have permission|impersonation permission")
_MOST_CHARACTERS = 400


def ask_artifacts(
    verb: str,
    *arguments: str,
    registry: Registry,
    role: str,
    environ: Mapping[str, str],
    seconds: float = SECONDS,
) -> Any:
    """Run `gcloud artifacts VERB ARGUMENTS` for *registry*, and return what its JSON says.

    *role* is what it takes, for whoever lacks it. Raises InputError without gcloud, AccessError
    without credentials or permission, ServiceError for any other failure.
    """
    place = (f"--project={registry.project}", f"--location={registry.location}")
    repository = () if verb.startswith("repositories") else (f"--repository={registry.repository}",)
    command = ["gcloud", "artifacts", *verb.split(), *arguments, *repository, *place]
    command += ["--format=json", "--quiet"]
    _logger.info("$ %s", shlex.join(command))
    try:
        with Children(timeout=seconds) as children:
            done = children.ask(command, environ=environ)
    except FileNotFoundError:
        raise InputError(
            "gcloud is not installed, and this is done through it",
            "https://cloud.google.com/sdk/docs/install",
        ) from None
    except subprocess.TimeoutExpired:
        raise ServiceError(
            f"`gcloud artifacts {verb}` took longer than {seconds:g} seconds",
            "look whether Artifact Registry can be reached, and run it again",
        ) from None
    if done.returncode:
        raise _error(verb, done.stderr, role, registry)
    return json.loads(done.stdout or "null")


def _error(
    verb: str, stderr: str, role: str, registry: Registry
) -> InputError | AccessError | ServiceError:
    said = stderr[max(stderr.rfind("\nERROR: ") + 1, 0) :]
    first = re.sub(r"^ERROR: (?:\(\S+\) )?", "", said.strip().partition("\n")[0])
    message = f"`gcloud artifacts {verb}` failed: {first[:_MOST_CHARACTERS]}"
    if _DENIED.search(said):
        return AccessError(
            message,
            f"it takes {role}: gcloud artifacts repositories add-iam-policy-binding"
            f" {registry.repository} --project={registry.project} --location={registry.location}"
            f" --role={role} --member=user:ACCOUNT",
        )
    if _LOGGED_OUT.search(said):
        return AccessError(message, "log in: gcloud auth login")
    return ServiceError(message, "run the same command again")
