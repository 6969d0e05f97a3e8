"""Packages, functions, their local dependencies and their triggers as a Mermaid flowchart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triggers.cloudbuild.conditions import FOLLOWERS_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triggers.discovery.inventory import Inventory
    from triggers.discovery.model import Trigger

_SHAPES = {"package": '["{}"]', "function": '("{}")'}


def mermaid(inventory: Inventory, triggers: Iterable[Trigger]) -> str:
    """Return the flowchart: an arrow goes from what changes to what is built for it.

    Triggers are drawn as flags; the arrow to a trigger comes from the directory that it is for, and
    from the triggers whose builds start it.
    """
    return "\n".join(["flowchart LR", *_lines(inventory, [*triggers])]) + "\n"


def _lines(inventory: Inventory, triggers: list[Trigger]) -> Iterator[str]:
    folders = {target.path: target for target in inventory.targets}
    others = {folder for target in inventory.targets for folder in target.dependencies.direct} | {
        trigger.target for trigger in triggers
    }
    paths = [*folders, *sorted(others - folders.keys())]
    nodes = {path: f"d{number}" for number, path in enumerate(paths)}
    for path, node in nodes.items():
        shape = _SHAPES[folders[path].kind] if path in folders else '[/"{}"/]'
        yield f"  {node}{shape.format(_text(path))}"
    for target in inventory.targets:
        for dependency in target.dependencies.direct:
            yield f"  {nodes[dependency]} --> {nodes[target.path]}"
    for directory in dict.fromkeys(trigger.target for trigger in triggers):
        for path in folders if directory not in folders else ():
            if directory == path.split("/")[0]:
                yield f"  {nodes[path]} --> {nodes[directory]}"
    for number, trigger in enumerate(triggers):
        yield f'  {nodes[trigger.target]} -.-> t{number}>"{_text(trigger.name)}"]'
    numbers = {trigger.name: number for number, trigger in enumerate(triggers)}
    for trigger in triggers:
        started = trigger.substitutions.get(FOLLOWERS_KEY, "").split()
        for name in (name for name in started if name in numbers):
            yield f"  t{numbers[trigger.name]} -.-> t{numbers[name]}"


def _text(label: str) -> str:
    return label.replace('"', "#quot;")
