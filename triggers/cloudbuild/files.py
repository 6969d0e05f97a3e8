"""Reads the YAML files of users: mappings such as the manifest, and build configs.

All that is wrong with a file is one error, and each problem names its line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steps.host.documents import Document, YamlError, brief, read_documents, read_yaml
from steps.host.errors import Finding, InputError, Problem
from steps.host.files import read_whole
from triggers.cloudbuild.build_config import Build
from triggers.cloudbuild.build_rules import non_portable_durations, validate_build
from triggers.cloudbuild.messages import NOTED, Reading, dotted, read_camel_case, read_message

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Iterator

    from steps.host.documents import Path


@dataclass(frozen=True)
class BuildConfig:
    """A build config that was read; *notes* are faults that no one refuses, said nevertheless."""

    build: Build
    document: Document
    file: str
    notes: tuple[Problem, ...] = ()

    def problems(self, findings: list[Finding]) -> list[Problem]:
        """Return *findings* about this file as problems that name their line."""
        return problems(findings, self.document, self.file)


def read_build_config(text: str, file: str, *, submitted: bool = False) -> BuildConfig:
    """Return the build config in *text*, YAML or JSON; *file* is its name in messages.

    It is *submitted*, or else read by a trigger. Raises InputError with every problem of it.
    """
    try:
        document = read_yaml(text)
    except YamlError as error:
        message = f"{file}:{error.line}: parsing as YAML: {error}"
        raise InputError(message, "the file is one YAML or JSON document") from None
    if not isinstance(document.data, dict):
        message = f"{file}:1: interpreting as build config: it is not a mapping"
        raise InputError(message, "start with `steps:`")
    judged = judge_build_config(document, in_a_file=not submitted)
    refused = [it for it in judged.findings if it.code not in NOTED]
    InputError.raise_all(problems([*unreadable_values(document), *refused], document, file))
    noted = [it for it in judged.findings if it.code in NOTED]
    lone = [lone_value(path, "SW409") for path in judged.lone]
    notes = problems([*duplicate_keys(document), *noted, *lone], document, file)
    return BuildConfig(judged.message, document, file, tuple(notes))


def judge_build_config(document: Document, *, in_a_file: bool) -> Reading[Build]:
    """Return the build that *document*, a mapping, describes, and all its faults.

    What has the wrong type is left out of the build. The reader of a trigger's config *in_a_file*
    takes more than the API does.
    """
    found: list[Finding] = []
    data = read_camel_case(document, found)
    source = data.pop("source", None)
    reading = read_message(Build, data)
    found += reading.findings
    if source is not None:
        message = "config cannot specify source"
        found.append(Finding.at(("source",), message, "remove it", code="SW303"))
    build = reading.message
    if build.steps or not data.get("steps"):  # else they were left out, and said to be wrong
        found += validate_build(build)
        found += non_portable_durations(build, in_a_file=in_a_file)
    return replace(reading, findings=found)


def lone_value(path: Path, code: str) -> Finding:
    """Return the finding that there is a single value where a list belongs.

    A trigger's build ends with "cannot unmarshal string into Go value" (GoogleCloudPlatform/emblem,
    pull 913).
    """
    message = f"{dotted(path)} is a single value: gcloud makes a list of it, a trigger fails"
    return Finding.at(path, message, "write a list: `- ` before the value", code)


def duplicate_keys(document: Document) -> Iterator[Finding]:
    """Yield a note per key that is written twice."""
    for path, line in document.duplicates.items():
        yield Finding.at(
            path,
            f"{path[-1]!r} is written again on line {line}; the first value counts",
            "gcloud keeps the first and warns, other readers keep the last: delete one",
            code="SW005",
        )


def unreadable_values(document: Document) -> Iterator[Finding]:
    """Yield a finding per value that YAML 1.1 takes for what it is not, such as 2024-02-30."""
    for path, why in document.unreadable.items():
        yield Finding.at(path, f"parsing as YAML: {why}", code="SW001")


def problems(findings: Iterable[Finding], document: Document, file: str) -> list[Problem]:
    """Return *findings* in *document* as problems that name their line, the first line first."""
    located = [(document.line(found.path), found) for found in findings]
    located.sort(key=lambda pair: pair[0])
    return [Problem(f"{file}:{line}: {found.message}", found.hint) for line, found in located]


def read_mapping(path: pathlib.Path, what: str, hint: str) -> dict[str, Any]:
    """Return the one mapping that the YAML file *path* holds.

    *what* names the file in messages, *hint* says what to do when it is missing. Raises InputError
    for a file that is missing, is not UTF-8, not YAML, or holds anything but a mapping.
    """
    documents = _read_file(path, what, hint)
    if len(documents) > 1:
        line = documents[1].line(())
        raise _not_valid(path, what, [f"line {line}: expected a single document in the stream"])
    return _mapping(documents[0].data if documents else None, path, what)


def read_mappings(path: pathlib.Path, what: str, hint: str) -> list[dict[str, Any]]:
    """Return all mappings of a YAML stream: its documents, or those of a list, as JSON has them.

    The parameters and errors are those of `read_mapping`.
    """
    loaded = [document.data for document in _read_file(path, what, hint)]
    items = [it for item in loaded for it in (item if isinstance(item, list) else [item])]
    return [_mapping(item, path, what) for item in items]


def _read_file(path: pathlib.Path, what: str, hint: str) -> list[Document]:
    if not path.exists():
        raise InputError(f"The {what} does not exist: {str(path)!r}", hint)
    wanted = "it has to be a text file that this user can read"
    try:
        documents = read_documents(read_whole(path, wanted, what=f"The {what} "))
    except YamlError as error:
        raise _not_valid(path, what, [f"line {error.line}: {error}"]) from None
    faults = [
        f"line {document.line(place)}: {why}"
        for document in documents
        for place, why in document.faults().items()
    ]
    if faults:
        raise _not_valid(path, what, faults)
    return documents


def _not_valid(path: pathlib.Path, what: str, faults: list[str]) -> InputError:
    problems = [
        Problem(f"The {what} {str(path)!r} is not valid YAML: {fault}", "fix the file at that line")
        for fault in faults
    ]
    return InputError(problems[0], more=problems[1:])


def _mapping(loaded: Any, path: pathlib.Path, what: str) -> dict[str, Any]:
    if isinstance(loaded, dict):
        return loaded
    raise InputError(
        f"The {what} {str(path)!r} is not a mapping, but {brief(loaded)}",
        "write it as `key: value` lines",
    )
