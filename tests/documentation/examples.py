"""The examples in a Markdown document: blocks of `$ commands` with what they print.

A block with output is run, and stands below a comment that says so; after the colon may come
shell commands that prepare the stage, unseen by readers:

    <!-- run: echo 'X = 1' >> packages/tides/src/harbour_tides/__init__.py -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = re.compile(
    r"(?:^ *<!-- run:(?P<before>.*?)-->\n+)?^(?P<indent> *)```console\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
# What differs from run to run, or from one release of a build backend to the next.
_VOLATILE = re.compile(r"\b[0-9a-f]{64}\b|(?<=  )\d+(?=  )|\b\d+\.\d+ s\b|\b\d{4}-\d\d-\d\d\b")


@dataclass(frozen=True)
class Typed:
    """A command as it is typed, and the output below it."""

    command: str
    output: str


@dataclass(frozen=True)
class Example:
    """A block: *before* prepares it, and is None where the block is only to be read."""

    before: str | None
    typed: tuple[Typed, ...]


def read_examples(text: str) -> list[Example]:
    """Return the examples of a document, in its order."""
    return [_read(match) for match in _BLOCK.finditer(text)]


def rewrite_examples(text: str, run: Callable[[str], str], prepare: Callable[[str], object]) -> str:
    """Return the document with the output that *run* gives for each command of what is run.

    *prepare* gets what comes before a block.

    Output that differs only in what is volatile stays as it is.
    """

    def rewrite(block: re.Match[str]) -> str:
        example = _read(block)
        if example.before is None:
            return block.group()
        if example.before:
            prepare(example.before)
        lines = [f"$ {it.command}\n{_current(it.output, run(it.command))}" for it in example.typed]
        return block.group().replace(block["body"], indent("".join(lines), block["indent"]))

    return _BLOCK.sub(rewrite, text)


def _read(block: re.Match[str]) -> Example:
    before = block["before"]
    typed = tuple(
        Typed(it["command"], it["output"]) for it in _COMMAND.finditer(dedent(block["body"]))
    )
    return Example(None if before is None else before.strip(), typed)


def _current(old: str, new: str) -> str:
    if _VOLATILE.sub("…", old) == _VOLATILE.sub("…", new):
        return old
    return new
