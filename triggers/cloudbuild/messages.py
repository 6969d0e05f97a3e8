"""Messages of the Cloud Build API: which fields there are, and reading one from plain values.

The fields, their types and values are those of Google's own types, in `api.json`: `make api` writes
it. snake_case keys are accepted beside camelCase ones, as gcloud accepts them. The sentences are
the service's and gcloud's own where they are known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic.alias_generators import to_camel

from steps.host.documents import Document, brief
from steps.host.errors import Finding, did_you_mean
from triggers.cloudbuild.build_config import Message

if TYPE_CHECKING:
    from steps.host.documents import Path

# Below these, keys are the user's names, and an empty value is a value.
MAPS = {"substitutions", "secretEnv", "envMap"}
# What is said of a build config and refused by no one.
NOTED = frozenset({"SW010", "SW011", "SW312", "SW407", "SW409"})
_PLACEHOLDER = "placeholders"  # an image's name, and base64, so that no rule finds fault with it
_WRONG = object()  # what has the wrong type, and is left out
_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,), "bool": (bool,), "int32": (int,), "int64": (int,), "float": (float, int),
}  # fmt: skip
_AnyMessage = TypeVar("_AnyMessage", bound=Message)


Fields = Mapping[str, "Fields | None"]


@dataclass(frozen=True)
class Api:
    """All messages by name: the type of each field, in which `[]` repeats and `{}` maps names.

    *unknown_to_gcloud* has the last gcloud that was seen without a field, or value of an enum,
    *terraform* the fields of a trigger that Terraform's provider has, and those inside.
    """

    messages: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, list[str]]
    unknown_to_gcloud: Mapping[str, str]
    deploy_flags: Mapping[str, Mapping[str, str]]
    terraform: Fields

    def outputs(self, message: str) -> set[str]:
        """Return the fields of *message* that only the service writes."""
        return {name for name, kind in self.messages[message].items() if kind == "output"}


@cache
def api() -> Api:
    """Return what Google's types say."""
    data = json.loads(FilePath(__file__).with_name("api.json").read_text(encoding="utf-8"))
    return Api(
        messages=data["messages"],
        enums=data["enums"],
        unknown_to_gcloud=data["unknownToGcloud"],
        deploy_flags=data["deployFlags"],
        terraform=data["terraform"],
    )


def dotted(path: Path) -> str:
    """Return *path* as gcloud writes it: `.steps[0].args`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def camel_case(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return *message* with keys in camelCase, which gcloud makes of snake_case ones."""
    camel: dict[str, Any] = read_camel_case(Document(message), [])
    return camel


def read_camel_case(document: Document, notes: list[Finding]) -> Any:
    """Return the data of *document* with camelCase keys, and move its lines to the new paths.

    A field in both spellings is added to *notes*.
    """
    return _camel_case(document.data, (), (), document, notes)


def _camel_case(value: Any, old: Path, path: Path, document: Document, notes: list[Finding]) -> Any:
    """Return *value*, which was at *old* and is at *path* with keys in camelCase."""
    if old != path and old in document.lines:
        document.lines[path] = document.lines[old]
    if isinstance(value, list):
        return [
            _camel_case(item, (*old, i), (*path, i), document, notes)
            for i, item in enumerate(value)
        ]
    if not isinstance(value, Mapping):
        return value
    is_map = bool(path) and path[-1] in MAPS
    result: dict[str, Any] = {}
    for key, item in value.items():
        is_snake = not is_map and re.fullmatch(r"[a-z]+(_[a-z]+)+", key)
        name = to_camel(key) if is_snake else key
        new = (*path, name)
        if name in result:
            spellings = [
                other for other in (key, re.sub("([A-Z])", r"_\1", name).lower()) if other != name
            ]
            message = f"{dotted(new)} is written as {spellings[0]!r}, too; the last value counts"
            notes.append(Finding.at(new, message, code="SW010"))
        read = _camel_case(item, (*old, key), new, document, notes)
        result[name] = "" if is_map and item is None else read
    return result


@dataclass(frozen=True)
class Reading(Generic[_AnyMessage]):
    """A *message*, and everything that is wrong with its fields.

    *newer* is what a gcloud does not know yet: its place, its name, and the last such gcloud.
    *lone* are the places of a single value where a list belongs.
    """

    message: _AnyMessage
    findings: list[Finding]
    newer: list[tuple[Path, str, str]]
    lone: list[Path]


def read_message(model: type[_AnyMessage], data: Mapping[str, Any]) -> Reading[_AnyMessage]:
    """Return *data*, in camelCase, as a *model*.

    What has the wrong type is reported and left out, so that the rest can still be judged.
    """
    reader = _FieldReader()
    fields = reader.message(model.api_name, data, ())
    message = model.model_validate(fields)
    return Reading(message, reader.findings, reader.newer, reader.lone)


