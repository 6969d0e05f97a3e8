"""Keep tokens out of sight: find them in files, check git and gcloud, and write one last.

The token is put in last, when the file is written: nothing that judges the text ever sees it.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from steps.host.errors import AccessError, InputError, Problem
from steps.host.files import read_whole
from steps.host.gcloud import BY_DEFAULT, GIT_IGNORE_FILE, IGNORE_FILE, INCLUDE
from steps.host.git import ask_git, run_git
from steps.project.history import checkout_around
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from steps.registry.address import Registry
    from steps.registry.credentials import Credentials

_LARGEST = 1 << 20  # bytes; a file written by hand is smaller
_NEVER = {".git", ".venv", "__pycache__", "node_modules", "site-packages"}
_SECRET = re.compile(
    r"ya29\.[\w-]{16,}"  # an access token
    r"|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----"
    r"|_json_key_base64:[A-Za-z0-9+/=%]{16,}"
    r"|://oauth2accesstoken:(?!\{\{|\$|\*|<|%[({s]|[A-Z_]+@)[^@\s/\"']+@"
    r"|://[^/@:\s\"']*:(?!\{\{|\$|\*|<|%[({s])[^@\s/\"']{16,}@[\w.-]*pkg\.dev"
)
TOKEN = "{{ACCESS_TOKEN}}"  # noqa: S105 - where one goes
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")


@dataclass(frozen=True, kw_only=True)
class GitStatus:
    """What git does with a file; without git, it counts as ignored."""

    is_tracked: bool
    is_ignored: bool


def git_status(directory: Path, name: str, environ: Mapping[str, str]) -> GitStatus:
    """Ask git for the file *name* of *directory*, be it there or not; raise InputError."""
    inside = bool(ask_git(directory, "rev-parse", "--is-inside-work-tree", environ=environ))
    if not inside and checkout_around(directory):
        raise InputError(
            f"git cannot tell whether it tracks {name!r} in {os.fspath(directory)!r}",
            f"see what `git -C {directory} status` says",
        )
    return GitStatus(
        is_tracked=inside and _git(directory, environ, "ls-files", "--error-unmatch", name),
        is_ignored=not inside
        or _git(directory, environ, "check-ignore", "--quiet", "--no-index", name),
    )


def ignore_files(
    directory: Path, *, hide: Sequence[str] = (), upload: Sequence[str] = ()
) -> dict[str, str]:
    """Return the ignore files of *directory* that have to change, each with its new text.

    Git is to ignore what *hide* names, gcloud to upload what *upload* names.
    """
    texts = {}
    git, gcloud = directory / GIT_IGNORE_FILE, directory / IGNORE_FILE
    if hide:
        texts[GIT_IGNORE_FILE] = _appended(_text(git), [f"/{name}" for name in hide])
    # A .gitignore beside the source hides from gcloud, too, unless there is a .gcloudignore.
    upload = [*upload, *(name for name in hide if not gcloud.exists() and name not in upload)]
    if upload:
        has_own = GIT_IGNORE_FILE in texts or git.exists()
        default = [*BY_DEFAULT, *([f"{INCLUDE}{GIT_IGNORE_FILE}"] if has_own else [])]
        before = _text(gcloud) if gcloud.exists() else _appended("", default)
        texts[IGNORE_FILE] = _appended(
            before, [it for name in upload for it in _upload_lines(name)]
        )
    return texts


def _upload_lines(name: str) -> list[str]:
    """Return the lines for .gcloudignore that have *name* uploaded; a folder ends with a slash."""
    return [f"!/{name}", *([f"!/{name}**"] if name.endswith("/") else [])]


def _appended(text: str, lines: Sequence[str]) -> str:
    newline = "" if not text or text.endswith("\n") else "\n"
    return "".join([text, newline, *(f"{line}\n" for line in lines)])


def _text(path: Path) -> str:
    hint = "see that this user can read it"
    return read_whole(path, hint, newline="") if path.exists() else ""


def _git(directory: Path, environ: Mapping[str, str], *arguments: str) -> bool:
    """Return whether git answers yes."""
    hint = "see that git works in this directory"
    return run_git(directory, *arguments, hint=hint, environ=environ).returncode == 0


def find_secrets(directory: Path, *, leave_out: AbstractSet[str]) -> Iterator[tuple[str, int]]:
    """Yield path and line of each secret below *directory*, but for the paths in *leave_out*."""
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _NEVER)
        for name in sorted(files):
            path = Path(folder, name)
            inside = path.relative_to(directory).as_posix()
            if inside not in leave_out:
                for number in _secret_lines(path):
                    yield inside, number


def _secret_lines(path: Path) -> Iterator[int]:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return
        content = path.read_bytes()
    except OSError:
        return
    if b"\0" in content:
        return
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if _SECRET.search(line):
            yield number


def fill_in(text: str, registry: Registry, name: str) -> str:
    """Return the template *text*, called *name*, with all values of *registry* but the token.

    Raises InputError for an unknown placeholder, or one that the registry has no value for.
    """
    values = {
        "ACCESS_TOKEN": TOKEN,
        "REGION": registry.location,
        "PROJECT": registry.project.replace(":", "/"),
        "REPO": registry.repository,
    }
    used = [
        (number, found.strip())
        for number, line in enumerate(text.splitlines(), 1)
        for found in _PLACEHOLDER.findall(line)
    ]
    InputError.raise_all(
        Problem(f"{name}:{number}: {_fault(found, values)}", _hint(found, values))
        for number, found in used
        if not values.get(found)
    )
    filled = _PLACEHOLDER.sub(lambda match: values[match[1].strip()], text)
    if not registry.emulated:
        return filled
    # As a request for Artifact Registry goes to the emulator, so does what is written for it.
    host = re.escape(f"{registry.location}-python.pkg.dev")
    emulator = urlsplit(registry.upload_url).netloc
    return re.sub(rf"https://([^/@\s]*@)?{host}/", rf"http://\g<1>{emulator}/", filled)


def holds_token(text: str) -> bool:
    """Return whether a token is still to be put into *text*."""
    return TOKEN in text


def put_token(text: str, credentials: Credentials) -> str:
    """Return *text* with the access token; raise AccessError when there is none."""
    login = credentials.login()
    if login is None or login.username != TOKEN_USERNAME:
        why = credentials.failure or (
            f"the user name is {login.username!r}" if login else "nothing names one"
        )
        raise AccessError(
            f"There is no access token for {TOKEN}: {why}",
            f"set TWINE_USERNAME={TOKEN_USERNAME} and TWINE_PASSWORD, or run `gcloud auth"
            " application-default login`",
        )
    return text.replace(TOKEN, quote(login.password, safe=""))


def _fault(found: str, values: dict[str, str]) -> str:
    if found in values:
        return f"the registry has no value for '{{{{{found}}}}}'"
    return f"there is no placeholder '{{{{{found}}}}}'"


def _hint(found: str, values: dict[str, str]) -> str:
    if found in values:
        return "only a repository of Artifact Registry has one: name it as --registry"
    near = difflib.get_close_matches(found.upper(), values, n=1)
    return f"did you mean {{{{{near[0]}}}}}?" if near else f"these are: {', '.join(values)}"
