"""What starts a trigger: its patterns of branches and tags, its globs, and the files they match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.errors import Finding, shorten
from steps.project.globs import BadGlobError, can_never_match, parse_glob
from triggers.cloudbuild.conditions import (
    FileIndex,
    above,
    anchored,
    is_anchored,
    read_conditions,
    ref_matches,
    syntax_fault,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from steps.host.documents import Path
    from triggers.rules.sources import Sources, TriggerSource

_REFS = re.compile(r"(\^?\(?)refs/(?:heads|tags)/")
_MARKERS = ("pyproject.toml", "setup.py", "main.py")


class Globs(FileIndex):
    """The files of a repository, and which of them match a glob."""

    def __call__(self, text: str) -> frozenset[str]:
        """Return the files that match the glob *text*, none when it is malformed."""
        return frozenset() if self.malformed(text) else self.matching(text)

    def malformed(self, text: str) -> bool:
        """Return whether *text* is malformed."""
        try:
            self.matching(text)
        except BadGlobError:
            return True
        return False

    def any_of(self, texts: Iterable[str]) -> set[str]:
        """Return the files that match one of *texts*."""
        return {path for text in texts for path in self(text)}


def patterns_are_re2(trigger: TriggerSource) -> Iterator[Finding]:
    """SW107: RE2 is the service's engine: no look-around, no back-references."""
    for path, pattern in patterns(trigger):
        if fault := syntax_fault(pattern):
            message = f"the pattern {pattern!r} is not one of RE2: {fault}"
            yield Finding.at(path, message, "patterns are regular expressions, not globs", "SW107")


def patterns_are_anchored(trigger: TriggerSource) -> Iterator[Finding]:
    """SW201: `main` is found in `not-the-main-branch`, too."""
    for path, pattern in patterns(trigger):
        if pattern and not syntax_fault(pattern) and not is_anchored(pattern):
            message = f"the pattern {pattern!r} is found anywhere in a name"
            yield Finding.at(path, message, f"write {anchored(pattern)!r}", "SW201")


def names_are_short(trigger: TriggerSource) -> Iterator[Finding]:
    """SW205, SW214: a pattern is for the short name, and "slashes cannot be used in tags"."""
    for path, pattern in patterns(trigger):
        prefix = _REFS.match(pattern)
        short = _REFS.sub(r"\1", pattern)
        hint = f"write {short!r}: the pattern is for the name after refs/heads/ or refs/tags/"
        if path[-1] in {"tag", "tagName"} and "/" in pattern:
            message = f"the tag pattern {pattern!r} has a slash: Cloud Build takes no such tags"
            hint = hint if prefix else "name tags with dashes"
            yield Finding.at(path, message, hint, "SW205")
        elif prefix:
            message = f"the pattern {pattern!r} begins with refs/, and the names of branches do not"
            yield Finding.at(path, message, hint, "SW214")


def branches_exist(
    triggers: Iterable[TriggerSource], branches: Sequence[str]
) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW606: such a trigger never starts, for example on `main` where the branch is `master`."""
    for trigger in triggers if branches else ():
        inverted = read_conditions(trigger.document.data or {}).inverted
        for path, pattern in patterns(trigger):
            if not pattern or inverted or "branch" not in str(path[-1]) or syntax_fault(pattern):
                continue
            if all(ref_matches(pattern, name) is False for name in branches):
                message = f"no branch matches the pattern {pattern!r}"
                hint = f"there is {shorten(branches, 3)}"
                yield trigger, Finding.at(path, message, hint, "SW606")


def patterns(trigger: TriggerSource) -> Iterator[tuple[Path, str]]:
    """Yield the patterns of branches and tags with their paths."""
    for field, events in trigger.message.repositories.items():
        if events.push:
            yield (field, "push", "branch"), events.push.branch
            yield (field, "push", "tag"), events.push.tag
        if events.pull_request:
            yield (field, "pullRequest", "branch"), events.pull_request.branch
    if template := trigger.message.trigger_template:
        yield ("triggerTemplate", "branchName"), template.branch_name
        yield ("triggerTemplate", "tagName"), template.tag_name


def globs_are_well_formed(trigger: TriggerSource) -> Iterator[Finding]:
    """SW108: Go's filepath.Match gives up on these."""
    for path, glob in globs(trigger):
        try:
            parse_glob(glob)
        except BadGlobError as error:
            hint = "fix it, or escape the character with a backslash"
            yield Finding.at(path, f"the glob {glob!r} is malformed: {error}", hint, "SW108")


