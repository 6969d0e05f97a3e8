"""YAML (and so JSON) with the line of every value: what a message about a file has to name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

# No config of a human's comes near; YAML aliases can unfold a small file into billions of values.
_MOST_VALUES = 200_000


class _Loader(yaml.CSafeLoader):
    """Takes for booleans and numbers all that gcloud's reader of YAML 1.1 takes for them."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)
_Loader.bool_values = {**_Loader.bool_values, "y": True, "n": False}


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

    def below(self, path: Path) -> Document:
        """Return the value at *path* as a document of its own, with its lines."""
        data = self.data
        for part in path:
            data = data[part]
        size = len(path)

        def cut(lines: dict[Path, int]) -> dict[Path, int]:
            return {way[size:]: line for way, line in lines.items() if way[:size] == path}

        return Document(data, cut(self.lines), cut(self.duplicates))

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
    documents = read_documents(text)
    if len(documents) > 1:
        raise YamlError("expected a single document in the stream", documents[1].line(()))
    return documents[0] if documents else Document()


def read_documents(text: str) -> list[Document]:
    """Return every document in *text*: none where there are only comments.

    Raises YamlError.
    """
    try:
        return [*_read(text)]
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


def _read(text: str) -> Iterator[Document]:
    loader: Any = _Loader(text)
    try:
        while loader.check_node():
            document = Document()
            node = loader.get_node()
            document.data = _construct(loader, node, (), document)
            if document.data is None:
                document.lines[()] = _start_before(text, node.start_mark.line)
            yield document
    finally:
        loader.dispose()


def _start_before(text: str, line: int) -> int:
    """Return the line of the `---` of an empty document, whose value begins where the next does."""
    starts = [i for i, each in enumerate(text.splitlines()[: line + 1]) if each.startswith("---")]
    return starts[-1] + 1 if starts else 1


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
