"""What is wrong, or will go wrong, with a function beside its requirements: one rule, one code.

Its code, the files that are uploaded with it, and what git and Google's build make of them.
"""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

from steps.function.function import (
    MAIN,
    PYPROJECT,
    REQUIREMENTS,
    defines_function,
    entry_points,
    parse_main,
)
from steps.host.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.function.facts import Facts

_UV_FROM = 14  # the minor version of Python 3 from which on uv installs requirements.txt
_USE_PIP = "deploy with --set-build-env-vars=GOOGLE_PYTHON_PACKAGE_MANAGER=pip"


def has_main(facts: Facts) -> Iterator[Finding]:
    """SW801: the buildpack and gcloud look for main.py."""
    if facts.main is None:
        hint = f"write it, or name the directory that has it; a function is served from {MAIN}"
        yield Finding(MAIN, 0, "SW801", f"There is no {MAIN} in {facts.function}", hint)


def has_entry_point(facts: Facts) -> Iterator[Finding]:
    """SW802 and SW803, by parsing; a newer Python's syntax is not judged by an older parser."""
    if facts.main is None:
        return
    wanted = facts.settings.entry_point
    try:
        main = parse_main(facts.main)
    except (SyntaxError, ValueError) as error:
        if facts.settings.runtime <= sys.version_info.minor:
            line, what = getattr(error, "lineno", 0) or 0, getattr(error, "msg", str(error))
            hint = f"mend it; it is read as Python 3.{sys.version_info.minor}"
            yield Finding(MAIN, line, "SW802", f"{MAIN} is not valid Python: {what}", hint)
        return
    names = entry_points(main)
    if wanted and names is not None and wanted not in names:
        near = difflib.get_close_matches(wanted, names)
        meant = f"did you mean {near[0]!r}?" if near else f"define it at the top of {MAIN}"
        yield Finding(MAIN, 0, "SW803", f"{MAIN} has no entry point {wanted!r}", meant)
    elif not wanted and not defines_function(main):
        hint = "define the function that the deploy names as its entry point"
        yield Finding(MAIN, 0, "SW803", f"{MAIN} defines no function", hint)


def has_no_secret(facts: Facts) -> Iterator[Finding]:
    """SW824: whoever has the repository, or the source in its bucket, has the secret."""
    for file, line in facts.secrets:
        yield Finding(
            file,
            line,
            "SW824",
            "A token or a key is written here; it is not repeated",
            "take it out, and revoke it; Google's build needs none",
        )


def uses_pip(facts: Facts) -> Iterator[Finding]:
    """SW831 and SW832: where uv installs, which only the newest builders give credentials to."""
    names = {name for _, _, name, _ in facts.required()}
    private = any(facts.is_private(name) and not facts.is_bundled(name) for name in names)
    settings = facts.settings
    if settings.package_manager == "pip" or settings.vendor or not private:
        return
    if settings.runtime >= _UV_FROM:
        message = (
            f"Python 3.{settings.runtime} is built with uv unless it is told otherwise, and"
            " builders from before September 2026 give uv no credentials for the registry"
        )
        yield Finding(facts.first, 0, "SW831", message, _USE_PIP)
    elif facts.function.source == PYPROJECT:
        message = (
            f"Where {REQUIREMENTS} is not uploaded beside it, {PYPROJECT} is built with uv, to"
            " which older builders give no credentials for the registry"
        )
        yield Finding(PYPROJECT, 0, "SW832", message, _USE_PIP)


def has_one_source(facts: Facts) -> Iterator[Finding]:
    """SW833: the buildpack takes requirements.txt and never looks into the other."""
    function = facts.function
    if function.has_project and PYPROJECT not in {function.source, function.origin}:
        yield Finding(
            PYPROJECT,
            0,
            "SW833",
            f"{PYPROJECT} stands beside {function.source}: its dependencies are not installed",
            f"keep one of them; without {function.source}, {REQUIREMENTS} is made from {PYPROJECT}",
        )


def is_current(facts: Facts) -> Iterator[Finding]:
    """SW816: a lock counts, also where nobody pinned anew what was added to its source."""
    if facts.is_stale:
        yield Finding(
            REQUIREMENTS,
            1,
            "SW816",
            f"{facts.function.origin}, a file that it names, or the runtime has changed since"
            f" {REQUIREMENTS} was pinned",
            "pin it anew with --pin, or with the option that it was made with",
        )


def is_uploaded(facts: Facts) -> Iterator[Finding]:
    """SW842: what gcloud leaves behind is not there in the build."""
    for name in (MAIN, REQUIREMENTS, facts.settings.vendor):
        if name in facts.hidden:
            yield Finding(
                name,
                0,
                "SW842",
                f"gcloud does not upload {name!r}: an ignore file of the function hides it",
                f"add the line '!/{name}' at the end of .gcloudignore, or have it added with"
                " --write-ignores",
            )


def keeps_the_token(facts: Facts) -> Iterator[Finding]:
    """SW851 and SW852: a token lasts an hour, and git's history for ever."""
    if facts.in_git is None:
        return
    path = facts.function.path()
    if facts.in_git.is_tracked:
        message = f"The template asks for an access token, and git tracks {REQUIREMENTS}"
        hint = f"run `git rm --cached {path}`, and add the line '/{REQUIREMENTS}' to .gitignore"
        yield Finding(REQUIREMENTS, 0, "SW851", message, hint)
    elif not facts.in_git.is_ignored:
        message = f"The template asks for an access token, and git does not ignore {REQUIREMENTS}"
        hint = (
            f"add the line '/{REQUIREMENTS}' to {path.parent / '.gitignore'} and the line"
            f" '!/{REQUIREMENTS}' to the .gcloudignore beside it, or have them added with"
            " --write-ignores"
        )
        yield Finding(REQUIREMENTS, 0, "SW852", message, hint)


RULES: tuple[Callable[[Facts], Iterable[Finding]], ...] = (
    has_main,
    has_entry_point,
    has_no_secret,
    uses_pip,
    has_one_source,
    is_current,
    is_uploaded,
    keeps_the_token,
)
