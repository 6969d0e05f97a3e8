"""YAML (and so JSON) with the line of every value: what a message about a file has to name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

# No config of a human's comes near; YAML aliases can unfold a small file into billions of values.
_MOST_VALUES = 200_000


@dataclass
class Document:
    """The plain values of a file, the line of each, and the line of each key's second writing."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of the value at *path*, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def move(self, old: Path, new: Path) -> None:
        """Keep the lines of *old*, and of all that is below, at *new*."""
        size = len(old)
        for path in [path for path in self.lines if path[:size] == old]:
            self.lines[*new, *path[size:]] = self.lines[path]


class YamlError(ValueError):
    """The text is not one YAML document of plain values; *line* says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def read_yaml(text: str) -> Document:
    """Return the values of the only document in *text*; of a key written twice, the first.

    Raises YamlError.
    """
    loader = yaml.CSafeLoader(text)
    document = Document()
    try:
        node = loader.get_single_node()
        if node is not None:
            document.data = _construct(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        # A document that ends too early is marked after its last line.
        last = max(1, len(text.splitlines()))
        raise YamlError(reason, min(mark.line + 1, last) if mark else 1) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(" ".join(str(error).split()), 1) from None
    finally:
        loader.dispose()
    return document


def _construct(loader: Any, node: yaml.Node, path: Path, document: Document) -> Any:
    if len(document.lines) > _MOST_VALUES:
        raise YamlError("the document unfolds into too many values", node.start_mark.line + 1)
    document.lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _construct_mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, item, (*path, index), document)
            for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node)


def _construct_mapping(
    loader: Any, node: yaml.MappingNode, path: Path, document: Document
) -> dict[str, Any]:
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        name = _key_name(key)
        if name in own:
            document.duplicates[*path, name] = key.start_mark.line + 1
        else:
            own[name] = (key, value)
    node.value = [*own.values()]
    loader.flatten_mapping(node)
    result: dict[str, Any] = {}
    for key, value in node.value:
        name = _key_name(key)
        result[name] = _construct(loader, value, (*path, name), document)
        # A block value starts on the line after its key: the key is what the reader looks for.
        document.lines[*path, name] = key.start_mark.line + 1
    return result


def _key_name(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise YamlError("a key is not a plain value", key.start_mark.line + 1)
    return str(key.value)
