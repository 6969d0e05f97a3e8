"""Reading the manifest from its file: every error at once, each with its exact path."""

from __future__ import annotations

import difflib
import json
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from steps.host.errors import Finding, InputError, Problem
from triggers.cloudbuild.documents import read_mapping
from triggers.manifest.manifest import MANIFEST, Manifest
from triggers.manifest.types import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in *path*; raise one InputError with everything that is wrong in it."""
    hint = f"write it with `shipwheel init`, or name it with --manifest; its name is {MANIFEST}"
    return parse_manifest(read_mapping(path, "manifest", hint), str(path))


def parse_manifest(data: Mapping[str, Any], where: str = MANIFEST) -> Manifest:
    """Return the manifest that *data*, the contents of the file *where*, describes."""
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        problems = [_problem(details, where) for details in error.errors()]
        raise InputError(problems[0], more=problems[1:]) from None


def manifest_findings(data: object) -> list[Finding]:
    """Return everything that is wrong in *data*, the contents of a manifest, with its paths."""
    try:
        Manifest.model_validate(data)
    except ValidationError as error:
        return [_finding(details) for details in error.errors()]
    return []


def _finding(details: ErrorDetails) -> Finding:
    what, hint = _what(details)
    path = tuple(step for step in details["loc"] if step != "[key]")
    return Finding.at(path, f"`{_path(path)}` {what}", hint, "SW701")


def manifest_schema() -> str:
    """Return the manifest's JSON Schema, as `shipwheel.schema.json` has it."""
    schema = Manifest.model_json_schema()
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, indent=2)


def _problem(details: ErrorDetails, where: str) -> Problem:
    what, hint = _what(details)
    return Problem(f"{where}: `{_path(details['loc'])}` {what}", hint)


def _what(details: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong at the place, and what to do about it."""
    value, context = details["input"], details.get("ctx", {})
    known = {
        "missing": ("is missing", "add it; `shipwheel init` shows where"),
        "extra_forbidden": ("is not a key of the manifest", _near_miss(details["loc"])),
        "shipwheel": (f"is {context.get('message')}", context.get("hint", "")),
        "model_type": (f"is {value!r:.80}", "write it as a mapping, `{key: value}`"),
        "literal_error": (f"is {value!r}", f"choose one of {context.get('expected')}"),
        "string_pattern_mismatch": (f"is {value!r}", WORDS.get(str(context.get("pattern")), "")),
        "string_type": (
            f"has to be text, and is {value!r:.80}",
            f'put it in quotes: "{value}"' if isinstance(value, int | float) else "",
        ),
    }
    return known.get(details["type"], (f"is {value!r:.80}", details["msg"]))


def _near_miss(location: Sequence[int | str]) -> str:
    siblings = _keys_beside(location)
    near = difflib.get_close_matches(str(location[-1]), siblings, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it may be: {', '.join(siblings)}"


def _path(location: Sequence[int | str]) -> str:
    """Return *location* as people write it: `overrides["packages/a"].tags[0]`."""
    path = ""
    for step in location:
        if step == "[key]":
            continue
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.replace("_", "a").isalnum():
            path += f".{step}" if path else step
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    return path


def _keys_beside(location: Sequence[int | str]) -> list[str]:
    """Return the keys that the model around *location* knows."""
    model: type[BaseModel] | None = Manifest
    for step in location[:-1]:
        fields = model.model_fields if model else {}
        found = [field for field in fields.values() if field.alias == step]
        # A directory, the key of an override, is no field: the model stays the one of its values.
        model = _model_in(found[0].annotation) if found else model
    return [str(field.alias) for field in model.model_fields.values()] if model else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_in(argument) for argument in typing.get_args(annotation)]
    return next((model for model in inner if model), None)
