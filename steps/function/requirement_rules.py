"""What is wrong, or will go wrong, with a function's requirements: one rule, one code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from steps.function.index_line import EXTRA, foreign_indexes, is_own, without_credentials
from steps.host.errors import Finding
from steps.registry.artifact_registry import READER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from packaging.requirements import Requirement

    from steps.function.facts import Facts
    from steps.registry.page import PublishedProject

FRAMEWORK = "functions-framework"
_NAMED = 3
_FIND_LINKS = {"--find-links", "-f"}
_PROJECT = ("pyproject.toml", "setup.py")


def is_published(facts: Facts) -> Iterator[Finding]:
    """SW811: a package of this repository that the registry does not hold."""
    for file, line, name, _ in facts.required():
        published = name in facts.held and facts.held[name].exists
        if name in facts.local and not published and not facts.is_bundled(name):
            folder = os.path.relpath(facts.local[name].directory)
            yield Finding(
                file,
                line.number,
                "SW811",
                f"{name!r} is a package of this repository, and the registry does not hold it",
                f"publish it first: shipwheel publish {folder}"
                f" --registry {facts.settings.registry}; or put its wheel into the source with"
                " --bundle",
            )


def has_version(facts: Facts) -> Iterator[Finding]:
    """SW812: the registry holds the project, and no version that is admitted."""
    for file, line, name, requirement in facts.required():
        project = facts.held.get(name)
        if project is None or not project.exists or facts.is_bundled(name):
            continue
        if not _admitted(requirement, project):
            highest = ", ".join(map(str, project.versions[-_NAMED:])) or "none at all"
            yield Finding(
                file,
                line.number,
                "SW812",
                f"The registry holds no version of {name!r} that '{requirement}' admits",
                f"publish one, or require another; the highest are {highest}",
            )


def _admitted(requirement: Requirement, project: PublishedProject) -> bool:
    return any(True for _ in requirement.specifier.filter(project.versions))


def is_served(facts: Facts) -> Iterator[Finding]:
    """SW813: with --index-url pip asks one index only, and that one does not have it."""
    settings = facts.settings
    if settings.extra or settings.vendor:
        return
    for file, line, name, _ in facts.required():
        unpublished = name in facts.local and not (name in facts.held and facts.held[name].exists)
        if name not in facts.served or facts.served[name].exists or unpublished:
            continue
        if facts.is_bundled(name):
            continue
        yield Finding(
            file,
            line.number,
            "SW813",
            f"{settings.index} does not hold {name!r}, and pip asks no other index",
            "name a virtual repository over the registry and a public index as --virtual; weaker is"
            f" {EXTRA}, which lets in whoever takes a private name on the public index",
        )


def is_pinned(facts: Facts) -> Iterator[Finding]:
    """SW814: a private name without a version lets in whoever publishes a higher one."""
    if facts.settings.locks:
        return
    for file, line, name, requirement in facts.required():
        if facts.is_private(name) and not _pins(requirement):
            versions = facts.held[name].versions if name in facts.held else ()
            best = max(requirement.specifier.filter(versions), default="VERSION")
            yield Finding(
                file,
                line.number,
                "SW814",
                f"'{requirement}' is private and not pinned: not even a virtual repository's"
                " priorities keep a higher version of the public index out",
                f"write {name}=={best}, or have everything pinned with --pin",
            )


def _pins(requirement: Requirement) -> bool:
    return any(
        each.operator == "===" or (each.operator == "==" and not each.version.endswith("*"))
        for each in requirement.specifier
    )


def is_hashed_throughout(facts: Facts) -> Iterator[Finding]:
    """SW815: one hash makes pip demand all of them, also of the files that it includes."""
    if facts.settings.locks or not any(file.is_hashed for file in facts.files.values()):
        return
    for file, line in facts.lines:
        if line.body and not line.hashes:
            yield Finding(
                file,
                line.number,
                "SW815",
                f"{line.body!r} has no hash, and others have: pip then refuses all of them",
                "have everything hashed with --pin",
            )


def has_no_extra_index(facts: Facts) -> Iterator[Finding]:
    """SW821: pip takes the highest version of any index, uv the first index that has the name."""
    for file, line in facts.lines:
        for url in line.values(EXTRA):
            if file == facts.first and _becomes_the_index(url, facts):
                continue
            yield Finding(
                file,
                line.number,
                "SW821",
                f"{EXTRA} {without_credentials(url)}: pip takes whichever index has the highest"
                " version of a name, uv the first that has the name at all",
                "use --index-url with a virtual repository; pin what is private until then",
            )
    if facts.settings.extra and not any(line.values(EXTRA) for _, line in facts.lines):
        yield Finding(
            facts.first,
            0,
            "SW821",
            f"{EXTRA} is asked for: pip takes whichever index has the highest version of a name,"
            " uv the first that has the name at all",
            "use --index-url with a virtual repository; pin what is private until then",
        )


def _becomes_the_index(url: str, facts: Facts) -> bool:
    """Return whether the index line takes the place of this one."""
    settings = facts.settings
    is_written = not (settings.extra or settings.vendor)
    return is_written and is_own(url, settings.known) and "{{" not in url


def has_no_other_index(facts: Facts) -> Iterator[Finding]:
    """SW822: two main indexes, of which pip takes the last."""
    settings = facts.settings
    if settings.extra or settings.vendor:
        return
    for file in facts.files:
        for line, url in foreign_indexes(facts.files[file], settings.known):
            yield Finding(
                file,
                line.number,
                "SW822",
                f"There is an index line for another registry: {url!r}",
                f"take it out, or name that one as --registry; this run is for {settings.index}",
            )


def has_no_keyring(facts: Facts) -> Iterator[Finding]:
    """SW823: Google's build has its own way to the registry, and installs these too late."""
    for file, line in facts.lines:
        name = line.name or ""
        if name == "keyring" or name.startswith(("keyrings-", "keyring-")):
            yield Finding(
                file,
                line.number,
                "SW823",
                f"{name!r} does not help: it would have to be there before the requirements are",
                "take it out: Google's build reads the registry as its service account, which"
                f" needs {READER}",
            )


