"""What the emulator answers where Artifact Registry was seen to answer in two ways, or in none.

Each default is what the best evidence says; docs/reference/emulator.md names it. A file for
`--answers` holds some of these keys, as YAML or JSON:

    no_credentials: {status: 403}
    deleted_project: {status: 200, content_type: text/html, body: "<html><body></body></html>"}
    visible_after: 5
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, TypeAdapter, ValidationError

from steps.host.errors import InputError, Problem, did_you_mean
from triggers.cloudbuild.files import read_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
_ROBOT_PAGE = """\
<!DOCTYPE html>
<html lang=en>
  <title>Error 404 (Not Found)!!1</title>
  <p><b>404.</b> The requested URL was not found on this server.
"""
_DENIED = "Permission 'artifactregistry.repositories.{}' denied (or it may not exist).\n"
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer in full; a body that is not given is empty."""

    __pydantic_config__ = _STRICT

    status: Annotated[int, Field(ge=200, le=599)]
    body: str = ""
    content_type: str = TEXT


GOOGLE_NOT_FOUND = Reply(status=404, body=_ROBOT_PAGE, content_type=HTML)
"""Google's answer to an address that means nothing."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers that can be chosen: those of the Python endpoint, of the API, and their times."""

    __pydantic_config__ = _STRICT

    root_page: Reply | None = GOOGLE_NOT_FOUND
    """`simple/`, with or without its slash; None is a list of the projects, as other registries
    have it and no log shows it of this one."""
    unknown_repository: Reply = Reply(status=404, body="Requested entity was not found.\n")
    """Anything in a repository that does not exist, but for the API's answer."""
    unknown_package: Reply = Reply(status=404, body="Requested entity was not found.\n")
    """The page of a project that the repository does not have."""
    deleted_project: Reply = Reply(status=404, body="Requested entity was not found.\n")
    """The page of a project whose versions were all deleted."""
    no_credentials: Reply = Reply(
        status=401, body="The request does not have valid authentication credentials.\n"
    )
    """A request without credentials."""
    bad_credentials: Reply = Reply(
        status=401, body="The request does not have valid authentication credentials.\n"
    )
    """A token that is not known, or one that came with another user name."""
    may_not_read: Reply = Reply(status=403, body=_DENIED.format("downloadArtifacts"))
    """A page or a file, for an account without the reader role."""
    may_not_upload: Reply = Reply(status=403, body=_DENIED.format("uploadArtifacts"))
    """An upload by an account without the writer role."""
    existing_file: Reply = Reply(status=400, body="Requested entity already exists.\n")
    """An upload of a file that is there."""
    wrong_mode: Reply = Reply(
        status=400, body="This is a {mode} repository, which takes no uploads.\n"
    )
    """An upload to a remote or a virtual repository; `{mode}` in its body says which."""
    epoch: Reply = Reply(status=400, body="Bad Request\n")
    """A download of a file whose version has an epoch."""

    domain_separator: Literal["/", ":"] = "/"
    """What is between the domain and the name of a domain-scoped project, in addresses."""
    page_title: str = "Links for {name}"
    """The title of a project's page; nothing leaves the page without one."""
    page_content_type: str = HTML
    ranges: Literal["served", "ignored", "error"] = "served"
    """A part of a file is sent (206), all of it is (200), or the answer is 500."""
    early_refusal: bool = True
    """Refuse an upload before its body is read, and close the connection."""

    api: Literal["on", "disabled", "blocked"] = "on"
    """The REST API: enabled, not enabled in the project, or forbidden by a service perimeter."""
    format: str = "PYTHON"
    """The format of every repository, as the API gives it."""

    visible_after: NonNegativeFloat = 0.0
    """Seconds from an upload until index and API show it."""
    index_kept_for: NonNegativeFloat = 0.0
    """Seconds for which a remote repository keeps an index page before it asks for it again."""


def read_answers(path: Path) -> Answers:
    """Return the answers that the file *path* chooses; raise InputError with all its faults."""
    data = read_mapping(path, "file of answers", "name a YAML or JSON file with --answers")
    try:
        return TypeAdapter(Answers).validate_python(data)
    except ValidationError as error:
        problems = [_problem(details, path) for details in error.errors()]
        raise InputError(problems[0], more=problems[1:]) from None


def _problem(details: ErrorDetails, path: Path) -> Problem:
    location = ".".join(map(str, details["loc"]))
    if details["type"] != "unexpected_keyword_argument":
        what = f"is {details['input']!r:.80}"
        return Problem(f"{path}: `{location}` {what}", f"{details['msg']}".lower())
    known = [it.name for it in fields(Reply if "." in location else Answers)]
    hint = did_you_mean(location.rpartition(".")[2], known, f"it may be: {', '.join(known)}")
    return Problem(f"{path}: `{location}` is not a key of the answers", hint)
