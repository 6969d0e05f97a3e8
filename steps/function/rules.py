"""The rules for a function's code, files and runtime, and the codes of all findings.

An error fails Google's build or gives a secret away, and refuses; a warning does neither. A code
never changes its meaning, nor is used again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from steps.function.function import (
    MAIN,
    PYPROJECT,
    REQUIREMENTS,
    defines_function,
    entry_points,
    judge_runtime,
    parse_main,
)
from steps.function.requirement_rules import judge_requirements
from steps.host.errors import Code, Finding, code_table, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.function.context import FunctionContext

CODES = {
    "SW801": Code("error", "`main.py` is missing"),
    "SW802": Code("error", "`main.py` is not valid Python"),
    "SW803": Code("error", "the entry point is not in `main.py`"),
    "SW811": Code("error", "a package of this repository is required, and not in the registry"),
    "SW812": Code("error", "the registry holds no version that a requirement admits"),
    "SW813": Code("error", "the only index that pip asks does not hold a requirement"),
    "SW814": Code("warning", "a private requirement is not pinned by `==`"),
    "SW815": Code("error", "some requirements have hashes, and another has none: pip refuses"),
    "SW816": Code("warning", "what `requirements.txt` was pinned from, or for, has changed since"),
    "SW821": Code("warning", "`--extra-index-url`: dependency confusion"),
    "SW822": Code("error", "an index line for another registry"),
    "SW823": Code("warning", "a keyring package: Google's build asks none"),
    "SW824": Code("error", "a token or a key in a file"),
    "SW825": Code("error", "`--no-index`: pip ignores the index line"),
    "SW831": Code("error", "Python 3.14 or newer is built with uv, which may have no credentials"),
    "SW832": Code(
        "warning", "`pyproject.toml` is built with uv or Poetry, perhaps without credentials"
    ),
    "SW833": Code("warning", "`requirements.txt` beside `pyproject.toml`, which is then not read"),
    "SW834": Code("warning", "`functions-framework` is not required: any version is installed"),
    "SW835": Code("error", "`functions-framework` is not required, and has to be"),
    "SW836": Code("error", "the runtime is decommissioned: Google refuses to deploy it"),
    "SW837": Code("warning", "the runtime is deprecated, in preview, or not known"),
    "SW841": Code("error", "a local path is required that is not uploaded"),
    "SW842": Code("error", "gcloud does not upload a file that the function needs"),
    "SW843": Code("error", "a local directory is required that is not a project"),
    "SW851": Code("error", "a token is to be written into a file that git tracks"),
    "SW852": Code("error", "a token is to be written into a file that git does not ignore"),
}
_UV_FROM = 14  # the minor version of Python 3 from which on uv installs requirements.txt
_OTHERWISE = f"Where {REQUIREMENTS} is not uploaded beside it, {PYPROJECT} is built with"
_NEVER = "builders give no credentials for the registry"
_UPLOAD = (
    f"let no .gcloudignore leave out {REQUIREMENTS}, or take the packages along: --bundle, or"
    " --vendor DIR"
)
_USE_PIP = "deploy with --set-build-env-vars=GOOGLE_PYTHON_PACKAGE_MANAGER=pip"


def judge(context: FunctionContext) -> tuple[Finding, ...]:
    """Return the findings of every rule, in the order of files and lines."""
    return tuple(sorted({found for rule in _RULES for found in rule(context)}))


def table() -> str:
    """Return all codes as the Markdown table of the documentation."""
    return code_table(CODES) + "\n"


def has_main(context: FunctionContext) -> Iterator[Finding]:
    """SW801 to SW803: see `judge_main`."""
    settings = context.settings
    where = str(context.function)
    yield from judge_main(context.main, where, settings.entry_point, settings.runtime)


def judge_main(main: bytes | None, where: str, entry_point: str, runtime: int) -> Iterator[Finding]:
    """SW801 to SW803: whether the *main* module of *where* is there, and has *entry_point*.

    By parsing: a syntax newer than this Python's, for a newer *runtime* 3.N, is not judged.
    """
    if main is None:
        hint = f"write it, or name the directory that has it; a function is served from {MAIN}"
        yield Finding(MAIN, 0, "SW801", f"There is no {MAIN} in {where}", hint)
        return
    try:
        module = parse_main(main)
    except (SyntaxError, ValueError) as error:
        if runtime <= sys.version_info.minor:
            line, what = getattr(error, "lineno", 0) or 0, getattr(error, "msg", str(error))
            hint = f"fix it; it is read as Python 3.{sys.version_info.minor}"
            yield Finding(MAIN, line, "SW802", f"{MAIN} is not valid Python: {what}", hint)
        return
    names = entry_points(module)
    if entry_point and names is not None and entry_point not in names:
        define = f"define it at the top of {MAIN}, or name another: `entryPoint` in the manifest"
        meant = did_you_mean(entry_point, names, define)
        yield Finding(MAIN, 0, "SW803", f"{MAIN} has no entry point {entry_point!r}", meant)
    elif not entry_point and not defines_function(module):
        hint = "define the function that the deploy names as its entry point"
        yield Finding(MAIN, 0, "SW803", f"{MAIN} defines no function", hint)


def has_no_secret(context: FunctionContext) -> Iterator[Finding]:
    """SW824: who has the repository, or the source in its bucket, has the secret."""
    message = "A token or a key is written here; it is not repeated"
    for file, line in context.secrets:
        hint = "take it out, and revoke it; Google's build needs none"
        yield Finding(file, line, "SW824", message, hint)


def uses_pip(context: FunctionContext) -> Iterator[Finding]:
    """SW831 and SW832: where uv or Poetry installs, which may have no credentials."""
    names = {name for _, _, name, _ in context.required()}
    private = any(context.is_private(name) and not context.is_bundled(name) for name in names)
    function, settings = context.function, context.settings
    if settings.vendor or not private:
        return
    if function.source == PYPROJECT and function.has_poetry:
        yield Finding(PYPROJECT, 0, "SW832", f"{_OTHERWISE} Poetry, to which {_NEVER}", _UPLOAD)
    if settings.package_manager == "pip":
        return
    if settings.runtime >= _UV_FROM:
        message = (
            f"Python 3.{settings.runtime} is built with uv by default, and builders from before"
            " September 2026 give uv no credentials for the registry"
        )
        yield Finding(context.first, 0, "SW831", message, _USE_PIP)
    elif function.source == PYPROJECT and not function.has_poetry:
        yield Finding(PYPROJECT, 0, "SW832", f"{_OTHERWISE} uv, to which older {_NEVER}", _USE_PIP)


def has_runtime(context: FunctionContext) -> Iterator[Finding]:
    """SW836 and SW837: how long Google supports the runtime."""
    found = judge_runtime(f"python3{context.settings.runtime}", context.today)
    if found:
        level, problem = found
        code = "SW836" if level == "error" else "SW837"
        yield Finding(context.first, 0, code, problem.message, problem.hint)


def has_one_source(context: FunctionContext) -> Iterator[Finding]:
    """SW833: the buildpack takes requirements.txt and never looks into the other."""
    function = context.function
    if function.has_project and PYPROJECT not in {function.source, function.origin}:
        yield Finding(
            PYPROJECT,
            0,
            "SW833",
            f"{PYPROJECT} is beside {function.source}: its dependencies are not installed",
            f"keep one of them; without {function.source}, {REQUIREMENTS} is made from {PYPROJECT}",
        )


def is_current(context: FunctionContext) -> Iterator[Finding]:
    """SW816: a lock counts, also when its source got new requirements since."""
    if context.is_stale:
        message = (
            f"{context.function.origin}, a file that it names, or the runtime has changed since"
            f" {REQUIREMENTS} was pinned"
        )
        hint = "pin it anew with --pin, or with the option that it was made with"
        yield Finding(REQUIREMENTS, 1, "SW816", message, hint)


def is_uploaded(context: FunctionContext) -> Iterator[Finding]:
    """SW842: what gcloud leaves behind is not there in the build."""
    for name in (MAIN, REQUIREMENTS, context.settings.vendor):
        if name in context.not_uploaded:
            message = f"gcloud does not upload {name!r}: an ignore file of the function hides it"
            hint = (
                f"add the line '!/{name}' at the end of .gcloudignore, or have it added with"
                " --write-ignores"
            )
            yield Finding(name, 0, "SW842", message, hint)


def keeps_the_token(context: FunctionContext) -> Iterator[Finding]:
    """SW851 and SW852: a token lasts an hour, and git's history for ever."""
    if context.git_status is None:
        return
    path = context.function.path()
    message = "The template asks for an access token, and git"
    without = (
        f"remove the token's line, rename {context.function.source} to requirements.in and delete"
        f" {REQUIREMENTS}: no token is needed"
    )
    if context.git_status.is_tracked:
        hint = (
            f"{without}; or run `git rm --cached {path}`, and add the line '/{REQUIREMENTS}' to"
            " .gitignore"
        )
        yield Finding(REQUIREMENTS, 0, "SW851", f"{message} tracks {REQUIREMENTS}", hint)
    elif not context.git_status.is_ignored:
        hint = (
            f"{without}; or add the line '/{REQUIREMENTS}' to {path.parent / '.gitignore'} and the"
            f" line '!/{REQUIREMENTS}' to the .gcloudignore beside it, or have them added with"
            " --write-ignores"
        )
        yield Finding(REQUIREMENTS, 0, "SW852", f"{message} does not ignore {REQUIREMENTS}", hint)


_RULES = (
    has_main,
    has_no_secret,
    uses_pip,
    has_runtime,
    has_one_source,
    is_current,
    is_uploaded,
    keeps_the_token,
    judge_requirements,
)
