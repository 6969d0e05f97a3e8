"""A requirements file as its lines, unchanged: comments, order, and line ends.

A line is a logical one, with its continuations. What a line means is read as pip reads it; what is
inserted or removed leaves every other character where it was.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.utils import NormalizedName

_BYTE_ORDER_MARK = "\ufeff"
_COMMENT = re.compile(r"(?:^|\s)#.*$")  # not \s+, which takes quadratic time
_SHORT = {"-i": "--index-url", "-r": "--requirement", "-c": "--constraint", "-e": "--editable"}
_WITH_VALUE = ("--index-url", "--extra-index-url", "--requirement", "--constraint", "--editable")
_OTHER = ("--no-index", "--find-links", "--no-binary", "--only-binary", "--prefer-binary", "--pre",
          "--require-hashes", "--no-require-hashes", "--all-releases", "--only-final",
          "--trusted-host", "--use-feature")  # fmt: skip
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\]\s*)?")
_REMOTE = re.compile(r"[a-z0-9+.-]+://|git\+", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """One logical line; *text* is all of it, *number* that of its first physical line."""

    text: str
    number: int

    @cached_property
    def content(self) -> str:
        """The line as pip sees it: joined, and without its comment."""
        joined = re.sub(r"\\\r?\n", "", self.text)
        return _COMMENT.sub("", joined).strip()

    @cached_property
    def comment(self) -> str:
        """The comment behind the requirement, with its #, or nothing."""
        found = _COMMENT.search(self.text) if self.content else None
        return found.group().strip() if found else ""

    @cached_property
    def options(self) -> tuple[tuple[str, str], ...]:
        """The options of a line of options by their long names, each with its value."""
        return tuple(_options(self.content)) if self.content.startswith("-") else ()

    def values(self, *names: str) -> tuple[str, ...]:
        """Return the values that the options *names* have on this line."""
        return tuple(value for name, value in self.options if name in names)

    @cached_property
    def body(self) -> str:
        """What is to be installed, without the options behind it; empty for other lines."""
        if editable := self.values("--editable"):
            return editable[0]
        if self.content.startswith("-"):
            return ""
        return re.split(r"\s-{1,2}[A-Za-z]", self.content)[0].strip()

    @property
    def first(self) -> str:
        """What the line begins with: its requirement, or its first option without a value."""
        is_option = self.content.startswith("-")
        return self.content.split()[0].split("=")[0] if is_option else self.body

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The hashes that the file has to have one of, as ALGORITHM:DIGEST."""
        return tuple(re.findall(r"\s--hash[= ](\S+)", self.content))

    @cached_property
    def path(self) -> str | None:
        """The local path that the line names, or None."""
        return _path(self.body)

    @cached_property
    def requirement(self) -> Requirement | None:
        """The requirement of a line that has one by name or by URL; None for any other line."""
        try:
            return Requirement(self.body)
        except (InvalidRequirement, RecursionError):
            return None

    @property
    def name(self) -> NormalizedName | None:
        """The normalised name of what is required, where the line says it."""
        return canonicalize_name(self.requirement.name) if self.requirement else None

    @property
    def by_name(self) -> Requirement | None:
        """The requirement that an index has to answer: one without an URL or a path."""
        requirement = self.requirement
        return requirement if requirement and not requirement.url else None

    @property
    def fault(self) -> str:
        """Why the line is not valid; empty for a line that pip accepts."""
        if self.content.startswith("-") and not _is_option(self.first):
            return "pip takes no such option from a file"
        # An URL without a name is what pip installs, too.
        if not self.body or self.path is not None or _REMOTE.match(self.body):
            return ""
        try:
            Requirement(self.body)
        except InvalidRequirement as error:
            return str(error).splitlines()[0]
        except RecursionError:
            return "its marker is nested too deeply"
        return ""


@dataclass(frozen=True)
class RequirementsFile:
    """A requirements file's *lines*; *mark* is the byte order mark that it begins with, if any."""

    lines: tuple[Line, ...]
    mark: str = ""

    @property
    def text(self) -> str:
        """All of the file."""
        return self.mark + "".join(line.text for line in self.lines)

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if self.lines and self.lines[0].text.endswith("\r\n") else "\n"

    @property
    def is_hashed(self) -> bool:
        """Whether pip demands a hash of everything that it installs from here."""
        return any(line.hashes for line in self.lines) or any(
            name == "--require-hashes" for line in self.lines for name, _ in line.options
        )

    def insert(self, at: int, *contents: str) -> RequirementsFile:
        """Return the file with *contents* as lines before the line with the index *at*."""
        before = [line.text for line in self.lines[:at]]
        if before and not before[-1].endswith("\n"):
            before[-1] += self.newline
        new = [content.replace("\n", self.newline) + self.newline for content in contents]
        after = [line.text for line in self.lines[at:]]
        return parse_requirements(self.mark + "".join([*before, *new, *after]))

    def map(self, change: Callable[[Line], str | None]) -> RequirementsFile:
        """Return the file with the content that *change* gives each line; None keeps the line.

        An empty content takes the line out. Line ends stay as they are, also where there is none.
        """
        texts = []
        for line in self.lines:
            content = change(line)
            if content is None:
                texts.append(line.text)
            elif content:
                end = line.text[len(line.text.rstrip("\r\n")) :]
                texts.append(content.replace("\n", self.newline) + end)
        return parse_requirements(self.mark + "".join(texts))

    def replace(self, line: Line, content: str) -> RequirementsFile:
        """Return the file with *content* in the place of *line*; nothing takes it out."""
        return self.map(lambda each: content if each is line else None)


def parse_requirements(text: str) -> RequirementsFile:
    """Return the lines of *text*, a whole requirements file."""
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    lines: list[Line] = []
    joins = False
    for number, part in enumerate(text.removeprefix(mark).splitlines(keepends=True), 1):
        bare = part.rstrip("\r\n")
        if joins:
            lines[-1] = replace(lines[-1], text=lines[-1].text + part)
        else:
            lines.append(Line(part, number))
        # A comment line ends what it continues, as with pip.
        joins = bare.endswith("\\") and not bare.lstrip().startswith("#")
    return RequirementsFile(tuple(lines), mark)


def _options(content: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(content)
    except ValueError:  # a quote is missing
        words = content.split()
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name[:2] in _SHORT:
            name, equals, value = _SHORT[name[:2]], word[2:], word[2:].removeprefix("=")
        name = next((each for each in _WITH_VALUE if _abbreviates(name, each)), name)
        if not equals and name in _WITH_VALUE and words:
            value = words.pop(0)
        yield name, value


def _abbreviates(name: str, option: str) -> bool:
    """Return whether pip takes *name* for *option*: it takes what only one option begins with."""
    return option.startswith(name) and len(name) > len("--ex")


def _is_option(name: str) -> bool:
    known = any(option.startswith(name) for option in (*_WITH_VALUE, *_OTHER))
    return known or name[:2] in {*_SHORT, "-f"}


def _path(body: str) -> str | None:
    name, at, url = body.partition("@")
    reference = url if at and _NAME.fullmatch(name) else body
    reference = reference.split(" ;")[0].strip()
    if reference.startswith("file:"):
        path = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", reference))
        return path.split("#")[0]
    if _REMOTE.match(reference):
        return None
    bare = reference.split("#")[0]
    if bare.endswith("]"):
        bare = bare.rpartition("[")[0]
    if bare.startswith((".", "/")) or ("/" in bare and "@" not in bare and ";" not in bare):
        return bare
    return bare if bare.endswith(_ARCHIVES) else None
