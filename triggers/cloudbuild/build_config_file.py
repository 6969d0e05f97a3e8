"""Reads a build config from its text: all that is wrong with it at once, each with its line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.host.errors import Finding, InputError, Problem
from triggers.cloudbuild.build_config import Build
from triggers.cloudbuild.build_rules import non_portable_durations, validate_build
from triggers.cloudbuild.documents import Document, YamlError, problems, read_yaml
from triggers.cloudbuild.messages import read_camel_case, read_message

if TYPE_CHECKING:
    from collections.abc import Iterator

# What only the service writes into a build.
BUILD_OUTPUT = {
    "approval", "buildTriggerId", "createTime", "failureInfo", "finishTime", "id", "logUrl",
    "name", "projectId", "results", "sourceProvenance", "startTime", "status", "statusDetail",
    "timing", "warnings",
}  # fmt: skip
_OUTPUT_ONLY_STEP = {"exitCode", "pullTiming", "status", "timing"}


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


@dataclass(frozen=True)
class JudgedBuild:
    """A build, what would be refused in its config, and *notes* that no one refuses.

    What has the wrong type is left out of *build*.
    """

    build: Build
    findings: list[Finding]
    notes: list[Finding]


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
    refused = [*unreadable_values(document), *judged.findings]
    InputError.raise_all(problems(refused, document, file))
    notes = problems([*duplicate_keys(document), *judged.notes], document, file)
    return BuildConfig(judged.build, document, file, tuple(notes))


def judge_build_config(document: Document, *, in_a_file: bool) -> JudgedBuild:
    """Return the build that *document*, a mapping, describes, and all its faults.

    The reader of a trigger's config *in_a_file* takes more than the API does.
    """
    notes: list[Finding] = []
    data = _without_output(read_camel_case(document, notes), notes)
    source = data.pop("source", None)
    build, findings = read_message(Build, data)
    if source is not None:
        message = "config cannot specify source"
        findings.append(Finding.at(("source",), message, "remove it", code="SW303"))
    if build.steps or not data.get("steps"):  # else they were left out, and said to be wrong
        findings += validate_build(build)
        (notes if in_a_file else findings).extend(
            non_portable_durations(build, in_a_file=in_a_file)
        )
    return JudgedBuild(build, findings, notes)


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


def _without_output(data: dict[str, Any], notes: list[Finding]) -> dict[str, Any]:
    """Return *data* without what only the service writes: `gcloud builds describe` prints it."""
    for key in sorted(BUILD_OUTPUT & data.keys()):
        del data[key]
        message = f".{key} is filled in by the service and ignored here"
        notes.append(Finding.at((key,), message, code="SW011"))
    steps = data.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        for key in sorted(_OUTPUT_ONLY_STEP & (step.keys() if isinstance(step, dict) else set())):
            del step[key]
            message = f".steps[{index}].{key} is filled in by the service and ignored here"
            notes.append(Finding.at(("steps", index, key), message, code="SW011"))
    return data
