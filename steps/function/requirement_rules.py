"""The rules for the lines of a function's requirements: one rule, one code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from steps.function.function import FRAMEWORK
from steps.function.rewriting import EXTRA, INDEX, is_own_index, without_credentials
from steps.host.errors import Finding, Problem
from steps.host.files import kind_at
from steps.registry.artifact_registry import READER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from steps.function.context import FunctionContext
    from steps.project.requirements_file import Line


_SHOWN = 3
_FIND_LINKS = {"--find-links", "-f"}
_PROJECT = ("pyproject.toml", "setup.py")
_TAKES_HIGHEST = (
    "pip takes whichever index has the highest version of a name, uv the first that has the name"
    " at all"
)
_USE_VIRTUAL = "use --index-url with a virtual repository; pin what is private until then"


def judge_requirements(context: FunctionContext) -> Iterator[Finding]:
    """Yield the findings in all lines, and in what they require together."""
    for file, line in context.lines:
        for code, line_rule in _LINE_RULES.items():
            for problem in line_rule(context, file, line):
                yield Finding(file, line.number, code, problem.message, problem.hint)
    for file, line, name, requirement in context.required():
        for code, rule in _RULES.items() if not context.is_bundled(name) else ():
            for problem in rule(context, name, requirement):
                yield Finding(file, line.number, code, problem.message, problem.hint)
    yield from has_the_framework(context)


def is_published(
    context: FunctionContext, name: NormalizedName, _: Requirement
) -> Iterator[Problem]:
    """SW811: a package of this repository that the registry does not hold."""
    if name in context.local and not context.is_published(name):
        folder = os.path.relpath(context.local[name].directory)
        yield Problem(
            f"{name!r} is a package of this repository, and the registry does not hold it",
            f"publish it first: shipwheel publish {folder}"
            f" --registry {context.settings.registry}; or put its wheel into the source with"
            " --bundle",
        )


def has_version(
    context: FunctionContext, name: NormalizedName, requirement: Requirement
) -> Iterator[Problem]:
    """SW812: the registry holds the project, and no version that is admitted."""
    if not context.is_published(name):
        return
    versions = context.in_registry[name].versions
    if not any(True for _ in requirement.specifier.filter(versions)):
        yield Problem(
            f"The registry holds no version of {name!r} that '{requirement}' admits",
            "publish one, or require another; the highest are"
            f" {', '.join(map(str, versions[-_SHOWN:])) or 'none at all'}",
        )


def is_served(context: FunctionContext, name: NormalizedName, _: Requirement) -> Iterator[Problem]:
    """SW813: with --index-url pip asks one index only, and that one does not have it."""
    settings = context.settings
    unpublished = name in context.local and not context.is_published(name)
    if settings.extra or settings.vendor or unpublished or name not in context.in_index:
        return
    if not context.in_index[name].exists:
        yield Problem(
            f"{settings.index} does not hold {name!r}, and pip asks no other index",
            "name a virtual repository over the registry and a public index as --virtual; weaker is"
            f" {EXTRA}: a private name on the public index may be installed instead",
        )


def is_pinned(
    context: FunctionContext, name: NormalizedName, requirement: Requirement
) -> Iterator[Problem]:
    """SW814: a private name without a version admits any higher version of a public index."""
    exact = ("===", "==")
    pins = any(it.operator in exact and it.version[-1] != "*" for it in requirement.specifier)
    if context.is_private(name) and not pins and not context.settings.locks:
        versions = context.in_registry[name].versions if name in context.in_registry else ()
        best = max(requirement.specifier.filter(versions), default="VERSION")
        yield Problem(
            f"'{requirement}' is private and not pinned: not even a virtual repository's"
            " priorities keep a higher version of the public index out",
            f"write {name}=={best}, or have everything pinned with --pin",
        )


def is_hashed_throughout(context: FunctionContext, _: str, line: Line) -> Iterator[Problem]:
    """SW815: one hash makes pip demand all of them, also of the files that it includes."""
    if context.is_hashed and not context.settings.locks and line.body and not line.hashes:
        yield Problem(
            f"{line.body!r} has no hash, and others have: pip then refuses all of them",
            "have everything hashed with --pin",
        )


def has_no_extra_index(context: FunctionContext, file: str, line: Line) -> Iterator[Problem]:
    """SW821: pip takes the highest version of any index, uv the first index that has the name."""
    settings = context.settings
    replaces = file == context.first and not (settings.extra or settings.vendor)
    for url in line.values(EXTRA):
        is_own = is_own_index(line, EXTRA, url, settings.known)
        if not (replaces and is_own and "{{" not in url):
            yield Problem(f"{EXTRA} {without_credentials(url)}: {_TAKES_HIGHEST}", _USE_VIRTUAL)


def has_no_other_index(context: FunctionContext, _: str, line: Line) -> Iterator[Problem]:
    """SW822: two main indexes, of which pip takes the last."""
    settings = context.settings
    for url in line.values(INDEX) if not (settings.extra or settings.vendor) else ():
        if not is_own_index(line, INDEX, url, settings.known):
            yield Problem(
                f"There is an index line for another registry: {without_credentials(url)!r}",
                f"take it out, or name that one as --registry; this run is for {settings.index}",
            )


def has_no_keyring(_: FunctionContext, __: str, line: Line) -> Iterator[Problem]:
    """SW823: Google's build has its own way to the registry, and installs these too late."""
    name = line.name or ""
    if name == "keyring" or name.startswith(("keyrings-", "keyring-")):
        yield Problem(
            f"{name!r} does not help: it would have to be there before the requirements are",
            f"take it out: Google's build reads the registry as its service account, which needs"
            f" {READER}",
        )