def globs_can_match(trigger: TriggerSource) -> Iterator[Finding]:
    """SW210: changed files are paths from the root of the repository."""
    for path, glob in globs(trigger):
        if "$" in glob:
            message = f"the glob {glob!r} has a $: no substitution is made in globs"
            yield Finding.at(path, message, "write the path itself", "SW210")
        elif can_never_match(glob):
            message = f"the glob {glob!r} matches nothing: it is not a path of a file from the root"
            bare = re.sub(r"^(?:\.{0,2}/)+|^\.{0,2}\Z", "", glob)
            meant = f"{bare}**" if bare.endswith("/") or not bare else bare
            yield Finding.at(path, message, f"write {meant!r}", "SW210")


def globs(trigger: TriggerSource) -> Iterator[tuple[Path, str]]:
    """Yield the globs of included and ignored files with their paths."""
    for field, texts in (
        ("includedFiles", trigger.message.included_files),
        ("ignoredFiles", trigger.message.ignored_files),
    ):
        for i, glob in enumerate(texts):
            yield (field, i), glob


def globs_match(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW601, SW602: a directory was renamed, or never existed."""
    message = trigger.message
    for code, name, texts in (
        ("SW601", "includedFiles", message.included_files),
        ("SW602", "ignoredFiles", message.ignored_files),
    ):
        for i, text in enumerate(texts):
            if text in trigger.for_all or globs(text):
                continue
            if not can_never_match(text) and not globs.malformed(text):
                said = f"the glob {text!r} of {name} matches no file"
                inside = globs(f"{text}/**")
                hint = f"write {f'{text}/**'!r}" if inside else "name what is there, or remove it"
                yield Finding.at((name, i), said, hint, code)


def subdirectories_are_meant(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW604: `src/*` matches src/code.py, and not src/sub/code.py."""
    included = trigger.message.included_files
    for i, text in enumerate(included):
        if text.endswith("/*"):
            missed = globs(f"{text}*") - globs.any_of((*included, *trigger.message.ignored_files))
            if missed:
                message = f"the glob {text!r} leaves out {_first(missed)}"
                yield Finding.at(("includedFiles", i), message, f"write {f'{text}*'!r}", "SW604")


def something_is_left(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW605: ignored files go before included ones are looked for."""
    included = globs.any_of(trigger.message.included_files)
    if included and included <= globs.any_of(trigger.message.ignored_files):
        message = f"{trigger} never starts: it ignores everything that it includes"
        yield Finding.at(("ignoredFiles",), message, "remove one of the globs", "SW605")


def projects_are_covered(sources: Sources, globs: Globs) -> Iterator[Finding]:
    """SW603: the files of packages and functions that no trigger includes or ignores by name."""
    of_repository = (it.message for it in sources.here)
    triggers = [it for it in of_repository if it.repositories or it.trigger_template]
    if not triggers or any(not trigger.included_files for trigger in triggers):
        return
    texts = {text for each in triggers for text in (*each.included_files, *each.ignored_files)}
    projects = {*sources.projects}
    left: dict[str, list[str]] = {}
    for path in globs.files - globs.any_of(texts):
        if project := next((folder for folder in above(path) if folder in projects), None):
            left.setdefault(project, []).append(path)
    for project, inside in left.items():
        marker = next((m for m in _MARKERS if _join(project, m) in globs.files), _MARKERS[0])
        message = f"no trigger includes {_first(inside)} of {project!r}"
        yield Finding(_join(project, marker), 1, "SW603", message, "include them in one")


def _join(project: str, name: str) -> str:
    return name if project == "." else f"{project}/{name}"


def _first(paths: Iterable[str]) -> str:
    return shorten([*map(repr, sorted(paths))], 1)


RULES = (
    patterns_are_re2, patterns_are_anchored, names_are_short, globs_are_well_formed,
    globs_can_match,
)  # fmt: skip
RULES_OF_FILES = (globs_match, subdirectories_are_meant, something_is_left)
