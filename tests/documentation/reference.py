"""The pages of docs/reference that are written from the code: commands, manifest, findings.

`make docs` writes them, `make lint` compares them. What a page says comes from the help of the
commands, the manifest's JSON Schema and the tables of codes.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import click

from builder.__main__ import shipwheel
from steps.command_line.groups import CommandGroup, ShipwheelCommand
from steps.function import rules
from tests.documentation import ROOT
from triggers.manifest.manifest import Manifest
from triggers.rules import codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by `make docs`; edit the code that it comes from. -->"
_COMMANDS = """\
# Commands

Every command has `--help`, and the options of the last section, before or after its name.
Results go to standard output, everything else to standard error.
[JSON](json.md) has the shapes of `--json`.
"""
_MANIFEST = """\
# The manifest

`shipwheel.yaml` is in the root of the repository. `shipwheel init` writes it, and every command
reads it. Editors check it with [its JSON Schema](../../triggers/shipwheel.schema.json).
All errors are reported at once, each with its path; the exit code is 2.
[Triggers](triggers.md) and [functions](functions.md) explain how the keys work together.

```yaml
project: my-project
region: us-central1
registry: us-central1/my-project/pypi
image: us-central1-docker.pkg.dev/my-project/docker/shipwheel:0.1.0
source:
  github: {owner: acme, name: monorepo}
publish:
  tag: v.*
  approval: true
deploy:
  function: {serviceAccount: shipwheel-function, buildServiceAccount: shipwheel-build}
packages:
  exclude: [examples, tests]
overrides:
  functions/billing:
    deploy:
      function: {entryPoint: bill, trigger: {topic: invoices}}
```
"""
_JSON = """\
# JSON

What a command prints on standard output with `--json`, as
[a JSON Schema](results.schema.json) with a definition for each command.
It is also printed when the command refuses something; the exit code says so. A command that fails
before it has a result prints nothing there. Within a major version, keys are only added.
"""
_FINDINGS = """\
# Findings

An *error* is refused by gcloud, its schema or the service. A *warning* is accepted, but does not do
what it seems to do. A code never changes its meaning and is never reused.
`shipwheel triggers lint --explain SW201` prints the meaning of a code.
"""


def pages() -> dict[Path, str]:
    """Return the text of each page by its path."""
    texts = {
        "commands": _commands(),
        "manifest": _manifest(),
        "findings": _findings(),
        "json": _results(),
    }
    return {FOLDER / f"{name}.md": f"{_NOTE}\n\n{text}" for name, text in texts.items()}


def _commands() -> str:
    parts = [_COMMANDS]
    parts += [_command(context) for context in _leaves(click.Context(shipwheel, None, "shipwheel"))]
    output = _sections(click.Context(shipwheel, None, "shipwheel"))["Output"]
    return "\n".join([*parts, "## Options of every command\n", _options(output)])


def _leaves(parent: click.Context) -> Iterator[click.Context]:
    group = parent.command
    assert isinstance(group, CommandGroup)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, parent, name)
        yield from _leaves(context) if isinstance(command, CommandGroup) else [context]


def _command(context: click.Context) -> str:
    command = context.command
    assert isinstance(command, ShipwheelCommand)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text, _, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    lines = [f"## {context.command_path}\n", f"`{usage}`\n", _paragraphs(text)]
    if example:
        lines += ["```sh", inspect.cleandoc(example), "```\n"]
    for title, options in _sections(context).items():
        common = {"-v", "-q", "--color", "--no-progress", "-h", "--help"}
        own = [it for it in options if not common & {*it.opts}]
        if own:
            lines += [f"**{title}**\n", _options(own)]
    return "\n".join(lines)


def _sections(context: click.Context) -> dict[str, list[click.Option]]:
    """Return the options of a command by the section of its help."""
    command = context.command
    assert isinstance(command, ShipwheelCommand)
    return command.sections(context)


def _paragraphs(text: str) -> str:
    """Return a help's text in Markdown: with a line for each paragraph, and lists as they are."""
    joined = [" ".join(it.split()) for it in re.split(r"\n\s*\n", text.strip())]
    return _escape("\n\n".join(it.removeprefix("\b ") for it in joined)) + "\n"


def _options(options: list[click.Option]) -> str:
    lines = ["| option | |", "| --- | --- |"]
    for option in options:
        record = option.get_help_record(click.Context(shipwheel))
        if record:
            name, text = record
            lines.append(f"| `{name.replace('|', chr(92) + '|')}` | {_escape(text)} |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([|<])", r"\\\1", " \n".join(text.split("\n"))).replace(" \n", "\n")


def _manifest() -> str:
    schema = Manifest.model_json_schema(by_alias=True)
    models = {"": schema, **schema["$defs"]}
    paths = _paths(models)
    tables = (_table(paths, models, name) for name in paths)
    return "\n".join([_MANIFEST, *tables])


