"""Messages of the Cloud Build API: what all of them share, and reading one from plain values.

Field names and types are the API's (v1); snake_case keys are accepted beside camelCase ones, as
gcloud accepts them. The sentences are the service's and gcloud's own where they are known.
"""

from __future__ import annotations

import copy
import re
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from steps.host.errors import Finding, did_you_mean
from triggers.cloudbuild.documents import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from triggers.cloudbuild.documents import Path

# Below these, keys are the user's names, and an empty value is a value.
MAPS = {"substitutions", "secretEnv", "envMap"}
_PLACEHOLDER = "placeholders"  # an image's name, and base64, so that no rule finds fault with it
_ROUNDS = 100  # a bound only: each round leaves out the faults of the one before


def _repeated(value: Any) -> Any:
    """Return a list as a tuple, and a lone scalar as a list of one, as gcloud reads it."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, (str, int, Mapping)) else value


def _int64(value: Any) -> Any:
    """Return the number of a string: JSON writes an int64 as either."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


class Message(BaseModel):
    """A message of the API: no field unknown, no text made from a number, null for nothing."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_unset(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: item for key, item in value.items() if item is not None}
        return value


_Item = TypeVar("_Item")
_AnyMessage = TypeVar("_AnyMessage", bound=Message)

Repeated = Annotated[tuple[_Item, ...], BeforeValidator(_repeated)]
Strings = Repeated[str]
Int64 = Annotated[int, BeforeValidator(_int64)]


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
    return _camel_case(document.data, (), document, notes)


def _camel_case(value: Any, path: Path, document: Document, notes: list[Finding]) -> Any:
    if isinstance(value, list):
        return [_camel_case(item, (*path, i), document, notes) for i, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if path and path[-1] in MAPS:
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
            message = f"{dotted(new)} is written as {spellings[0]!r}, too; the last value counts"
            notes.append(Finding.at(new, message, code="SW010"))
        result[name] = _camel_case(item, new, document, notes)
    return result


def read_message(
    model: type[_AnyMessage], data: Mapping[str, Any]
) -> tuple[_AnyMessage, list[Finding]]:
    """Return *data*, in camelCase, as a *model*, and everything that is wrong with its fields.

    What has the wrong type is reported and left out, so that the rest can still be judged.
    """
    findings: list[Finding] = []
    rest = copy.deepcopy(dict(data))
    for _round in range(_ROUNDS):
        try:
            return model.model_validate(rest), findings
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                findings.append(_finding(model, detail))
                _leave_out(rest, detail)
    return model(), findings


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
    needed = field == "name" or _is_in_map(location)
    if needed and detail["type"] != "extra_forbidden":
        holder[field] = _PLACEHOLDER  # its absence would be another fault, and not the user's


def _is_in_map(location: Path) -> bool:
    return len(location) > 1 and location[-2] in MAPS and isinstance(location[-1], str)


def _finding(model: type[Message], detail: ErrorDetails) -> Finding:
    location: Path = tuple(detail["loc"])
    where = dotted(location)
    value, kind = detail["input"], detail["type"]
    expected = {"string_type": str, "bool_type": bool, "int_type": int}.get(kind)
    if kind == "extra_forbidden":
        hint = _near_field(model, location)
        return Finding.at(location, f"{where}: unused", hint, code="SW008")
    if kind == "missing":
        message = f"build step {location[-2]} must specify name"
        return Finding.at(location[:-1], message, code="SW304")
    if kind == "literal_error":
        # gcloud says "unused" of a value that is none of an enum's; so does this, and why.
        hint = f"{value!r} is not {detail['ctx']['expected']}"
        return Finding.at(location, f"{where}: unused", hint, code="SW009")
    if expected:
        field = next(part for part in reversed(location) if isinstance(part, str))
        field = "value" if _is_in_map(location) else field
        message = (
            f"{where}: Expected type {expected} for field {field},"
            f" found {value!r} (type {type(value)})"
        )
        if expected is str and not isinstance(value, (dict, list)):
            return Finding.at(location, message, "put it in quotes", code="SW006")
        return Finding.at(location, message, code="SW007")
    return Finding.at(location, f"{where}: {detail['msg']}, found {value!r}", code="SW007")


def _near_field(model: type[Message], location: Path) -> str:
    """Return a hint that names the field which was probably meant."""
    key = str(location[-1])
    if key.lower() in {"y", "n", "yes", "no", "on", "off", "true", "false"}:
        return "YAML 1.1 reads this key as true or false, and gcloud crashes on it"
    fields = keys_beside(model, location)
    return did_you_mean(key, fields, f"the fields are {', '.join(sorted(fields))}")


def keys_beside(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the keys that *model* has where *location* is."""
    owner: type[BaseModel] | None = model
    for part in location[:-1]:
        fields = owner.model_fields.values() if owner else ()
        named = [each for each in fields if each.alias == part]
        # The key of a map, or an index, is not a field: the model stays the one of its values.
        owner = _model_in(named[0].annotation) if named else owner
    return [str(each.alias) for each in owner.model_fields.values()] if owner else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_in(argument) for argument in typing.get_args(annotation)]
    return next((found for found in inner if found), None)
