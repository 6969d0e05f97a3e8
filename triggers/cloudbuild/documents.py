"""YAML as Cloud Build's tools read it: one strict way in, one deterministic way out.

gcloud reads YAML 1.1, where `y`, `012` and `1e3` are not text; what this module writes is text to
every reader. It writes through PyYAML's C dumper, in the order of the mappings that it is given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


_Loaded = TypeVar("_Loaded")


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


class _Loader(yaml.CSafeLoader):
    """Refuses a key that comes twice; YAML readers differ in which of the two they take."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is not text; put it in quotes", key_node.start_mark
            )
        if key in mapping:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} comes twice", key_node.start_mark
            )
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def read_mapping(path: Path, what: str, hint: str) -> dict[str, Any]:
    """Return the one mapping that the YAML file *path* holds.

    *what* names the file in messages, *hint* says what to do when it is missing. Raises InputError
    for a file that is missing, is not UTF-8, not YAML, or holds anything but a mapping.
    """
    loaded = _read(path, what, hint, _load_one)
    if not isinstance(loaded, dict):
        raise _no_mapping(path, what, loaded)
    return loaded


def read_mappings(path: Path, what: str, hint: str) -> list[dict[str, Any]]:
    """Return all mappings of a YAML stream: its documents, or those of a list, as JSON has them.

    The parameters and errors are those of `read_mapping`.
    """
    loaded = _read(path, what, hint, lambda text: [*yaml.load_all(text, _Loader)])
    mappings = [it for item in loaded for it in (item if isinstance(item, list) else [item])]
    for mapping in mappings:
        if not isinstance(mapping, dict):
            raise _no_mapping(path, what, mapping)
    return mappings


def _load_one(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


def _read(path: Path, what: str, hint: str, load: Callable[[str], _Loaded]) -> _Loaded:
    try:
        return load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The {what} does not exist: {str(path)!r}", hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The {what} cannot be read: {str(path)!r} ({error})",
            "it has to be a text file that this user can read",
        ) from None
    except yaml.YAMLError as error:
        raise InputError(
            f"The {what} {str(path)!r} is not valid YAML: {_place(error)}",
            "mend the file at that place",
        ) from None


def _no_mapping(path: Path, what: str, loaded: object) -> InputError:
    return InputError(
        f"The {what} {str(path)!r} holds no mapping, but {loaded!r:.60}",
        "write it as `key: value` lines",
    )


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


def _place(error: yaml.YAMLError) -> str:
    """Return PyYAML's complaint in one line, with its line and column counted from one."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)
