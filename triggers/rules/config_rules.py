"""One build config: what the service accepts, and what then goes wrong."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Finding
from triggers.cloudbuild.build_rules import encrypted_values
from triggers.cloudbuild.substitutions import (
    BUILT_IN,
    SUBSTITUTION_KEY,
    StartedBy,
    broken_after_substitution,
    other_texts,
    references,
    resolve,
    substitute_build,
    template_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.cloudbuild.build_config import Build, Step
    from triggers.rules.sources import ConfigSource

_EXPANSION = re.compile(r"(?<!\$)(?:\$\$)*\$\{(#?)([A-Z_][A-Z0-9_]*)([^A-Z0-9_}][^}]*|)\}")
_SCRIPT_REFERENCE = re.compile(r"(?<![\\$])\$(?:\{([A-Z_][A-Z0-9_]*)|([A-Z_][A-Z0-9_]*))")
_SHELL = re.compile(
    r"(?:^|[/\s])(?:busybox|(?:ba|da|a|z|k)?sh|pwsh|powershell)(?:$|[:@\s])|^-\w*c$"
)
# The value of a built-in substitution where names are judged.
_STAND_INS = {**dict.fromkeys(BUILT_IN, "x"), "SERVICE_ACCOUNT": "projects/x/serviceAccounts/x"}
_ESCAPED = re.compile(r"(?<!\$)\$\$(?:[A-Za-z_]\w*|\{[^}]*\}?)")
_DOLLARS = re.compile(r"(?<!\$)\$\$[A-Za-z_{(]")


def substitutions_resolve(config: ConfigSource) -> Iterator[Finding]:
    """SW314, SW315, SW405: what is known without the trigger."""
    resolution = resolve(config.build, {}, {}, StartedBy.TRIGGER)
    yield from resolution.findings
    for note in resolution.notes:
        # What is missing, a trigger or `submit` may give; cross_rules knows triggers.
        key = str(note.path[-1])
        if note.code == "SW408":
            yield note
        elif note.code == "SW503" and SUBSTITUTION_KEY.fullmatch(key):
            yield replace(note, code="SW405")


def names_are_well_formed(config: ConfigSource) -> Iterator[Finding]:
    """SW310, SW313, SW317: of names with substitutions, those that defaults complete."""
    build = config.build
    values = resolve(build, {}, _STAND_INS, StartedBy.TRIGGER).values
    substituted = substitute_build(build, values)
    before, after = dict(template_texts(build)), dict(template_texts(substituted))
    for finding in broken_after_substitution(substituted):
        written, read = before.get(finding.path, ""), after.get(finding.path, "")
        keys = references(written)
        # A default is often a placeholder for what is given: an image is not judged by it.
        is_default = finding.code == "SW313" and any(map(SUBSTITUTION_KEY.fullmatch, keys))
        if all(map(values.get, keys)) and not is_default and "$" not in read:
            message = finding.message.replace(read, written) if read else finding.message
            yield replace(finding, message=message)


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
    """SW404: in other fields, the text reaches the service as it is."""
    known = BUILT_IN | config.build.substitutions.keys()
    for path, text in other_texts(config.build):
        for key in (key for key in references(text) if key in known):
            message = f"${{{key}}} in {path[-1]}: it is not known that a substitution is made here"
            yield Finding.at(path, message, "write it out", "SW404")


def variables_have_a_shell(config: ConfigSource) -> Iterator[Finding]:
    """SW410: `$$NAME` becomes `$NAME`, which only a shell reads (cloud-builders#312, #761)."""
    for index, step in enumerate(config.build.steps):
        words = (step.entrypoint or step.name, *step.args)
        if any(_SHELL.search(word) for word in words):
            continue
        for i, text in enumerate(step.args):
            if match := _ESCAPED.search(text):
                message = f"{match[0]!r} reaches the program as {match[0][1:]!r}: it is not a shell"
                hint = "run it with `entrypoint: bash` and `-c`, or in a `script`"
                yield Finding.at(("steps", index, "args", i), message, hint, "SW410")


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
    scripts_read_variables, substitutions_are_where_they_are_made, variables_have_a_shell,
    encrypted_values_are_base64, spelling_is_the_schemas,
)  # fmt: skip
