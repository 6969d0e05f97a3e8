"""Runs gcloud for JSON and tells its errors apart; and what its ignore files leave out.

Only this module reads what gcloud says about an error.

`.gcloudignore` decides what is left out; without one, in a git checkout, `.gitignore` and `.git`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps.host.children import Children
from steps.host.errors import AccessError, InputError, ServiceError, ShipwheelError
from steps.host.files import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pathspec import GitIgnoreSpec

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
IGNORE_FILE = ".gcloudignore"
GIT_IGNORE_FILE = ".gitignore"
INCLUDE = "#!include:"
BY_DEFAULT = (IGNORE_FILE, ".git", GIT_IGNORE_FILE)


class ApiOffError(ServiceError):
    """The API that answers is not enabled in the project, or has not been for long enough."""


class NotYetError(ServiceError):
    """What was created a moment ago is not known everywhere, or another caller wrote in between."""


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

    *takes* says which role is missing where it is refused.
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
    # What takes no role is only asked of this machine.
    _logger.log(logging.INFO if call.takes else logging.DEBUG, "$ %s --quiet", call.line)
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


def gcloud_version() -> str:
    """Return the version of the gcloud that is installed, empty without one."""
    try:
        answer = ask_gcloud(Call(verb="version", arguments=(), takes=""), os.environ)
    except ShipwheelError:
        return ""
    version = answer.get("Google Cloud SDK", "") if isinstance(answer, dict) else ""
    return version if re.fullmatch(r"[0-9.]+", str(version)) else ""


def gcloud_properties(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the properties that gcloud has here, by section; none without gcloud."""
    try:
        answer = ask_gcloud(Call(verb="config list", arguments=(), takes=""), environ)
    except ShipwheelError:
        return {}
    return answer if isinstance(answer, dict) else {}


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


def uploaded(source: Path, *, leave_out: Path | None = None) -> Iterator[Path]:
    """Yield files and folders; what is below an ignored folder cannot be included again.

    The folder *leave_out*, a resolved path, counts as ignored. Raises InputError when an ignore
    file cannot be read.
    """
    rules = _ignore_rules(source)
    for folder, folders, files in os.walk(source):
        here = Path(folder).relative_to(source)
        if leave_out and leave_out.parent == Path(folder).resolve():
            folders[:] = [name for name in folders if name != leave_out.name]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        kept = [n for n in sorted(folders) if not rules.match_file(f"{(here / n).as_posix()}/")]
        folders[:] = [name for name in kept if name not in links]
        yield from (here / name for name in kept)
        for name in sorted(files):
            if not rules.match_file((here / name).as_posix()):
                yield here / name


def is_uploaded(source: Path, path: str) -> bool:
    """Return whether gcloud would upload the file at *path* from *source*, be it there or not."""
    rules = _ignore_rules(source)
    parts = path.split("/")
    folders = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
    return not (rules.match_file(path) or any(map(rules.match_file, folders)))


def _ignore_rules(source: Path) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - no command in a build pays for it

    ignore_file = source / IGNORE_FILE
    git_ignore_file = source / GIT_IGNORE_FILE
    if ignore_file.exists():
        return GitIgnoreSpec.from_lines(_lines(ignore_file, follow=True))
    if git_ignore_file.exists():
        return GitIgnoreSpec.from_lines([*BY_DEFAULT, *_lines(git_ignore_file, follow=False)])
    return GitIgnoreSpec.from_lines(BY_DEFAULT if (source / ".git").exists() else [])


def _lines(file: Path, *, follow: bool) -> Iterator[str]:
    """Yield the patterns of *file*; `#!include:` puts those of a neighbour in its place."""
    hint = "it has to be a text file beside the source"
    for line in read_whole(file, hint, what="The ignore file ").splitlines():
        if not line.startswith(INCLUDE):
            yield line
        elif "/" in (name := line.removeprefix(INCLUDE).strip()):
            message = f"{file}: {line!r} includes a file of another directory"
            raise InputError(message, "gcloud only includes files beside the ignore file")
        elif follow:
            yield from _lines(file.parent / name, follow=False)
