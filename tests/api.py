"""Write what Google's messages and commands hold into the product's data file: `make api`.

Google's own types come first, from the package `google-cloud-build`; then what gcloud knows
besides, from the messages of the gcloud on PATH; then what is documented and in neither. What of
that Terraform's provider has is read from its schema.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.cloud.devtools.cloudbuild_v1.types import cloudbuild

from triggers.rendering.formats import SINGULAR, snake_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATA = Path(__file__).parents[1] / "triggers/cloudbuild/api.json"
PROVIDER = Path(__file__).parent / "unit/data/google_cloudbuild_trigger.json"
COMPLETIONS = "data/cli/gcloud_completions.py"
ROOTS = ("Build", "BuildTrigger")
GCLOUD_MESSAGES = (
    "lib/googlecloudsdk/generated_clients/apis/cloudbuild/v1/cloudbuild_v1_messages.py"
)

# Documented, and not in the package, or otherwise there. Release notes of 2026-03-16 (oci),
# 2026-03-30 (genericArtifacts) and 2026-10-12 (workerRelease, which the package calls an output of
# a pool); docs.cloud.google.com/build/docs/build-config-file-schema (results); the fields inside
# as Google's generated clients have them (GenericArtifact, Oci, StepResult).
DOCUMENTED = {
    "Artifacts": {"genericArtifacts": "GenericArtifact[]", "oci": "Oci[]"},
    "PoolOption": {"workerRelease": "string"},
    "BuildStep": {"results": "StepResult[]"},
    "GenericArtifact": {"folder": "string", "registryPath": "string"},
    "Oci": {"file": "string", "registryPath": "string", "tags": "string[]"},
    "StepResult": {
        "attestationContent": "string",
        "attestationType": "string",
        "name": "string",
    },
}  # fmt: skip

Messages = dict[str, dict[str, str]]
Enums = dict[str, list[str]]

_SCALARS = {1: "float", 2: "float", 8: "bool", 9: "string", 12: "string"}
_INT_32, _MESSAGE, _ENUM = 5, 11, 14
_TEXTS = {"google.protobuf.Duration", "google.protobuf.Timestamp"}
_GCLOUD_SCALARS = {"BooleanField": "bool", "FloatField": "float", "StringField": "string"}


def of_package() -> tuple[Messages, Enums]:
    """Return the messages that a build config and a trigger are made of, and their enums."""
    messages: Messages = {}
    enums: Enums = {}
    waiting = [getattr(cloudbuild, name).pb().DESCRIPTOR for name in ROOTS]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.name in messages:
            continue
        written = _written_by_the_service(descriptor)
        fields = messages[descriptor.name] = {}
        for field in descriptor.fields:
            name = field.json_name
            if name in written:
                fields[name] = "output"
                continue
            fields[name] = _type(field)
            if field.type == _ENUM:
                values = sorted(field.enum_type.values, key=lambda value: value.number)
                enums[field.enum_type.name] = [value.name for value in values]
            elif field.type == _MESSAGE and fields[name].rstrip("[]") == field.message_type.name:
                waiting.append(field.message_type)
    return messages, enums


def _type(field: Any) -> str:
    if field.type == _MESSAGE:
        message = field.message_type
        if message.GetOptions().map_entry:
            return f"{_type(message.fields_by_name['value'])}{{}}"
        name = "string" if message.full_name in _TEXTS else message.name
    elif field.type == _ENUM:
        name = field.enum_type.name
    else:
        name = _SCALARS.get(field.type) or ("int32" if field.type == _INT_32 else "int64")
    return f"{name}[]" if field.is_repeated else name


def _written_by_the_service(descriptor: Any) -> set[str]:
    """Return the fields whose comment says so, by their names in JSON."""
    owner: Any = cloudbuild
    for part in descriptor.full_name.removeprefix("google.devtools.cloudbuild.v1.").split("."):
        owner = getattr(owner, part)
    texts = re.split(r"^ {4}(\w+) \(.*\):$", inspect.getdoc(owner) or "", flags=re.MULTILINE)
    comments = dict(zip(texts[1::2], texts[2::2], strict=True))
    return {
        field.json_name
        for field in descriptor.fields
        if comments.get(field.name, "").strip().startswith("Output only")
    }


def of_gcloud(root: Path) -> tuple[Messages, Enums]:
    """Return the same of the gcloud that is installed at *root*, under its own names."""
    tree = ast.parse((root / GCLOUD_MESSAGES).read_text(encoding="utf-8"))
    messages: Messages = {}
    enums: Enums = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        inner = {each.name: each for each in node.body if isinstance(each, ast.ClassDef)}
        comments = _gcloud_comments(ast.get_docstring(node) or "")
        fields = messages[node.name] = {}
        for name, call in _assignments(node):
            fields[name] = _gcloud_type(node.name, call, inner)
            if comments.get(name, "").startswith("Output only"):
                fields[name] = "output"
            kind = fields[name].rstrip("[]")
            if kind.startswith(f"{node.name}."):
                of_enum = inner[kind.split(".")[1]]
                numbers = {key: ast.literal_eval(value) for key, value in _assignments(of_enum)}
                enums[kind] = sorted(numbers, key=numbers.__getitem__)
    return messages, enums


def _gcloud_comments(docstring: str) -> dict[str, str]:
    _, _, fields = docstring.partition("Fields:\n")
    return dict(re.findall(r"^ {2}(\w+): (.*)$", fields, re.MULTILINE))


def _assignments(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            yield each.targets[0].id, each.value


def _gcloud_type(owner: str, call: ast.expr, inner: Mapping[str, ast.ClassDef]) -> str:
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    options = {each.arg: ast.unparse(each.value) for each in call.keywords}
    kind = call.func.attr
    several = "[]" if options.get("repeated") == "True" else ""
    if kind in {"MessageField", "EnumField"}:
        name = str(ast.literal_eval(call.args[0]))
        if kind == "MessageField" and name in inner:
            return "string{}"
        return f"{owner}.{name}{several}" if kind == "EnumField" else f"{name}{several}"
    whole = "int32" if options.get("variant", "").endswith("INT32") else "int64"
    return _GCLOUD_SCALARS.get(kind, whole) + several


def describe(gcloud: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of the data file; *before* are those that it had."""
    messages, enums = of_package()
    for name, fields in DOCUMENTED.items():
        messages[name] = {**messages.get(name, {}), **fields}
    release = (gcloud / "VERSION").read_text(encoding="utf-8").strip()
    unknown = dict.fromkeys(_add_gcloud(messages, enums, *of_gcloud(gcloud)), release)
    used = _reached(messages)
    kinds = {kind.rstrip("[]") for name in used for kind in messages[name].values()}
    return {
        "sources": {"google-cloud-build": version("google-cloud-build"), "gcloud": release},
        "messages": {name: dict(sorted(messages[name].items())) for name in sorted(used)},
        "enums": {name: enums[name] for name in sorted(enums.keys() & kinds)},
        # The last gcloud that was seen not to know it.
        "unknownToGcloud": dict(sorted({**before.get("unknownToGcloud", {}), **unknown}.items())),
        "deployFlags": deploy_flags(gcloud),
        "terraform": of_terraform(messages, json.loads(PROVIDER.read_text(encoding="utf-8"))),
    }


