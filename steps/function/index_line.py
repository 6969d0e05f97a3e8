"""The index line of a requirements file: where pip and uv look, without credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steps.project.requirements_file import Line, RequirementsFile
    from steps.registry.address import Registry

INDEX = "--index-url"
EXTRA = "--extra-index-url"


def with_index_line(
    file: RequirementsFile, registry: Registry, known: Sequence[Registry], *, extra: bool, at: int
) -> RequirementsFile:
    """Return *file* with one line that names the index of *registry*.

    A line that names one of the *known* registries becomes that line where it stands; else it is
    put in before the line with the index *at*. A line that is to hold a token stays as it is.
    """
    own = [line for line in file.lines if any(is_own(url, known) for _, url in _indexes(line))]
    wanted = f"{EXTRA if extra else INDEX} {registry.index_url}"
    if not own:
        return file.insert(at, wanted)
    keeper = own[0]

    def change(line: Line) -> str | None:
        if not any(line is each for each in own) or "{{" in line.content:
            return None
        others = [pair for pair in line.options if not is_own(pair[1], known)]
        words = [wanted] if line is keeper else []
        words += [f"{name} {value}".rstrip() for name, value in others]
        content = " ".join(words)
        if content == line.content:
            return None
        return f"{content}  {line.comment}".rstrip() if content else line.comment

    return file.map(change)


def is_own(url: str, registries: Sequence[Registry]) -> bool:
    """Return whether *url*, credentials aside, is the index of one of *registries*."""
    return _bare(url) in {
        _bare(address) for registry in registries for address in _addresses(registry)
    }


def foreign_indexes(
    file: RequirementsFile, known: Sequence[Registry]
) -> Iterator[tuple[Line, str]]:
    """Yield each line that makes another index the main one, and that index."""
    for line in file.lines:
        for url in line.values(INDEX):
            if not is_own(url, known):
                yield line, without_credentials(url)


def without_credentials(url: str) -> str:
    """Return *url* without what stands before the @ of its host."""
    return re.sub(r"//[^/@\s]*@", "//", url)


def _indexes(line: Line) -> list[tuple[str, str]]:
    return [pair for pair in line.options if pair[0] in {INDEX, EXTRA}]


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
