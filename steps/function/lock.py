"""Turns a requirements file into one in which everything has a version and hashes.

What the file requires itself stays in its order, with its comments; what that needs follows. The
first line holds the digest of what it was made from, so that a change of that shows.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from steps.function.bundle import FOLDER
from steps.host.errors import Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.function.facts import Facts
    from steps.function.resolution import Pinned
    from steps.project.requirements_file import Line, RequirementsFile

_NEEDED = "# Needed by the above:"
_INCLUDES = ("--requirement", "--constraint")
_DIGEST_LENGTH = 16  # hexadecimal digits: enough to see a change, short enough for a line


def digest(files: Iterable[RequirementsFile], runtime: int) -> str:
    """Return the digest of what *files* require of Python 3.*runtime*.

    Comments and line ends do not count.
    """
    contents = [line.content for file in files for line in file.lines if line.content]
    contents.append(f"python3.{runtime}")
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:_DIGEST_LENGTH]


def wanted_lines(
    file: RequirementsFile, facts: Facts, wheels: Mapping[NormalizedName, Distribution]
) -> list[str]:
    """Return what to resolve for *file*: its requirements, with *wheels* in place of local ones."""
    lines = [wanted for line in file.lines for wanted in _wanted(line, facts, wheels)]
    named = {_local_name(line, facts) for line in file.lines}
    return lines + [f"{name} @ {_uri(it)}" for name, it in wheels.items() if name not in named]


def _wanted(
    line: Line, facts: Facts, wheels: Mapping[NormalizedName, Distribution]
) -> Iterator[str]:
    name = _local_name(line, facts)
    if name and name in wheels:
        requirement = line.requirement
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement else ""
        marker = f" ; {requirement.marker}" if requirement and requirement.marker else ""
        yield f"{name}{'' if extras == '[]' else extras} @ {_uri(wheels[name])}{marker}"
    elif line.body:
        yield f"--editable {line.body}" if line.values("--editable") else line.body
    for option in _INCLUDES:
        for path in line.values(option):
            yield f"{option} {path if '://' in path else facts.function.directory / path}"


def locked(
    file: RequirementsFile,
    facts: Facts,
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
        name = _local_name(line, facts) or line.name or by_path.get(line.body)
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
        return found.line()
    return f"./{FOLDER}/{wheel.filename} \\\n    --hash=sha256:{wheel.sha256}"


def _local_name(line: Line, facts: Facts) -> NormalizedName | None:
    """Return the name of the local package that is to be bundled for *line*."""
    if line.path is not None:
        project = facts.bundled_path(line.path)
        return project.name if project else _bundled_wheel(line, facts)
    return line.name if facts.is_bundled(line.name) else None


def _bundled_wheel(line: Line, facts: Facts) -> NormalizedName | None:
    """Return the name of a wheel that an earlier run put into the source."""
    folder, name = os.path.split(os.path.normpath(line.path or ""))
    project = canonicalize_name(name.split("-")[0])
    return project if folder == FOLDER and facts.is_bundled(project) else None


def _uri(wheel: Distribution) -> str:
    return wheel.path.absolute().as_uri()


def local_requirements(file: RequirementsFile, facts: Facts) -> list[Requirement]:
    """Return what *file* requires of this repository's packages, where those are to be bundled."""
    found = []
    for line in file.lines:
        name = _local_name(line, facts)
        if name:
            extras = sorted(line.requirement.extras) if line.requirement else []
            found.append(Requirement(f"{name}[{','.join(extras)}]" if extras else name))
    return found
