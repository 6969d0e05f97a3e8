"""What a trigger waits for: which event, which branch or tag, which files.

Read from a trigger's message, rendered or live, of every kind of repository that the API knows.

Cloud Build searches: `main` is found in `not-the-main-branch`, too. Python has no RE2; its syntax
and that of `re` have a large part in common, in which both find the same. Of anything else
`ref_matches` says that it cannot tell. Files are named by globs, which can be written here, too.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from steps.host.errors import Problem
from steps.project.globs import BadGlobError, LiteralText, parse_glob
from triggers.cloudbuild.build_config import BuildTrigger, Events, PullRequestFilter, PushFilter
from triggers.cloudbuild.messages import camel_case, read_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from steps.project.globs import Glob

EventKind = Literal["push", "pull-request"]

# The names of the triggers that a build which publishes starts, with spaces between them.
DOWNSTREAM_KEY = "_THEN_DEPLOY"

# Look-around and back-references; behind an escaped backslash they are what they seem.
NOT_OF_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!>]|<[=!])|\\[1-9]|\(\?P=)")

_SHARED = re.compile(
    r"""
    (?:\(\?[is]\))?                                          # ignore case, or let . be anything
    (?: (?: [^\\\[\](){}*+?|^$.] | [.^$|)]
          | \( (?:\?:|\?P<[A-Za-z_][A-Za-z0-9_]*>)? (?!\?)
          | \\ (?:[dDsSwWbBA] | [!-/:-@\[-`{-~])
          | \[ \^?+ \]?+ (?:(?!--|&&|~~|\|\|)[^\\\[\]] | \\(?:[dDsSwW]|[!-/:-@\[-`{-~]))* \]
        )
        (?: (?:[*+?] | \{[0-9]{1,3}(?:,[0-9]{0,3})?\}) \?? (?![*+?{]) )?
    )*
    """,
    re.VERBOSE,
)

# Python and RE2 disagree on more than this; these are refused by both.
_FAULTS = (
    "missing ), unterminated subpattern", "nothing to repeat", "unbalanced parenthesis",
    "unterminated character set",
)  # fmt: skip
_ONE_BRANCH = re.compile(r"\^((?:[A-Za-z0-9_/-]|\\\.)+)\$")
_BEGINNINGS = ("^", r"\A", ".*", ".+")
_ENDS = ("$", r"\z", ".*", ".+")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\\\]])*\]|.", re.DOTALL)
# No way to take these literally is documented for all of Cloud Build's readers.
_SPECIAL = frozenset("*?[]{}\\,$")
# Separates paths; no path holds it.
_BETWEEN = "\0"


@dataclass(frozen=True, kw_only=True)
class TriggerConditions:
    """A trigger's conditions; *event* is None for one that no push or pull request starts.

    *pattern* is for the *ref*, or with *inverted* against it. *starts* are the triggers that its
    build starts at its end.
    """

    name: str
    event: EventKind | None
    ref: Literal["branch", "tag"] = "branch"
    pattern: str = ""
    inverted: bool = False
    comment_control: str = ""
    needs_approval: bool = False
    disabled: bool = False
    included: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return what it waits for as people say it."""
        if self.event is None:
            return "neither a push nor a pull request"
        what = "a pull request to a branch" if self.event == "pull-request" else "a push of a tag"
        if self.event == "push" and self.ref == "branch":
            what = "a push to a branch"
        verb = "does not match" if self.inverted else "matches"
        return f"{what} that {verb} {self.pattern!r}{self._permission()}"

    def _permission(self) -> str:
        """Return what a person has to do before the build starts."""
        comment = {
            "COMMENTS_ENABLED": ", after a comment /gcbrun",
            "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY": ", from outside after a comment"
            " /gcbrun",
        }.get(self.comment_control, "")
        return comment + (", after an approval" if self.needs_approval else "")


def read_conditions(message: Mapping[str, Any]) -> TriggerConditions:
    """Return what the trigger of *message* waits for; what is of a wrong type counts as missing."""
    message = camel_case(message)
    trigger = read_message(BuildTrigger, message).message
    events = next(iter(trigger.repositories.values()), Events())
    condition: PushFilter | PullRequestFilter | None = events.push or events.pull_request
    if template := trigger.trigger_template:
        condition = PushFilter(
            branch=template.branch_name, tag=template.tag_name, invert_regex=template.invert_regex
        )
    tag = condition.tag if isinstance(condition, PushFilter) else ""
    control = condition.comment_control if isinstance(condition, PullRequestFilter) else ""
    kind: EventKind = "push" if isinstance(condition, PushFilter) else "pull-request"
    return TriggerConditions(
        name=trigger.name or "(without a name)",
        event=kind if condition else None,
        ref="tag" if tag else "branch",
        pattern=tag or (condition.branch if condition else ""),
        inverted=condition.invert_regex if condition else False,
        comment_control=control,
        needs_approval=trigger.approval_config.approval_required,
        disabled=trigger.disabled,
        included=_texts(message.get("includedFiles")),
        ignored=_texts(message.get("ignoredFiles")),
        starts=triggers_started(trigger.substitutions),
    )


def triggers_started(substitutions: Mapping[str, str]) -> tuple[str, ...]:
    """Return the triggers that a build with *substitutions* starts at its end.

    Each may be followed by a colon and the packages that it needs.
    """
    entries = substitutions.get(DOWNSTREAM_KEY, "").split()
    return tuple(entry.partition(":")[0] for entry in entries)


def branch_in(pattern: str) -> str:
    """Return the one branch that *pattern* spells out, such as `^main$`; nothing for another."""
    found = _ONE_BRANCH.fullmatch(pattern)
    return found[1].replace("\\", "") if found else ""


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or a lone one, which gcloud takes for a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values if isinstance(text, str))