def asks_an_index(context: FunctionContext, _: str, line: Line) -> Iterator[Problem]:
    """SW825: with --no-index pip looks at no index line, wherever either of them is."""
    if context.settings.vendor or not any(name == "--no-index" for name, _ in line.options):
        return
    options = {name for _, each in context.lines for name, _ in each.options}
    wants = any(not context.is_bundled(name) for _, _, name, _ in context.required())
    if wants and not options & _FIND_LINKS:
        yield Problem(
            "--no-index makes pip ignore the index line, so that it finds no requirement",
            "take it out, or have the wheels put into the source with --vendor",
        )


def is_there(context: FunctionContext, file: str, line: Line) -> Iterator[Problem]:
    """SW841: a path that is outside of what is uploaded, missing, or ignored."""
    beside = context.function.path(file).parent
    included = line.values("--requirement", "--constraint")
    paths = [(path, beside) for path in included if "://" not in path]
    if line.path is not None and not context.bundled_path(line.path):
        paths.append((line.path, context.function.directory))
    for path, base in paths:
        if why := _absence(context, Path(os.path.normpath(base / path))):
            hint = "require the package by its name, or put its wheel into the source with --bundle"
            yield Problem(f"{path!r} {why}", hint)


def _absence(context: FunctionContext, target: Path) -> str:
    inside = os.path.relpath(target, context.function.directory)
    if inside == ".." or inside.startswith("../"):
        return "is outside of the function's directory, and only that is uploaded"
    if not kind_at(target):
        return "does not exist"
    return "is not uploaded: gcloud ignores it" if inside in context.not_uploaded else ""


def is_project(context: FunctionContext, _: str, line: Line) -> Iterator[Problem]:
    """SW843: pip installs a directory only where it is a project."""
    if line.path is None or context.bundled_path(line.path):
        return
    target = context.function.path(line.path)
    if kind_at(target) == "folder" and not any((target / name).is_file() for name in _PROJECT):
        yield Problem(
            f"{line.path!r} is a directory without a pyproject.toml or a setup.py, and pip refuses"
            " it",
            "take the line out: the function can import what is uploaded with it without"
            " installing it",
        )


def has_the_framework(context: FunctionContext) -> Iterator[Finding]:
    """SW821, SW834 and SW835: what holds for all lines together."""
    first, settings = context.first, context.settings
    if settings.extra and not any(line.values(EXTRA) for _, line in context.lines):
        yield Finding(first, 0, "SW821", f"{EXTRA} is asked for: {_TAKES_HIGHEST}", _USE_VIRTUAL)
    if any(
        line.name == FRAMEWORK or "functions_framework" in (line.path or "")
        for _, line in context.lines
    ):
        return
    code, why = "SW834", ": the build installs some version of it"
    if settings.vendor:
        code, why = "SW835", ", and vendored functions are built without an index"
    hint = f"add {FRAMEWORK}==VERSION"
    yield Finding(first, 0, code, f"{FRAMEWORK!r} is not required{why}", hint)


_RULES = {
    "SW811": is_published,
    "SW812": has_version,
    "SW813": is_served,
    "SW814": is_pinned,
}
_LINE_RULES = {
    "SW815": is_hashed_throughout,
    "SW821": has_no_extra_index,
    "SW822": has_no_other_index,
    "SW823": has_no_keyring,
    "SW825": asks_an_index,
    "SW841": is_there,
    "SW843": is_project,
}