def _paths(models: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return where each model is found first, such as `deploy.function`, the outermost first."""
    paths = {"": "shipwheel.yaml"}
    waiting = [""]
    while waiting:
        name = waiting.pop(0)
        for key, it in models[name]["properties"].items():
            for inner in re.findall(r"#/\$defs/(\w+)", str(it)):
                if inner not in paths:
                    named = "NAME" if key == "kinds" else "DIRECTORY"
                    place = f"{key}.{named}" if it.get("type") == "object" else key
                    paths[inner] = f"{paths[name]}.{place}" if name else place
                    waiting.append(inner)
    return paths


def _table(paths: dict[str, str], models: dict[str, dict[str, Any]], name: str) -> str:
    schema = models[name]
    required = schema.get("required", [])
    rows = [
        f"| `{key}` | {_type(it, paths)} | {_default(it, required=key in required)} "
        f"| {_sentence(it.get('description') or _about(it, models))} |"
        for key, it in schema["properties"].items()
    ]
    head = ["| key | type | default | |", "| --- | --- | --- | --- |"]
    about = _sentence(schema.get("description", ""))
    return "\n".join([f"## `{paths[name]}`\n", f"{about}\n", *head, *rows, ""])


def _about(schema: dict[str, Any], models: dict[str, dict[str, Any]]) -> str:
    """Return what the model that *schema* refers to says of itself."""
    names = re.findall(r"#/\$defs/(\w+)", str(schema))
    return models[names[0]].get("description", "") if names else ""


def _sentence(text: str) -> str:
    return _escape(" ".join(text.split()))


def _type(schema: dict[str, Any], paths: dict[str, str]) -> str:
    """Return what a value may be: "text", "list of text", "`a` or `b`", or a link to a table."""
    if choices := [it for it in schema.get("anyOf", ()) if it.get("type") != "null"]:
        return " or ".join(dict.fromkeys(_type(it, paths) for it in choices))
    if "$ref" in schema:
        path = paths[schema["$ref"].rpartition("/")[2]]
        return f"[`{path}`](#{re.sub(r'[^a-z]', '', path.lower())})"
    if "enum" in schema or "const" in schema:
        return " or ".join(map(_literal, schema.get("enum", [schema.get("const")])))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}), paths)}"
    if kind == "object":
        patterns = [*schema.get("patternProperties", {}).values()]
        inner = schema.get("additionalProperties") or next(iter(patterns), None)
        return f"map of {_type(inner, paths)}" if isinstance(inner, dict) else "map"
    return {"string": "text", "boolean": "`true` or `false`"}.get(kind, kind)


def _default(schema: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    value = schema.get("default")
    return "" if value is None or value in ([], {}) else _literal(value)


def _literal(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _findings() -> str:
    text = f"{_FINDINGS}\n## `shipwheel triggers lint`\n\n{codes.table()}"
    return f"{text}\n## `shipwheel requirements`, and lint of functions\n\n{rules.table()}"


def _results() -> str:
    schema = json.loads((FOLDER / "results.schema.json").read_text(encoding="utf-8"))
    parts = [_JSON]
    for name, it in schema["$defs"].items():
        about = [f"{it['description']}\n"] if "description" in it else []
        lines = ["```text", *_shape(it, ""), "```\n"]
        parts += [f"## `shipwheel {name}`\n", *about, *lines]
    return "\n".join(parts)


def _shape(schema: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the lines of a value as JSON with types and remarks in the place of values."""
    inner = schema.get("items") or schema.get("additionalProperties") or {}
    if schema.get("type") == "array" and inner.get("type") == "object":
        yield f"{indent}["
        yield from _shape(inner, f"{indent}  ")
        yield f"{indent}]"
    elif schema.get("type") == "object" and "properties" in schema:
        yield f"{indent}{{"
        for key, it in schema["properties"].items():
            nested = [*_shape(it, f"{indent}  ")]
            yield f'{indent}  "{key}": {nested[0].strip()}'
            yield from nested[1:]
        yield f"{indent}}}"
    else:
        remark = f"  # {schema['description']}" if "description" in schema else ""
        yield f"{indent}{_value(schema)}{remark}"


def _value(schema: dict[str, Any]) -> str:
    """Return the type of a value without keys: "string", "[string]", "null or integer"."""
    if "enum" in schema:
        return " | ".join(json.dumps(it) for it in schema["enum"])
    kinds = schema.get("type", "any")
    if kinds == "array":
        return f"[{_value(schema['items'])}]"
    if kinds == "object":
        return f"{{string: {_value(schema.get('additionalProperties') or {})}}}"
    return kinds if isinstance(kinds, str) else " | ".join(kinds)
