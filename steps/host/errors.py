"""Every error that Shipwheel expects, and the exit code that each one means; and findings.

    ShipwheelError
    ├── Refused            1   a gate said no: not bumped, changed, lint findings, drift
    ├── InputError         2   usage, or a file of the user's is wrong
    ├── BuildFailed        3   the build backend failed
    ├── RegistryError      4   the registry could not be reached, or answered wrongly
    │   ├── NoRepository   4   the repository does not exist, or nothing shows that it does
    │   └── ApiUnavailable 4   Artifact Registry's API cannot be asked, and the registry may answer
    ├── ServiceError       4   the same of another service of Google Cloud
    │   ├── ApiOffError    4   its API is not enabled (steps.host.gcloud)
    │   └── NotYetError    4   what was just created is not known everywhere (steps.host.gcloud)
    └── AccessError        5   no credentials, or no permission

Anything else that is raised is a bug in Shipwheel: exit code 70, with its traceback.
An error carries all the problems of its input, so that they can be fixed in one go.
"""

from __future__ import annotations

import difflib
import errno
import logging
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_logger = logging.getLogger("shipwheel")

EXIT_BUG = 70
_NO_ROOM = "make room where the output, the project and TMPDIR are, and run it again"
_MORE_FILES = "raise the limit of open files, such as with `ulimit -n 4096`, and run it again"
# What the system says where nothing that Shipwheel does better would help, and what would.
OF_THE_MACHINE = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EROFS: _NO_ROOM,
    errno.EFBIG: "raise the limit of the size of files, such as with `ulimit -f unlimited`",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.EMFILE: _MORE_FILES,
    errno.ENFILE: _MORE_FILES,
    errno.ENOMEM: "end other programs, or take a larger machine, and run it again",
    errno.EAGAIN: "end other programs, or raise their limit (`ulimit -u`), and run it again",
}
_LONGEST_LINE, _LONGEST_NAME = 4000, 100  # characters
# Control characters, halves of characters, line separators and marks, such as those that turn
# the direction of a text.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]+@")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What CI systems take for a command of their own.
_CI_COMMAND = re.compile(r"^(\s*):(?=:)|(?<=#)#(?=\w*\[)", re.MULTILINE)
Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """What happened, with the value quoted, and the next action."""

    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the message, and the hint on a line of its own."""
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ShipwheelError(Exception):
    """Base of all expected errors; the subclass decides the exit code."""

    exit_code: ClassVar[int]

    def __init__(
        self, message: str | Problem, hint: str = "", *, more: Iterable[Problem] = ()
    ) -> None:
        first = message if isinstance(message, Problem) else Problem(message, hint)
        self.problems: tuple[Problem, ...] = (first, *more)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def raise_all(cls, problems: Iterable[Problem]) -> None:
        """Raise one error that holds all *problems*; do nothing when there are none."""
        found = tuple(problems)
        if found:
            raise cls(found[0], more=found[1:])


class Refused(ShipwheelError):  # noqa: N818 - what a gate's answer is called
    """A gate refused."""

    exit_code = 1


class InputError(ShipwheelError):
    """The command line, or a file of the user's, is wrong."""

    exit_code = 2


class BuildFailed(ShipwheelError):  # noqa: N818 - reads as the sentence it reports
    """The build backend failed, is missing, or could not be installed."""

    exit_code = 3


class RegistryError(ShipwheelError):
    """The registry could not be reached, or answered wrongly, after the retries."""

    exit_code = 4


class NoRepository(RegistryError):  # noqa: N818 - says what is missing
    """The repository does not exist, or nothing shows that it does."""


class ApiUnavailable(RegistryError):  # noqa: N818 - says what is the matter
    """Artifact Registry's API cannot be asked from here, or with these credentials."""


class ServiceError(ShipwheelError):
    """Cloud Build, or another service of Google Cloud, could not be reached or refused."""

    exit_code = 4


class AccessError(ShipwheelError):
    """No credentials, or no permission."""

    exit_code = 5


