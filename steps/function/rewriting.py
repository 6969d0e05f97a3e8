"""Rewrite a requirements file: its index line, and pins with hashes.

Requirements of the file itself keep their order and comments; what they need follows. The first
line holds the digest of the sources, so that a change of them shows.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from steps.function.function import BUNDLE_FOLDER
from steps.host.errors import Problem, Refused
from steps.registry.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.function.context import FunctionContext
    from steps.function.resolution import Pinned
    from steps.project.requirements_file import Line, RequirementsFile
    from steps.registry.address import Registry

_NEEDED = "# Needed by the above:"
_INCLUDES = ("--requirement", "--constraint")
_DIGEST_LENGTH = 16  # hexadecimal digits: enough to see a change, short enough for a line
INDEX = "--index-url"
EXTRA = "--extra-index-url"
_EMULATOR_NOTE = "# an emulator: not for deployment"


def digest(files: Iterable[RequirementsFile], runtime: int) -> str:
    """Return the digest of what *files* require of Python 3.*runtime*.

    Comments and line ends do not count.
    """
    contents = [line.content for file in files for line in file.lines if line.content]
    contents.append(f"python3.{runtime}")
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:_DIGEST_LENGTH]


def wanted_lines(
    file: RequirementsFile, context: FunctionContext, wheels: Mapping[NormalizedName, Distribution]
) -> list[str]:
    """Return what to resolve for *file*: its requirements, with *wheels* in place of local ones."""
    lines = [wanted for line in file.lines for wanted in _wanted(line, context, wheels)]
    named = {_local_name(line, context) for line in file.lines}
    return lines + [f"{name} @ {_uri(it)}" for name, it in wheels.items() if name not in named]


def _wanted(
    line: Line, context: FunctionContext, wheels: Mapping[NormalizedName, Distribution]
) -> Iterator[str]:
    name = _local_name(line, context)
    if name and name in wheels:
        requirement = line.requirement
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement else ""
        marker = f" ; {requirement.marker}" if requirement and requirement.marker else ""
        yield f"{name}{'' if extras == '[]' else extras} @ {_uri(wheels[name])}{marker}"
    elif line.body:
        yield f"--editable {line.body}" if line.values("--editable") else line.body
    for option in _INCLUDES:
        for path in line.values(option):
            yield f"{option} {path if '://' in path else context.function.directory / path}"


def locked(
    file: RequirementsFile,
    context: FunctionContext,
    found: Mapping[NormalizedName, Pinned],
    wheels: Mapping[NormalizedName, Distribution],
) -> RequirementsFile:
    """Return *file* with every requirement pinned as it was *found*.

    Raises Refused for what has no hash, such as a directory: pip would refuse the whole file.
    """
    Refused.raise_all(_unhashed(found, wheels))
    pins = {name: _pin(it, wheels.get(name)) for name, it in found.items()}
    by_path = {it.body: name for name, it in found.items()}
    own: set[NormalizedName] = set()

    def change(line: Line) -> str | None:
        if line.values(*_INCLUDES):
            return line.comment
        name = _local_name(line, context) or line.name or by_path.get(line.body)
        if name not in pins:
            return None
        if name in own:
            return line.comment  # required twice, such as with two ranges
        own.add(name)
        return _with_comment(line, found[name], pins[name], name in wheels)

    pinned = file.map(change)
    return _with_needed(pinned, [pins[name] for name in found if name not in own])


def _unhashed(
    found: Mapping[NormalizedName, Pinned], wheels: Mapping[NormalizedName, Distribution]
) -> Iterator[Problem]:
    for name, it in found.items():
        if not it.hashes and name not in wheels:
            yield Problem(
                f"{it.body!r} cannot be pinned by a hash, and pip demands one of everything then",
                "require a wheel of it, by its name from the registry or with --bundle",
            )


def _with_needed(pinned: RequirementsFile, needed: list[str]) -> RequirementsFile:
    """Return *pinned* with what its own requirements need at its end, below a title."""
    if not needed:
        return pinned
    has_title = any(line.text.strip() == _NEEDED for line in pinned.lines)
    return pinned.insert(len(pinned.lines), *([] if has_title else [_NEEDED]), *needed)


def _with_comment(line: Line, found: Pinned, pin: str, is_wheel: bool) -> str:
    requirement = line.requirement
    if requirement and requirement.marker and ";" not in pin:
        first, newline, rest = pin.partition(" \\\n")
        pin = f"{first} ; {requirement.marker}{newline}{rest}"
    if requirement and requirement.extras and is_wheel:
        extras = ",".join(sorted(requirement.extras))
        pin = pin.replace(".whl", f".whl[{extras}]", 1)
    content = f"{line.comment}\n{pin}" if line.comment else pin
    same = line.body == found.body and set(line.hashes) == set(found.hashes) and not line.comment
    return line.text.rstrip("\r\n").replace("\r\n", "\n") if same else content


def _pin(found: Pinned, wheel: Distribution | None) -> str:
    if wheel is None:
        return found.line
    return f"./{BUNDLE_FOLDER}/{wheel.filename} \\\n    --hash=sha256:{wheel.sha256}"


def _local_name(line: Line, context: FunctionContext) -> NormalizedName | None:
    """Return the name of the local package that is to be bundled for *line*."""
    if line.path is not None:
        project = context.bundled_path(line.path)
        return project.name if project else _bundled_wheel(line, context)
    return line.name if context.is_bundled(line.name) else None


def _bundled_wheel(line: Line, context: FunctionContext) -> NormalizedName | None:
    """Return the name of a wheel that an earlier run put into the source."""
    folder, name = os.path.split(os.path.normpath(line.path or ""))
    project = canonicalize_name(name.split("-")[0])
    return project if folder == BUNDLE_FOLDER and context.is_bundled(project) else None


def _uri(wheel: Distribution) -> str:
    return wheel.path.absolute().as_uri()


def local_requirements(file: RequirementsFile, context: FunctionContext) -> list[Requirement]:
    """Return what *file* requires of this repository's packages, where those are to be bundled."""
    found = []
    for line in file.lines:
        name = _local_name(line, context)
        if name:
            extras = sorted(line.requirement.extras) if line.requirement else []
            found.append(Requirement(f"{name}[{','.join(extras)}]" if extras else name))
    return found