def asks_an_index(facts: Facts) -> Iterator[Finding]:
    """SW825: with --no-index pip looks at no index line, wherever either of them stands."""
    options = [(file, line, name) for file, line in facts.lines for name, _ in line.options]
    wants = any(not facts.is_bundled(name) for _, _, name, _ in facts.required())
    if facts.settings.vendor or not wants or any(name in _FIND_LINKS for *_, name in options):
        return
    for file, line, name in options:
        if name == "--no-index":
            yield Finding(
                file,
                line.number,
                "SW825",
                "--no-index makes pip ignore the index line, so that it finds no requirement",
                "take it out, or have the wheels put into the source with --vendor",
            )


def is_there(facts: Facts) -> Iterator[Finding]:
    """SW841: a path that is outside of what is uploaded, missing, or ignored."""
    top = facts.function.directory
    for file, line in facts.lines:
        beside = facts.function.path(file).parent
        included = line.values("--requirement", "--constraint")
        paths = [(path, beside) for path in included if "://" not in path]
        if line.path is not None and not facts.bundled_path(line.path):
            paths.append((line.path, top))
        for path, base in paths:
            target = Path(os.path.normpath(base / path))
            if why := _absence(facts, target):
                yield Finding(
                    file,
                    line.number,
                    "SW841",
                    f"{path!r} {why}",
                    "require the package by its name, or put its wheel into the source with"
                    " --bundle",
                )


def _absence(facts: Facts, target: Path) -> str:
    inside = os.path.relpath(target, facts.function.directory)
    if inside == ".." or inside.startswith("../"):
        return "is outside of the function's directory, and only that is uploaded"
    if not target.exists():
        return "does not exist"
    return "is not uploaded: gcloud ignores it" if inside in facts.hidden else ""


def is_project(facts: Facts) -> Iterator[Finding]:
    """SW843: pip installs a directory only where it is a project."""
    for file, line in facts.lines:
        if line.path is None or facts.bundled_path(line.path):
            continue
        target = facts.function.path(line.path)
        if target.is_dir() and not any((target / name).is_file() for name in _PROJECT):
            yield Finding(
                file,
                line.number,
                "SW843",
                f"{line.path!r} is a directory without a pyproject.toml or a setup.py, and pip"
                " refuses it",
                "take the line out: what is uploaded with the function can be imported from it"
                " without being installed",
            )


def has_the_framework(facts: Facts) -> Iterator[Finding]:
    """SW834 and SW835: what serves a function, which nobody should leave to chance."""
    if any(
        line.name == FRAMEWORK or (line.path or "").find("functions_framework") >= 0
        for _, line in facts.lines
    ):
        return
    version = f"{FRAMEWORK}==VERSION"
    if facts.settings.vendor:
        yield Finding(
            facts.first,
            0,
            "SW835",
            f"{FRAMEWORK!r} is not required, and vendored functions are built without an index",
            f"add {version}",
        )
    else:
        yield Finding(
            facts.first,
            0,
            "SW834",
            f"{FRAMEWORK!r} is not required: the build installs some version of it",
            f"add {version}",
        )


RULES: tuple[Callable[[Facts], Iterable[Finding]], ...] = (
    is_published,
    has_version,
    is_served,
    is_pinned,
    is_hashed_throughout,
    has_no_extra_index,
    has_no_other_index,
    has_no_keyring,
    asks_an_index,
    is_there,
    is_project,
    has_the_framework,
)