def of_terraform(
    messages: Messages, schema: Mapping[str, Any], name: str = "BuildTrigger"
) -> dict[str, Any]:
    """Return the fields of the message *name* that *schema*, the provider's, has for it, too."""
    fields: dict[str, Any] = {}
    for field, kind in sorted(messages[name].items()):
        rule = schema.get(SINGULAR.get(field) or snake_case(field))
        inner = kind.removesuffix("[]")
        if kind != "output" and rule and isinstance(rule, dict) == (inner in messages):
            is_block = isinstance(rule, dict)
            fields[field] = of_terraform(messages, rule["block"], inner) if is_block else None
    return fields


def deploy_flags(gcloud: Path) -> dict[str, dict[str, str]]:
    """Return the flags of the commands that deploy a function: `bool`, or `value`.

    They are what gcloud completes on a command line.
    """
    tree = runpy.run_path(str(gcloud / COMPLETIONS))["STATIC_COMPLETION_CLI_TREE"]["commands"]
    return {
        tool: {
            name.removeprefix("--"): "bool" if kind == "bool" else "value"
            for name, kind in sorted(tree[tool]["commands"]["deploy"]["flags"].items())
        }
        for tool in ("functions", "run")
    }


def _add_gcloud(
    messages: Messages, enums: Enums, theirs: Messages, their_enums: Enums
) -> Iterator[str]:
    """Add what only gcloud knows; yield the fields and values that it does not know."""
    waiting = [(name, name) for name in ROOTS]
    done = set()
    while waiting:
        name, their_name = waiting.pop()
        done.add(name)
        fields, other = messages.setdefault(name, {}), theirs[their_name]
        for field in other.keys() - fields.keys():
            fields[field] = other[field].replace(".", "").replace("ValueValuesEnum", "")
            if "." in other[field]:
                enums[fields[field].rstrip("[]")] = their_enums[other[field].rstrip("[]")]
        for field, kind in fields.items():
            bare, their_kind = kind.rstrip("[]"), other.get(field, "").rstrip("[]")
            if kind == "output":
                continue
            if not their_kind:
                yield f"{name}.{field}"
            elif bare in enums:
                yield from (f"{bare}.{v}" for v in enums[bare] if v not in their_enums[their_kind])
            elif their_kind in theirs and bare not in done:
                waiting.append((bare, their_kind))


def _reached(messages: Messages) -> set[str]:
    """Return the messages that the roots hold, and those in turn."""
    reached: set[str] = set()
    waiting = [*ROOTS]
    while waiting:
        name = waiting.pop()
        if name in messages and name not in reached:
            reached.add(name)
            waiting += [kind.rstrip("[]{}") for kind in messages[name].values()]
    return reached


def gcloud_root() -> Path | None:
    """Return where gcloud is installed, None without it."""
    program = shutil.which("gcloud")
    root = Path(program).resolve().parents[1] if program else None
    return root if root and (root / GCLOUD_MESSAGES).is_file() else None


def main() -> None:
    root = gcloud_root()
    if root is None:
        raise SystemExit("make api reads the messages of gcloud, and finds none on PATH")
    before = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    DATA.write_text(json.dumps(describe(root, before), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