def with_index_line(
    file: RequirementsFile, registry: Registry, known: Sequence[Registry], *, extra: bool, at: int
) -> RequirementsFile:
    """Return *file* with one line that names the index of *registry*.

    A line that names one of the *known* registries becomes that line in its place; else it is
    put in before the line with the index *at*. A line that is to hold a token stays as it is.
    """
    own = [
        line for line in file.lines if any(is_own_index(line, *it, known) for it in line.options)
    ]
    wanted = f"{EXTRA if extra else INDEX} {registry.index_url}"
    note = _EMULATOR_NOTE if is_emulator(registry) else ""
    if not own:
        return file.insert(at, f"{wanted}  {note}".rstrip())
    keeper = own[0]

    def change(line: Line) -> str | None:
        if not any(line is each for each in own) or "{{" in line.content:
            return None
        is_keeper = line is keeper
        others = [pair for pair in line.options if not is_own_index(line, *pair, known)]
        words = [wanted] if is_keeper else []
        words += [f"{name} {value}".rstrip() for name, value in others]
        content = " ".join(words)
        comments = [line.comment.replace(_EMULATOR_NOTE, "").strip(), note if is_keeper else ""]
        comment = "  ".join(it for it in comments if it)
        if (content, comment) == (line.content, line.comment):
            return None
        return f"{content}  {comment}".strip()

    return file.map(change)


def is_emulator(registry: Registry) -> bool:
    """Return whether *registry* is only here, and not where the function is built."""
    return registry.emulated or is_loopback(urlsplit(registry.index_url).hostname or "")


def is_own_index(line: Line, option: str, url: str, known: Sequence[Registry]) -> bool:
    """Return whether an option of *line* names a *known* registry, or was written for an emulator.

    A line for an emulator gives way to the one of a registry.
    """
    return option in {INDEX, EXTRA} and (_EMULATOR_NOTE in line.comment or is_own(url, known))


def is_own(url: str, registries: Sequence[Registry]) -> bool:
    """Return whether *url*, credentials aside, is the index of one of *registries*."""
    return _bare(url) in {
        _bare(address) for registry in registries for address in _addresses(registry)
    }


def without_credentials(url: str) -> str:
    """Return *url* without the credentials before its host."""
    return re.sub(r"//[^/@\s]*@", "//", url)


def _addresses(registry: Registry) -> Iterator[str]:
    yield registry.index_url
    if registry.is_artifact_registry:
        project = registry.project.replace(":", "/")
        yield f"https://{registry.location}-python.pkg.dev/{project}/{registry.repository}/simple/"


def _bare(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(without_credentials(url))
    except ValueError:
        return "", "", url
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/").removesuffix("/simple")