def ref_matches(pattern: str, name: str) -> bool | None:
    """Return whether *pattern* is found in *name*, as short as `main` or `v1.0`.

    None means that Python cannot tell: RE2 reads the pattern otherwise, or refuses it.
    """
    if not _SHARED.fullmatch(pattern):
        return None
    try:
        return re.search(pattern, name, re.ASCII) is not None
    except (re.error, RecursionError, OverflowError):
        return None


@cache  # most triggers have the same few patterns
def syntax_fault(pattern: str) -> str:
    """Return why RE2 refuses *pattern*, empty if it may take it."""
    if NOT_OF_RE2.search(pattern):
        return "it has neither look-around nor back-references"
    if r"\Q" in pattern:
        return ""
    try:
        re.compile(pattern)
    except re.error as error:
        return error.msg if error.msg in _FAULTS else ""
    except (RecursionError, OverflowError):
        return "it nests or repeats too much"
    return ""


@cache
def is_anchored(pattern: str) -> bool:
    """Return whether *pattern* says what whole names look like, in each of its alternatives."""
    body = pattern.removeprefix(_flags(pattern))
    alternatives = _alternatives(body)
    if len(alternatives) > 1:
        return all(map(is_anchored, alternatives))
    if (inner := _group(body)) is not None:
        return is_anchored(inner)
    return body.startswith(_BEGINNINGS) and body.endswith(_ENDS) and not _ends_escaped(body)


def anchored(pattern: str) -> str:
    """Return *pattern* with its anchors around all of its alternatives, and nowhere else."""
    flags = _flags(pattern)
    bare = [_bare(each) for each in _alternatives(pattern.removeprefix(flags))]
    body = f"(?:{'|'.join(bare)})" if len(bare) > 1 else bare[0]
    return f"{flags}^{body}$"


def _bare(alternative: str) -> str:
    """Return *alternative* without an anchor at either end."""
    tokens = _TOKEN.findall(alternative)
    if tokens[:1] in (["^"], [r"\A"]):
        del tokens[0]
    if tokens[-1:] in (["$"], [r"\z"]):
        del tokens[-1]
    return "".join(tokens)


def _flags(pattern: str) -> str:
    found = re.match(r"\(\?[a-z]+\)", pattern)
    return found[0] if found else ""


def _ends_escaped(body: str) -> bool:
    if body.endswith(r"\z"):
        return False
    end = body[:-1] if body.endswith("$") else body[:-2]
    return (len(end) - len(end.rstrip("\\"))) % 2 == 1


