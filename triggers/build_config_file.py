"""Reads a build config from its text: all that is wrong with it at once, each with its line.

The sentences are the service's and gcloud's own where they are known.
"""

from __future__ import annotations

import copy
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from steps.errors import InputError, Problem
from triggers.build_config import Build, Options, Step
from triggers.build_rules import broken_rules
from triggers.findings import Finding, problems
from triggers.yaml_lines import Document, Path, YamlError, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

# What the service fills in; `gcloud builds describe` prints it, and a config may hold it still.
_OUTPUT_ONLY = {
    "approval", "buildTriggerId", "createTime", "failureInfo", "finishTime", "id", "logUrl",
    "name", "projectId", "results", "sourceProvenance", "startTime", "status", "statusDetail",
    "timing", "warnings",
}  # fmt: skip
_OUTPUT_ONLY_STEP = {"exitCode", "pullTiming", "status", "timing"}
# Below these, keys are the user's own names and are left as they are.
_MAPS = {"substitutions", "secretEnv", "envMap"}
_PLACEHOLDER = "placeholder"
# Leaving one fault out can only uncover another below it, and messages are not nested deeper.
_ROUNDS = 5


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


def read_build_config(text: str, file: str) -> BuildConfig:
    """Return the build config in *text*, YAML or JSON; *file* is its name in messages.

    Raises InputError with every problem of the config.
    """
    try:
        document = read_yaml(text)
    except YamlError as error:
        message = f"{file}:{error.line}: parsing as YAML: {error}"
        raise InputError(message, "the file is one YAML or JSON document") from None
    if not isinstance(document.data, dict):
        message = f"{file}:1: interpreting as build config: it is not a mapping"
        raise InputError(message, "start with `steps:`")
    notes: list[Finding] = [*_duplicates(document)]
    data = _prepare(document, notes)
    build, findings = _validate(data)
    InputError.raise_all(problems(findings, document, file))
    return BuildConfig(build, document, file, tuple(problems(notes, document, file)))


def _duplicates(document: Document) -> Iterator[Finding]:
    for path, line in document.duplicates.items():
        yield Finding(
            path,
            f"{path[-1]!r} is written again on line {line}; the first value counts",
            "gcloud keeps the first and warns, other readers keep the last: delete one",
        )


def _prepare(document: Document, notes: list[Finding]) -> dict[str, Any]:
    """Return the data with camelCase keys, without what only the service writes."""
    data: dict[str, Any] = _camel_case(document.data, (), document, notes)
    for key in _OUTPUT_ONLY & data.keys():
        del data[key]
        notes.append(Finding((key,), f".{key} is filled in by the service and ignored here"))
    steps = data.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        for key in _OUTPUT_ONLY_STEP & (step.keys() if isinstance(step, dict) else set()):
            del step[key]
            message = f".steps[{index}].{key} is filled in by the service and ignored here"
            notes.append(Finding(("steps", index, key), message))
    return data


def _camel_case(value: Any, path: Path, document: Document, notes: list[Finding]) -> Any:
    """Return *value* with camelCase keys, and move the lines of *document* to their new paths."""
    if isinstance(value, list):
        return [_camel_case(item, (*path, i), document, notes) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if path and path[-1] in _MAPS:
        return {key: "" if item is None else item for key, item in value.items()}
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = to_camel(key) if re.fullmatch(r"[a-z]+(_[a-z]+)+", key) else key
        new = (*path, name)
        if name != key:
            document.move((*path, key), new)
        if name in result:
            spellings = [
                other for other in (key, re.sub("([A-Z])", r"_\1", name).lower()) if other != name
            ]
            message = f"{_dotted(new)} is written as {spellings[0]!r}, too; the last value counts"
            notes.append(Finding(new, message))
        result[name] = _camel_case(item, new, document, notes)
    return result


def _validate(data: dict[str, Any]) -> tuple[Build, list[Finding]]:
    """Return the build and everything that is wrong with it.

    What has the wrong type is reported and left out, so that the rest can still be judged.
    """
    findings: list[Finding] = []
    rest = copy.deepcopy(data)
    if rest.pop("source", None) is not None:
        findings.append(Finding(("source",), "config cannot specify source", "take it out"))
    for _round in range(_ROUNDS):
        try:
            build = Build.model_validate(rest)
            break
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                findings.append(_finding(detail))
                _leave_out(rest, detail)
    else:
        return Build(), findings
    if "steps" in rest or "steps" not in data:
        findings += broken_rules(build)
    return build, findings


def _leave_out(data: Any, detail: ErrorDetails) -> None:
    """Delete the innermost field on the way to a fault; what has to be there gets a value."""
    location = detail["loc"]
    holder, field = data, ""
    for part in location:
        if isinstance(data, dict) and isinstance(part, str):
            holder, field = data, part
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            break
    holder.pop(field, None)
    needed = field == "name" or (len(location) > 1 and location[-2] in _MAPS)
    if needed and detail["type"] != "extra_forbidden":
        holder[field] = _PLACEHOLDER  # its absence would be another fault, and not the user's


def _finding(detail: ErrorDetails) -> Finding:
    location: Path = tuple(detail["loc"])
    dotted = _dotted(location)
    value, kind = detail["input"], detail["type"]
    expected = {"string_type": str, "bool_type": bool, "int_type": int}.get(kind)
    if kind == "extra_forbidden":
        return Finding(location, f"{dotted}: unused", _near_field(location))
    if kind == "missing":
        return Finding(location[:-1], f"build step {location[1]} must specify name")
    if kind == "literal_error":
        # gcloud says "unused" of a value that is none of an enum's; so does this, and why.
        return Finding(
            location, f"{dotted}: unused", f"{value!r} is not {detail['ctx']['expected']}"
        )
    if expected:
        field = next(part for part in reversed(location) if isinstance(part, str))
        in_map = len(location) > 1 and location[-2] in _MAPS
        message = (
            f"{dotted}: Expected type {expected} for field {'value' if in_map else field},"
            f" found {value!r} (type {type(value)})"
        )
        return Finding(location, message, "put it in quotes" if expected is str else "")
    return Finding(location, f"{dotted}: {detail['msg']}, found {value!r}")


def _near_field(location: Path) -> str:
    """Return a hint that names the field which was probably meant."""
    owner: type[BaseModel] = Build
    match location:
        case (str(),):
            pass
        case ("steps", int(), str()):
            owner = Step
        case ("options", str()):
            owner = Options
        case _:
            return ""
    fields = [to_camel(name) for name in owner.model_fields]
    near = difflib.get_close_matches(str(location[-1]), fields, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(sorted(fields))}"


def _dotted(path: Path) -> str:
    """Return *path* as gcloud writes it: `.steps[0].args`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
