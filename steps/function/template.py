"""`requirements.txt.tmpl`: a requirements file with {{PLACEHOLDERS}}, one of them an access token.

The token is put in last, when the file is written: nothing that judges the text ever sees it.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from steps.host.errors import AccessError, InputError, Problem
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from steps.registry.address import Registry
    from steps.registry.credentials import Credentials

TOKEN = "{{ACCESS_TOKEN}}"  # noqa: S105 - where one goes
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def fill_in(text: str, registry: Registry, name: str) -> str:
    """Return the template *text*, called *name*, with all that is no secret of *registry* in it.

    Raises InputError for a placeholder that there is not, or that the registry has no value for.
    """
    values = {
        "ACCESS_TOKEN": TOKEN,
        "REGION": registry.location,
        "PROJECT": registry.project.replace(":", "/"),
        "REPO": registry.repository,
    }
    used = [
        (number, found)
        for number, line in enumerate(text.splitlines(), 1)
        for found in _PLACEHOLDER.findall(line)
    ]
    InputError.raise_all(
        Problem(f"{name}:{number}: {_fault(found, values)}", _hint(found, values))
        for number, found in used
        if not values.get(found)
    )
    filled = _PLACEHOLDER.sub(lambda match: values[match[1]], text)
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