def _alternatives(pattern: str) -> list[str]:
    """Return the parts of *pattern* between the `|` outside of all groups and classes."""
    parts, start = [], 0
    for place, depth in _depths(pattern):
        if pattern[place] == "|" and depth == 0:
            parts.append(pattern[start:place])
            start = place + 1
    return [*parts, pattern[start:]]


def _group(pattern: str) -> str | None:
    """Return what is in the group that *pattern* is as a whole, None when it is none."""
    opening = re.match(r"\((?:\?:|\?P<\w+>)?(?!\?)", pattern)
    ends = [place for place, depth in _depths(pattern) if pattern[place] == ")" and depth == 0]
    if not opening or ends != [len(pattern) - 1]:
        return None
    return pattern[opening.end() : -1]


def _depths(pattern: str) -> list[tuple[int, int]]:
    """Return where characters and whole classes begin, with how many groups are open there."""
    places, depth = [], 0
    for token in _TOKEN.finditer(pattern):
        depth -= token.group() == ")"
        places.append((token.start(), depth))
        depth += token.group() == "("
    return places


class FileIndex:
    """Paths of files, and which of them match a glob; each glob is asked once."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = frozenset(paths)
        self.paths = sorted(self.files)
        self._joined = _BETWEEN.join(self.paths)
        self._starts = [0, *accumulate(len(path) + 1 for path in self.paths)]
        self._globs: dict[str, Glob] = {}
        self._found: dict[str, frozenset[str]] = {}

    def matching(self, text: str) -> frozenset[str]:
        """Return the paths that match the glob *text*.

        Raises BadGlobError, which quotes it.
        """
        if text not in self._found:
            try:
                glob = self._globs[text] = parse_glob(text)
            except BadGlobError as error:
                raise BadGlobError(f"the glob {text!r} is malformed: {error}") from None
            near = {path for literal in glob.literals for path in self._near(literal)}
            is_folder = glob.literals == (LiteralText(text.removesuffix("**"), leads=True),)
            # Every path in a folder matches; most globs are such.
            whole = is_folder and text.endswith("/**")
            self._found[text] = frozenset(near if whole else filter(glob.matches, near))
        return self._found[text]

    def undocumented(self) -> list[str]:
        """Return what no document says about the globs that were asked for."""
        return [
            f"The glob {glob.text!r}: {glob.undocumented}; Google does not document it"
            for glob in self._globs.values()
            if glob.undocumented
        ]

    def _near(self, literal: LiteralText) -> Iterator[str]:
        """Yield the paths that have *literal* where it has to be."""
        if literal.leads:
            # No path goes on with the last of all characters.
            end = bisect_left(self.paths, literal.text + chr(sys.maxunicode))
            yield from self.paths[bisect_left(self.paths, literal.text) : end]
            return
        place = self._joined.find(literal.text)
        while place >= 0:
            index = bisect_right(self._starts, place) - 1
            yield self.paths[index]
            place = self._joined.find(literal.text, self._starts[index + 1])


def glob_in(directory: str, glob: str) -> str:
    """Return from the root what *glob* is from *directory*."""
    return glob if directory == "." else f"{directory}/{glob}"


def below(directory: str) -> str:
    """Return the glob of everything in *directory*: `dir/*` would miss its subdirectories."""
    return glob_in(directory, "**")


def without_covered(directories: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return globs for *directories* and *files*, none of which another one includes."""
    folders = dict.fromkeys(directories)
    outer = [folder for folder in folders if folders.keys().isdisjoint(above(folder))]
    single = [path for path in dict.fromkeys(files) if folders.keys().isdisjoint(above(path))]
    return [*map(below, outer), *single]


def above(path: str) -> Iterator[str]:
    """Yield the directories that *path* is in, the innermost first."""
    if path == ".":
        return
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield "."


def unwritable(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem per path that a glob cannot name."""
    for path in dict.fromkeys(paths):
        if special := sorted(_SPECIAL & set(path)):
            yield Problem(
                f"The path {path!r} cannot be a glob: it has {' '.join(special)}",
                "rename the directory, or exclude it in the manifest",
            )
