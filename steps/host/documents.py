"""YAML, and so JSON, as Cloud Build's tools read it: one way in, one deterministic way out.

gcloud reads YAML 1.1, where `y`, `012` and `1e3` are not text. Every value that is read keeps its
line, so that messages can name it; what is written is text to every reader. A key is the text that
was written, and wins over the same key of a mapping that `<<` merges.
"""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = tuple[str | int, ...]

# Aliases can unfold a small file into billions of values; no config that people write comes near.
_MOST_VALUES = 20_000
_DEEPEST = 100
_WIDEST_INTEGER = 64  # bits

_EXPONENT = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"
_CONSTRUCTION_ERRORS = (
    AttributeError, LookupError, OverflowError, TypeError, ValueError, yaml.YAMLError,
)  # fmt: skip


class _Loader(yaml.CSafeLoader):
    """Takes for booleans and numbers all that gcloud's reader of YAML 1.1 takes for them."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(_EXPONENT), list("-+.0123456789")
)
_Loader.bool_values = {**_Loader.bool_values, "y": True, "n": False}


class Quoted(str):
    """A text that is always written in quotes, such as the value of a substitution."""

    __slots__ = ()


class _Dumper(yaml.CSafeDumper):
    """Keeps the order of keys, repeats instead of using anchors, and quotes what is ambiguous."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _represent_quoted(dumper: yaml.CSafeDumper, text: Quoted) -> yaml.ScalarNode:
    # The C emitter takes no subclass of str.
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="'")


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(Quoted, _represent_quoted)
_Dumper.add_representer(str, _represent_text)
# PyYAML reads these as text and other YAML 1.1 and 1.2 readers do not, so they are quoted, too.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9.]+[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^0o[0-7]+$"), ["0"])


def dump(documents: Iterable[object], comment: str = "") -> str:
    """Return *documents* as one YAML stream, each begun by `---`, with *comment* lines on top."""
    stream: str = yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        explicit_start=True,
        allow_unicode=True,
        width=10_000,
    )
    return "".join(f"# {line}\n" for line in comment.splitlines()) + stream


@dataclass
class Document:
    """The plain values of a document, and the line of each.

    *duplicates* has the line on which a key is written again, *unreadable* why a scalar is not
    what YAML takes it for; it is kept as the text that was written.
    """

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: dict[Path, int] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of the value at *path*, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def faults(self) -> dict[Path, str]:
        """Return what readers of YAML refuse, or read differently, in the order of the lines."""
        twice = {
            path: f"the key {path[-1]!r} is written again on line {line}"
            for path, line in self.duplicates.items()
        }
        faults = {**twice, **self.unreadable}
        return {path: faults[path] for path in sorted(faults, key=self.line)}

    def below(self, path: Path, data: Any) -> Document:
        """Return *data*, the value at *path*, as a document of its own, with its lines."""
        size = len(path)
        lines = {way[size:]: line for way, line in self.lines.items() if way[:size] == path}
        return Document(data, lines)


class _Brief(reprlib.Repr):
    """Says in a line what a value is, whatever a small file unfolds into."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxlist = self.maxdict = 4
        self.maxstring = self.maxother = 80


brief = _Brief().repr


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
        _check_depth(text)
        return [*_read(text)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        # A document that ends too early is marked after its last line.
        last = max(1, len(text.splitlines()))
        raise YamlError(reason, min(mark.line + 1, last) if mark else 1) from None
    except yaml.reader.ReaderError as error:
        line = text.encode(errors="replace")[: error.position].count(b"\n") + 1
        raise YamlError(str(error.reason), line) from None


def tab_between_values(text: str) -> int | None:
    """Return the line of a tab outside of texts: libyaml takes it, gcloud's reader does not."""
    try:
        for _token in yaml.scan(text) if "\t" in text else ():
            pass
    except yaml.MarkedYAMLError as error:
        if "\t" in (error.problem or "").replace("\\t", "\t"):
            return error.problem_mark.line + 1 if error.problem_mark else 1
    except (yaml.YAMLError, OverflowError, ValueError):
        pass  # whatever it is, libyaml says it, too
    return None


def _check_depth(text: str) -> None:
    """Refuse a text before libyaml nests its values: it would overflow the stack, and crash."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep(event)


def _too_deep(part: yaml.Node | yaml.Event) -> YamlError:
    return YamlError(f"it is nested more than {_DEEPEST} levels deep", _line(part))


def _read(text: str) -> Iterator[Document]:
    loader: Any = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            document = Document()
            document.data = _Construction(loader, document, len(text)).value(node, ())
            if document.data is None:
                document.lines[()] = _start_before(text, node.start_mark.line)
            yield document
    finally:
        loader.dispose()


def _start_before(text: str, line: int) -> int:
    """Return the line of the `---` of an empty document, whose value begins where the next does."""
    starts = [i for i, each in enumerate(text.splitlines()[: line + 1]) if each.startswith("---")]
    return starts[-1] + 1 if starts else 1


_Entries = dict[str, tuple[yaml.Node, yaml.Node]]


@dataclass
class _Construction:
    """The making of one document's values from its nodes; *size* is the length of the text."""

    loader: Any
    document: Document
    size: int
    merged: dict[int, _Entries] = field(default_factory=dict)

    def value(self, node: yaml.Node, path: Path) -> Any:
        """Return the value of *node*, and keep its line, and those of all in it."""
        most = max(_MOST_VALUES, self.size)  # without aliases, each value has a character
        if len(self.document.lines) >= most:
            raise YamlError(f"it unfolds into more than {most} values", _line(node))
        if len(path) > _DEEPEST:
            raise _too_deep(node)  # it holds itself
        self.document.lines[path] = _line(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"tag:yaml.org,2002:{kind}":
            self.document.unreadable[path] = f"the tag {node.tag!r} is not one of plain YAML"
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        try:
            value = self.loader.construct_object(node)
        except _CONSTRUCTION_ERRORS:
            value = None
        else:
            if not isinstance(value, int) or value.bit_length() <= _WIDEST_INTEGER:
                return value
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        self.document.unreadable[path] = (
            f"{node.value!r:.60} is not a valid {kind}; if it is text, put it in quotes"
        )
        return node.value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, (key, value) in self._entries(node, path).items():
            result[name] = self.value(value, (*path, name))
            # A block value starts on the line after its key: the key is what a reader looks for.
            self.document.lines[*path, name] = _line(key)
        return result

    def _entries(self, node: yaml.MappingNode, path: Path) -> _Entries:
        """Return key and value by name: what is merged, then the mapping's own, which win."""
        if id(node) in self.merged:
            return self.merged[id(node)]
        self.merged[id(node)] = {}  # of a mapping that merges itself, there is nothing to merge
        own: _Entries = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError("a key is not a plain value", _line(key))
            if key.value in own:
                self.document.duplicates[*path, key.value] = _line(key)
            else:
                own[key.value] = (key, value)
        merge = own.get("<<")
        if merge and merge[0].tag == "tag:yaml.org,2002:merge":
            del own["<<"]
            own = {**self._merged(merge[1], path), **own}
        self.merged[id(node)] = own
        return own

    def _merged(self, node: yaml.Node, path: Path) -> _Entries:
        """Return the entries of the mapping *node*, or of a list of them, whose first wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries: _Entries = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise YamlError("`<<` merges a mapping, or a list of them", _line(source))
            entries = {**self._entries(source, path), **entries}
        return entries


def _line(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1
