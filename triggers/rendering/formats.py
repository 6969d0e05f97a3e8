"""Triggers in other formats: as Terraform's JSON, and as a Mermaid flowchart.

The provider spells the message in snake_case, and does not know all of it. What it does not know
is an error here: without it the trigger would be another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem
from triggers.cloudbuild.conditions import triggers_started
from triggers.cloudbuild.messages import MAPS, api
from triggers.manifest.settings import service_account_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.cloudbuild.messages import Fields
    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest
    from triggers.rendering.trigger import Trigger

# Blocks that come several times are named for one.
SINGULAR = {"steps": "step", "secrets": "secret"}
_SHAPES = {"package": '["{}"]', "function": '("{}")'}


def terraform_document(
    triggers: Iterable[Trigger], manifest: Manifest, *, beside_setup: bool = True
) -> dict[str, Any]:
    """Return the contents of a `.tf.json` file with *triggers* as resources.

    *beside_setup* they refer to the accounts and the API of a setup in the same state.
    Raises InputError with every field that the provider cannot express.
    """
    documents = [trigger.document() for trigger in triggers]
    InputError.raise_all(
        Problem(
            f"Terraform cannot express `{path}` of the trigger {document['name']!r}",
            "render without --inline, so that the build config keeps it in its own file",
        )
        for document in documents
        for path in _unknown(document, api().terraform)
    )
    place = {"provider": "google", "project": manifest.project, "location": manifest.region}
    resources = {
        terraform_name(document["name"]): {
            **place,
            **_converted(document),
            **(_references(document, manifest) if beside_setup else {}),
        }
        for document in documents
    }
    return {"resource": {"google_cloudbuild_trigger": resources}}


def _references(document: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return what has to be there before a trigger, as references to resources of a setup."""
    account = document["serviceAccount"]
    name = account.rpartition("/")[2].partition("@")[0]
    is_own = service_account_resource(name, manifest.project) == account
    reference = f"${{google_service_account.{terraform_name(name)}.id}}"
    given = {"service_account": reference} if is_own else {}
    return {**given, "depends_on": ["google_project_service.cloudbuild"]}


def _unknown(message: Mapping[str, Any], fields: Fields, path: str = "") -> Iterator[str]:
    """Yield the paths of what *fields* does not list."""
    for key, value in message.items():
        inner = fields.get(key)
        if key not in fields:
            yield f"{path}{key}"
        elif inner is not None:
            several = isinstance(value, list)
            for index, each in enumerate(value if several else [value]):
                where = f"{path}{key}[{index}]." if several else f"{path}{key}."
                yield from _unknown(each, inner, where) if isinstance(each, dict) else [where[:-1]]


def _converted(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        SINGULAR.get(key) or snake_case(key): (
            {name: _literal(text) for name, text in value.items()}
            if key in MAPS and isinstance(value, dict)
            else _value(value)
        )
        for key, value in message.items()
    }


def _value(value: object) -> object:
    if isinstance(value, dict):
        return _converted(value)
    if isinstance(value, list):
        return [_value(each) for each in value]
    return _literal(value)


def _literal(value: object) -> object:
    """Return *value* so that Terraform takes it as it is: `${` and `%{` begin its templates."""
    if not isinstance(value, str):
        return value
    return value.replace("${", "$${").replace("%{", "%%{")


def snake_case(key: str) -> str:
    """Return a key of Cloud Build's as the provider spells it."""
    return re.sub("([A-Z])", r"_\1", key).lower()


def terraform_name(*parts: str) -> str:
    """Return *parts* as an identifier of Terraform's, which may not begin with a digit."""
    text = re.sub("[^A-Za-z0-9_-]+", "-", "-".join(parts))
    return text if text[0].isalpha() else f"_{text}"


_LEGEND = (
    "  subgraph legend",
    "    direction LR",
    '    l0["package"] -- is built into --> l1("function")',
)
_LEGEND_OF_TRIGGERS = '    l1 -. is built by .-> l2>"trigger"]'


def mermaid(inventory: Inventory, triggers: Iterable[Trigger]) -> str:
    """Return the flowchart: an arrow goes from what changes to what is built for it.

    Triggers are drawn as flags; the arrow to a trigger comes from the directory that it is for, and
    from the triggers whose builds start it.
    """
    drawn = [*triggers]
    legend = [_LEGEND_OF_TRIGGERS] if drawn else []
    lines = ["flowchart LR", *_lines(inventory, drawn), *_LEGEND, *legend, "  end"]
    return "\n".join(lines) + "\n"


def _lines(inventory: Inventory, triggers: list[Trigger]) -> Iterator[str]:
    folders = {each.path: each for each in inventory.components}
    others = {
        folder for target in inventory.components for folder in target.dependencies.direct
    } | {trigger.target for trigger in triggers}
    paths = [*folders, *sorted(others - folders.keys())]
    nodes = {path: f"d{number}" for number, path in enumerate(paths)}
    for path, node in nodes.items():
        shape = _SHAPES[folders[path].kind] if path in folders else '[/"{}"/]'
        yield f"  {node}{shape.format(_text(path))}"
    for component in inventory.components:
        for dependency in component.dependencies.direct:
            yield f"  {nodes[dependency]} --> {nodes[component.path]}"
    for directory in dict.fromkeys(trigger.target for trigger in triggers):
        for path in folders if directory not in folders else ():
            if directory == path.split("/")[0]:
                yield f"  {nodes[path]} --> {nodes[directory]}"
    for number, trigger in enumerate(triggers):
        yield f'  {nodes[trigger.target]} -.-> t{number}>"{_text(trigger.name)}"]'
    numbers = {trigger.name: number for number, trigger in enumerate(triggers)}
    for trigger in triggers:
        started = triggers_started(trigger.substitutions)
        for name in (name for name in started if name in numbers):
            yield f"  t{numbers[trigger.name]} -.-> t{numbers[name]}"


def _text(label: str) -> str:
    return label.replace('"', "#quot;")