@dataclass(frozen=True, order=True)
class Finding:
    """A finding; sorted as a reader goes through the files. *line* 0 is the file as a whole.

    A rule that judges a document knows the *path* of a value in it, and not yet file and line.
    """

    file: str
    line: int
    code: str
    message: str
    hint: str = ""
    path: tuple[str | int, ...] = ()

    @classmethod
    def at(
        cls, path: tuple[str | int, ...], message: str, hint: str = "", code: str = ""
    ) -> Finding:
        """Return a finding about the value at *path*, in a file that is not known yet."""
        return cls("", 0, code, message, hint, path)

    def located(self, file: str, line: int) -> Finding:
        """Return the finding with its place in a file, in the place of its path."""
        return replace(self, file=file, line=line, path=())


@dataclass(frozen=True)
class Code:
    """What a finding of this code says, and whether it refuses; it never changes its meaning."""

    level: Level
    meaning: str


def warn(*findings: object) -> None:
    """Log each of *findings* as a warning."""
    for finding in findings:
        _logger.warning("warning: %s", finding)


def code_table(codes: Mapping[str, Code]) -> str:
    """Return *codes* as a Markdown table."""
    rows = [f"| {code} | {each.level} | {each.meaning} |" for code, each in codes.items()]
    return "\n".join(["| code | level | finding |", "| --- | --- | --- |", *rows])


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint with the one of *known* that is nearest to *name*, or else *otherwise*."""
    near = difflib.get_close_matches(name, [*known], n=1, cutoff=0.75)
    return f"did you mean {near[0]!r}?" if near else otherwise


def shorten(names: Sequence[str], most: int) -> str:
    """Return the first of *names* with commas, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: float, noun: str, plural: str = "") -> str:
    """Return how many there are: "1 file", "2 files"; *plural* is for a noun without -s."""
    return f"{str(number).removesuffix('.0')} {noun if number == 1 else plural or f'{noun}s'}"


def readable_size(size: int | None) -> str:
    """Return a number of bytes as a person reads it: "114 MB"; a dash for one that is not known."""
    if size is None:
        return "-"
    exponent = min((len(str(size)) - 1) // 3, 4)
    if not exponent:
        return counted(size, "byte")
    number = size / 1000**exponent
    return f"{number:.{0 if number >= 10 else 1}f} {'kMGT'[exponent - 1]}B"  # noqa: PLR2004


def readable_time(seconds: float) -> str:
    """Return a time as a person reads it: "3.1 s", "2 min 5 s", "1 h 3 min", "2 days"."""
    if seconds < 60:  # noqa: PLR2004 - of a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004 - two days
        return f"{hours // 24} days"
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def printable(text: str) -> str:
    """Return *text*, which others wrote, as lines that are shown and nothing else.

    What a terminal or a build's log would obey is escaped, a password in a URL is masked, and a
    long line is cut.
    """
    text = _URL_PASSWORD.sub(r"\1:***@", _COLOUR.sub("", text))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = "\n".join(_cut(line, _LONGEST_LINE) for line in lines)
    return _CI_COMMAND.sub(lambda match: f"{match[1] or ''}\\x{ord(match[0][-1]):02x}", shown)


def visible(text: str, most: int = _LONGEST_NAME) -> str:
    """Return *most* characters of *text*, which others wrote, on one line that moves no cursor.

    A CI service finds no command of its own in it.
    """
    return _cut(text, most).replace("::", r":\x3a")


def quoted(text: str, most: int = _LONGEST_NAME) -> str:
    """Return what is `visible` of *text*, in quotes."""
    return f"'{visible(text, most)}'"


def _cut(text: str, most: int) -> str:
    start, more = text[:most], len(text) - most
    if not start.isprintable():
        start = "".join(map(_escaped, start))
    return f"{start}… and {more} more characters" if more > 0 else start


def _escaped(character: str) -> str:
    if character == "\t" or unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape").decode()
