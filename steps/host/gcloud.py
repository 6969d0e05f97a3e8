"""One call of gcloud: echoed before it runs, bounded in time, asked no question, judged after.

Only this module reads what gcloud says about an error.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steps.host.children import Children
from steps.host.errors import AccessError, InputError, ServiceError, ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger = logging.getLogger("shipwheel")

SECONDS = 120.0
# Where every project may build; others need quota that new and small projects do not have.
# https://docs.cloud.google.com/build/docs/locations
BUILD_REGIONS = (
    "us-central1",
    "us-west2",
    "europe-west1",
    "asia-east1",
    "australia-southeast1",
    "southamerica-east1",
)
_API = re.compile(r"\b(?!console\b)[a-z]+\.googleapis\.com\b")
_MOST_CHARACTERS = 400


class ApiOffError(ServiceError):
    """The API that answers is not enabled in the project, or has not been for long enough."""


class NotYetError(ServiceError):
    """What was created a moment ago is not known everywhere, or somebody wrote in between."""


# What gcloud says, what that is, and what to do; the first that fits.
_CAUSES: tuple[tuple[str, type[ShipwheelError], str], ...] = (
    (
        "due to quota restrictions, cannot run builds|no concurrent builds quota",
        ServiceError,
        (
            f"set `region` in shipwheel.yaml to one of {', '.join(BUILD_REGIONS)}, where every"
            " project may build, or ask Google Cloud's support for quota in this region"
        ),
    ),
    (
        r"SERVICE_DISABLED|has not been used in project|API \[\S+\] (?:is )?not enabled",
        ApiOffError,
        "enable it: gcloud services enable {api}",
    ),
    (
        "[Bb]illing (?:account|must be enabled)",
        ServiceError,
        "link a billing account: gcloud billing projects link PROJECT",
    ),
    (
        (
            r"[Ss]ervice account \S+ does not exist|NOT_FOUND: Unknown service account|"
            "concurrent policy changes|ABORTED"
        ),
        NotYetError,
        "run the same command again in a minute",
    ),
    (
        "PERMISSION_DENIED|does not have permission|impersonation permission",
        AccessError,
        "{takes}",
    ),
    (
        (
            "gcloud auth login|active account|UNAUTHENTICATED|Reauthentication|invalid_grant|"
            "(?:new|valid) credentials|default credentials"
        ),
        AccessError,
        "log in: gcloud auth login",
    ),
    ("", ServiceError, "what was done before stays; run the same command again"),
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A gcloud command: *verb* is its words, *text* its standard input.

    *takes* says which role it takes, for whoever lacks it.
    """

    verb: str
    arguments: tuple[str, ...]
    takes: str
    text: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The argument list."""
        return ("gcloud", *self.verb.split(), *self.arguments)

    @property
    def line(self) -> str:
        """The command as any shell takes it."""
        command = shlex.join(self.words)
        return f"echo {shlex.quote(self.text)} | {command}" if self.text else command


def run_gcloud(
    call: Call, environ: Mapping[str, str], *, seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run *call*, and return what it printed.

    Raises InputError without gcloud, AccessError without credentials or permission, ApiOffError,
    NotYetError, or ServiceError for any other failure.
    """
    command = [*call.words, "--quiet"]
    _logger.info("$ %s --quiet", call.line)
    try:
        with Children(timeout=seconds) as children:
            done = children.ask(command, environ=environ, text=call.text)
    except FileNotFoundError:
        raise InputError(
            "gcloud is not installed, and Google Cloud is reached through it",
            "https://cloud.google.com/sdk/docs/install",
        ) from None
    except subprocess.TimeoutExpired:
        raise ServiceError(
            f"`gcloud {call.verb}` took longer than {seconds:g} seconds",
            "look whether Google Cloud can be reached, and run it again",
        ) from None
    if done.returncode:
        raise _error(call, done.stderr)
    return done


def ask_gcloud(call: Call, environ: Mapping[str, str]) -> Any:
    """Run *call*, and return what it answers as JSON; None for no answer.

    Raises what `run_gcloud` raises, and ServiceError for an answer that is not JSON.
    """
    call = replace(call, arguments=(*call.arguments, "--format=json"))
    return parse_answer(call, run_gcloud(call, environ))


def parse_answer(call: Call, answer: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON in the *answer* to *call*; raise ServiceError where there is none."""
    try:
        return json.loads(answer.stdout or "null")
    except ValueError:
        said = answer.stdout[:_MOST_CHARACTERS]
        raise ServiceError(
            f"`gcloud {call.verb}` answered with something else than JSON: {said!r}",
            f"see what it prints: {call.line}",
        ) from None


def _error(call: Call, stderr: str) -> ShipwheelError:
    # Above it is what --log-http wrote, and warnings.
    said = stderr[max(stderr.rfind("\nERROR: ") + 1, 0) :]
    first = re.sub(r"^ERROR: (?:\(\S+\) )?", "", said.strip().partition("\n")[0])
    message = f"`gcloud {call.verb}` failed: {first[:_MOST_CHARACTERS]}"
    api = _API.search(said)
    project = next((it for it in call.arguments if it.startswith("--project=")), "")
    named = f"{api[0] if api else 'API'} {project}".rstrip()
    error, hint = next((kind, hint) for cause, kind, hint in _CAUSES if re.search(cause, said))
    return error(message, hint.format(api=named, takes=call.takes))
