"""One build config: what the service accepts, and what then goes wrong."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Finding
from triggers.cloudbuild.build_rules import broken_after_substitution
from triggers.cloudbuild.build_shared_rules import encrypted_values
from triggers.cloudbuild.substitutions import (
    BUILT_IN,
    SUBSTITUTION_KEY,
    StartedBy,
    references,
    resolve,
    template_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.cloudbuild.build_config import Build, Step
    from triggers.cloudbuild.documents import Path
    from triggers.rules.sources import ConfigSource

_EXPANSION = re.compile(r"(?<!\$)(?:\$\$)*\$\{(#?)([A-Z_][A-Z0-9_]*)([^A-Z0-9_}][^}]*|)\}")
_SCRIPT_REFERENCE = re.compile(r"(?<![\\$])\$(?:\{([A-Z_][A-Z0-9_]*)|([A-Z_][A-Z0-9_]*))")
_DOLLARS = re.compile(r"(?<!\$)\$\$[A-Za-z_{(]")


def substitutions_resolve(config: ConfigSource) -> Iterator[Finding]:
    """SW314, SW315, SW405: what is known without the trigger."""
    resolution = resolve(config.build, {}, {}, StartedBy.TRIGGER)
    yield from resolution.findings
    elsewhere = {key for _, key in _doubtful(config.build)}
    for note in resolution.notes:
        # What is missing, a trigger or `submit` may give; cross_rules knows triggers.
        key = str(note.path[-1])
        if note.code == "SW503" and key not in elsewhere and SUBSTITUTION_KEY.fullmatch(key):
            yield replace(note, code="SW405")


def names_are_well_formed(config: ConfigSource) -> Iterator[Finding]:
    """SW313: of names that no substitution completes."""
    texts = dict(template_texts(config.build))
    for finding in broken_after_substitution(config.build):
        if "$" not in texts[finding.path]:
            yield finding


def expansions_are_in_values(config: ConfigSource) -> Iterator[Finding]:
    """SW401: only `$KEY` and `${KEY}` are replaced in a step; the rest reaches the program."""
    known = BUILT_IN | config.build.substitutions.keys()
    for path, text in template_texts(config.build):
        for match in _EXPANSION.finditer(text):
            length, key, operation = match.groups()
            if (length or operation) and (key in known or key.startswith("_")):
                message = (
                    f"{'$' + match[0].lstrip('$')!r} is left as it is: only ${{{key}}} is replaced"
                )
                hint = "put the expansion into a value of `substitutions`, and refer to that"
                yield Finding.at(path, message, hint, "SW401")


def scripts_read_variables(config: ConfigSource) -> Iterator[Finding]:
    """SW402, SW403: a script's text is run as it is."""
    build = config.build
    known = BUILT_IN | build.substitutions.keys()
    for index, step in enumerate(build.steps):
        path = ("steps", index, "script")
        own = _variables(build, step)
        for key in dict.fromkeys(a or b for a, b in _SCRIPT_REFERENCE.findall(step.script)):
            is_key = key in known or re.match("_[A-Z]", key)
            if is_key and own is not None and key not in own and not _assigns(step.script, key):
                message = f"${{{key}}} in a script is a variable of the shell, and not set"
                hint = f"add `env: ['{key}=${{{key}}}']`, or automapSubstitutions"
                yield Finding.at(path, message, hint, "SW402")
        if match := _DOLLARS.search(step.script):
            message = f"{match[0]!r} in a script begins with the shell's process id"
            yield Finding.at(
                path, message, "write a single $: nothing is substituted here", "SW403"
            )


def _variables(build: Build, step: Step) -> set[str] | None:
    """Return the variables that *step* is given, None when these are all substitutions."""
    maps = step.automap_substitutions
    if build.options.automap_substitutions if maps is None else maps:
        return None
    plain = {entry.partition("=")[0] for entry in (*build.options.env, *step.env)}
    return plain | {*build.options.secret_env, *step.secret_env}


def _assigns(script: str, key: str) -> bool:
    return bool(re.search(rf"\b{key}=|\b(?:for|read|local|declare|export)\b.*\b{key}\b", script))


def substitutions_are_where_they_are_made(config: ConfigSource) -> Iterator[Finding]:
    """SW404: users report that options.env is not substituted; of logsBucket sources differ."""
    for path, key in _doubtful(config.build):
        message = f"${{{key}}} in {path[0]}: it is not known that a substitution is made here"
        hint = "put it into the env of each step" if path[0] == "options" else "write it out"
        yield Finding.at(path, message, hint, "SW404")


def _doubtful(build: Build) -> Iterator[tuple[Path, str]]:
    for i, entry in enumerate(build.options.env):
        for key in references(entry):
            yield ("options", "env", i), key
    for key in references(build.logs_bucket):
        yield ("logsBucket",), key


def encrypted_values_are_base64(config: ConfigSource) -> Iterator[Finding]:
    """SW316: gcloud decodes them before it sends anything."""
    for path, values in encrypted_values(config.build):
        for name, value in values.items():
            try:
                base64.urlsafe_b64decode(value)
            except ValueError:
                message = f"the encrypted value of {name!r} is not base64"
                hint = "encrypt it with gcloud kms, then base64 -w 0"
                yield Finding.at((*path, name), message, hint, "SW316")


def spelling_is_the_schemas(config: ConfigSource) -> Iterator[Finding]:
    """SW406: gcloud and the service take both spellings, the JSON Schema of editors does not."""
    for path in config.document.lines:
        key = path[-1] if len(path) > 1 and path[0] in {"steps", "options"} else ""
        if isinstance(key, str) and re.fullmatch("[a-z]+(_[a-z]+)+", key):
            message = f"{key!r} is refused by the published JSON Schema"
            camel = re.sub("_([a-z])", lambda match: match[1].upper(), key)
            yield Finding.at(path, message, f"write {camel!r}", "SW406")


RULES = (
    substitutions_resolve, names_are_well_formed, expansions_are_in_values,
    scripts_read_variables, substitutions_are_where_they_are_made, encrypted_values_are_base64,
    spelling_is_the_schemas,
)  # fmt: skip