@dataclass
class _FieldReader:
    """Goes through a message, and notes what it finds."""

    findings: list[Finding] = field(default_factory=list)
    newer: list[tuple[Path, str, str]] = field(default_factory=list)
    lone: list[Path] = field(default_factory=list)

    def message(self, name: str, data: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """Return the fields of *data* that the message *name* has, and that are right."""
        kinds, result = api().messages[name], {}
        for key, item in data.items():
            where, kind = (*path, key), kinds.get(key)
            if item is None:
                continue
            self._is_known(f"{name}.{key}", where, dotted(where))
            if kind is None:
                self._find(where, f"{dotted(where)}: unused", _near_field(key, kinds), "SW008")
            elif kind == "output":
                said = f"{dotted(where)} is filled in by the service and ignored here"
                self._find(where, said, "", "SW011")
            elif (value := self._value(kind, item, where)) is not _WRONG:
                result[key] = value
            elif key == "name":
                result[key] = _PLACEHOLDER  # its absence would be another fault
        if name == "BuildStep" and "name" not in result:
            self._find(path, f"build step {path[-1]} must specify name", "", "SW304")
            result["name"] = _PLACEHOLDER
        return result

    def _is_known(self, name: str, path: Path, what: str) -> None:
        if last := api().unknown_to_gcloud.get(name):
            self.newer.append((path, what, last))

    def _find(self, path: Path, message: str, hint: str, code: str) -> Any:
        self.findings.append(Finding.at(path, message, hint, code))
        return _WRONG

    def _value(self, kind: str, value: Any, path: Path) -> Any:
        """Return *value* as the type *kind* has it, or else what says that it is wrong."""
        if kind.endswith("[]"):
            return self._list(kind.removesuffix("[]"), value, path)
        if kind.endswith("{}"):
            return self._map(value, path)
        if kind in _SCALARS:
            return self._scalar(kind, value, path)
        if kind in api().enums:
            return self._enum(kind, value, path)
        if isinstance(value, Mapping):
            return self.message(kind, value, path)
        said = f"{dotted(path)}: has to be a mapping, found {brief(value)}"
        return self._find(path, said, "write it as `key: value` lines", "SW007")

    def _list(self, kind: str, value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            self.lone.append(path)
            value = [value]  # as gcloud reads it
        items = [self._value(kind, item, (*path, i)) for i, item in enumerate(value)]
        return _WRONG if any(item is _WRONG for item in items) else items

    def _map(self, value: Any, path: Path) -> Any:
        if not isinstance(value, Mapping):
            said = f"{dotted(path)}: has to be a mapping, found {brief(value)}"
            return self._find(path, said, "write it as `NAME: value` lines", "SW007")
        read = {key: self._scalar("string", item, (*path, key)) for key, item in value.items()}
        return {key: _PLACEHOLDER if item is _WRONG else item for key, item in read.items()}

    def _scalar(self, kind: str, value: Any, path: Path) -> Any:
        types = _SCALARS[kind]
        if kind == "int64" and isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
            return int(value)  # JSON writes an int64 as either
        if isinstance(value, types) and isinstance(value, bool) == (kind == "bool"):
            return value
        name = next(part for part in reversed(path) if isinstance(part, str))
        name = "value" if len(path) > 1 and path[-2] in MAPS else name
        said = (
            f"{dotted(path)}: Expected type {types[0]} for field {name},"
            f" found {brief(value)} (type {type(value)})"
        )
        if kind == "string" and not isinstance(value, (dict, list)):
            return self._find(path, said, "put it in quotes", "SW006")
        return self._find(path, said, "", "SW007")

    def _enum(self, kind: str, value: Any, path: Path) -> Any:
        values = api().enums[kind]
        if isinstance(value, str) and value in values:
            self._is_known(f"{kind}.{value}", path, f"{value!r} of {dotted(path)}")
            return value
        # gcloud says "unused" of a value that is none of an enum's; so does this, and why.
        choices = f"{', '.join(map(repr, values[:-1]))} or {values[-1]!r}"
        return self._find(
            path, f"{dotted(path)}: unused", f"{brief(value)} is not {choices}", "SW009"
        )


def _near_field(key: str, fields: Mapping[str, str]) -> str:
    """Return a hint that names the field which was probably meant."""
    if key.lower() in {"y", "n", "yes", "no", "on", "off", "true", "false"}:
        return "YAML 1.1 reads this key as true or false, and gcloud crashes on it"
    names = sorted(name for name, kind in fields.items() if kind != "output")
    return did_you_mean(key, names, f"the fields are {', '.join(names)}")
