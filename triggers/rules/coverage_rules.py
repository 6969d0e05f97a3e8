"""Globs against the files of the repository: what matches nothing, and what nothing matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.host.finding import Finding
from triggers.cloudbuild.globs import BadGlobError, FileIndex
from triggers.rules.trigger_traps import can_never_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triggers.rules.sources import Sources, TriggerSource

_MARKERS = ("pyproject.toml", "setup.py", "main.py")


class Globs(FileIndex):
    """The files of a repository, and which of them match a glob."""

    def __call__(self, text: str) -> frozenset[str]:
        """Return the files that match the glob *text*, none when it is malformed."""
        return frozenset() if self.malformed(text) else self.matching(text)

    def malformed(self, text: str) -> bool:
        """Return whether *text* is no glob at all."""
        try:
            self.matching(text)
        except BadGlobError:
            return True
        return False

    def any_of(self, texts: Iterable[str]) -> set[str]:
        """Return the files that match one of *texts*."""
        return {path for text in texts for path in self(text)}


def globs_match(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW601, SW602: a directory was renamed, or never existed."""
    message = trigger.message
    for code, name, texts in (
        ("SW601", "includedFiles", message.included_files),
        ("SW602", "ignoredFiles", message.ignored_files),
    ):
        for i, text in enumerate(texts):
            if not globs(text) and not can_never_match(text) and not globs.malformed(text):
                said = f"the glob {text!r} of {name} matches no file"
                yield Finding.at((name, i), said, "name what is there, or take it out", code)


def subdirectories_are_meant(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW604: `src/*` matches src/code.py, and not src/sub/code.py."""
    included = trigger.message.included_files
    for i, text in enumerate(included):
        if text.endswith("/*"):
            missed = globs(f"{text}*") - globs.any_of((*included, *trigger.message.ignored_files))
            if missed:
                message = f"the glob {text!r} leaves out {_some(missed)}"
                yield Finding.at(("includedFiles", i), message, f"write {f'{text}*'!r}", "SW604")


def something_is_left(trigger: TriggerSource, globs: Globs) -> Iterator[Finding]:
    """SW605: ignored files go before included ones are looked for."""
    included = globs.any_of(trigger.message.included_files)
    if included and included <= globs.any_of(trigger.message.ignored_files):
        message = f"{trigger} never starts: it ignores everything that it includes"
        yield Finding.at(("ignoredFiles",), message, "take one of the globs out", "SW605")


def projects_are_covered(sources: Sources, globs: Globs) -> Iterator[Finding]:
    """SW603: the files of packages and functions that no trigger includes or ignores by name."""
    triggers = [trigger.message for trigger in sources.here]
    if not triggers or any(not trigger.included_files for trigger in triggers):
        return
    texts = {text for each in triggers for text in (*each.included_files, *each.ignored_files)}
    left = globs.files - globs.any_of(texts)
    innermost = sorted(sources.projects, key=len, reverse=True)
    for project in innermost:
        inside = {path for path in left if project == "." or path.startswith(f"{project}/")}
        left -= inside
        if inside:
            marker = next((m for m in _MARKERS if _join(project, m) in globs.files), _MARKERS[0])
            message = f"no trigger includes {_some(inside)} of {project!r}"
            yield Finding(_join(project, marker), 1, "SW603", message, "include them in one")


def _join(project: str, name: str) -> str:
    return name if project == "." else f"{project}/{name}"


def _some(paths: Iterable[str]) -> str:
    """Return how many files there are, and the first."""
    first, *others = sorted(paths)
    return f"{first!r}" + (f" and {len(others)} more" if others else "")


RULES = (globs_match, subdirectories_are_meant, something_is_left)
