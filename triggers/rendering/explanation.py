"""Which triggers a change would start, and why: Cloud Build's decision, made in advance.

A pure function over what triggers wait for, what changed, and what event is asked about. Where no
document says what the service does, the result says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steps.project.globs import BadGlobError
from triggers.cloudbuild.conditions import FileIndex, ref_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from triggers.cloudbuild.conditions import EventKind, TriggerConditions

Fires = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, kw_only=True)
class ChangedFiles:
    """What changed: *files* from the repository's root; *notes* say what is odd about it.

    *silent*, if not empty, is why a push of it starts nothing at all; *commit* is what it leads to.
    """

    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    silent: str = ""
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """The event to explain: of *kind*, on the *branch* or of the *tag*; None leaves it open.

    The branch of a pull request is the one that it is to be merged into.
    """

    kind: EventKind | None = None
    branch: str | None = None
    tag: str | None = None


@dataclass(frozen=True)
class Match:
    """The changed files, none of them ignored, that one glob includes."""

    glob: str
    files: tuple[str, ...]


_Decision = tuple[Fires, str, tuple[Match, ...]]


@dataclass(frozen=True, kw_only=True)
class TriggerVerdict:
    """Whether one trigger starts: `unknown` where no document says, or RE2 is needed.

    *then* are the triggers that its build starts, which no file decides.
    """

    name: str
    fires: Fires
    reason: str
    waits_for: str
    matches: tuple[Match, ...] = ()
    then: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All verdicts in the order of the triggers; *unclaimed* files start none of them.

    *notes* say what is odd about the change, and what no document says.
    """

    verdicts: tuple[TriggerVerdict, ...]
    unclaimed: tuple[str, ...]
    notes: tuple[str, ...]


def explain(
    conditions: Sequence[TriggerConditions], change: ChangedFiles, event: Event
) -> Explanation:
    """Return which of the triggers *change* would start when it arrives as *event*."""
    files = _Files(change.files)
    verdicts = [_verdict(trigger, change, event, files) for trigger in conditions]
    # Triggers share their matches: each is looked at once.
    fired = {id(match): match for it in verdicts if it.fires == "yes" for match in it.matches}
    claimed = {path for match in fired.values() for path in match.files}
    return Explanation(
        verdicts=tuple(verdicts),
        unclaimed=tuple(path for path in change.files if path not in claimed),
        notes=(*change.notes, *_undocumented(conditions, event), *files.index.undocumented()),
    )


@dataclass(frozen=True, kw_only=True)
class History:
    """What pushes would have started: *pushes* maps commits to the names of triggers.

    *files* says how many builds each file took part in starting. *unknown* counts the decisions
    that cannot be made here.
    """

    pushes: dict[str, tuple[str, ...]]
    triggers: dict[str, int]
    files: dict[str, int]
    unknown: int = 0


def replay(
    conditions: Sequence[TriggerConditions], pushes: Iterable[ChangedFiles], event: Event
) -> History:
    """Return what the triggers of today would have done at each of *pushes*."""
    started: dict[str, tuple[str, ...]] = {}
    triggers, files, unknown = Counter[str](), Counter[str](), 0
    for push in pushes:
        changed = _Files(push.files)
        verdicts = [_verdict(it, push, event, changed) for it in conditions]
        fired = [it for it in verdicts if it.fires == "yes"]
        started[push.commit] = tuple(it.name for it in fired)
        triggers.update(started[push.commit])
        for verdict in fired:
            files.update({path for match in verdict.matches for path in match.files})
        unknown += sum(it.fires == "unknown" for it in verdicts)
    return History(
        pushes=started,
        triggers=dict(triggers.most_common()),
        files=dict(files.most_common()),
        unknown=unknown,
    )


class _Files:
    """The changed files, and what globs match of them; each glob is asked once for all triggers."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.index = FileIndex(paths)
        self.paths = self.index.paths
        self._ignored: dict[tuple[str, ...], frozenset[str]] = {}
        self._matches: dict[tuple[str, tuple[str, ...]], Match] = {}

    def match(self, glob: str, ignored: tuple[str, ...] = ()) -> Match:
        """Return what *glob* includes, or everything for an empty one, without what is *ignored*.

        Raises BadGlobError, which quotes the glob.
        """
        if (glob, ignored) not in self._matches:
            if ignored not in self._ignored:
                self._ignored[ignored] = frozenset().union(*map(self.index.matching, ignored))
            found = self.index.matching(glob) if glob else self.index.files
            self._matches[glob, ignored] = Match(
                glob, tuple(sorted(found - self._ignored[ignored]))
            )
        return self._matches[glob, ignored]


def _verdict(
    trigger: TriggerConditions, change: ChangedFiles, event: Event, files: _Files
) -> TriggerVerdict:
    fires, reason, matches = _decision(trigger, change, event, files)
    return TriggerVerdict(
        name=trigger.name,
        fires=fires,
        reason=reason,
        waits_for=str(trigger),
        matches=matches,
        then=() if fires == "no" else trigger.starts,
    )


def _decision(
    trigger: TriggerConditions, change: ChangedFiles, event: Event, files: _Files
) -> _Decision:
    if reason := _ignores_event(trigger, change, event):
        return "no", reason, ()
    on_ref = _matches_ref(trigger, event)
    name = event.tag if trigger.ref == "tag" else event.branch
    if on_ref is False:
        return "no", f"it waits for {trigger}, and this is {name!r}", ()
    try:
        decision = _decide_by_files(trigger, files)
    except BadGlobError as error:
        return "unknown", str(error), ()
    if on_ref is None and decision[0] == "yes":
        reason = f"Python cannot tell whether RE2 finds {trigger.pattern!r} in {name!r}"
        return "unknown", reason, decision[2]
    return decision


def _ignores_event(trigger: TriggerConditions, change: ChangedFiles, event: Event) -> str:
    """Return why the trigger ignores the event, whatever changed."""
    if trigger.disabled:
        return "it is disabled"
    if trigger.event is None:
        return f"it waits for {trigger}"
    if event.kind and trigger.event != event.kind:
        return f"it waits for {trigger}"
    asked = "branch" if event.branch is not None else "tag" if event.tag is not None else None
    if asked and trigger.ref != asked:
        return f"it waits for {trigger}"
    return change.silent if trigger.event == "push" else ""


def _matches_ref(trigger: TriggerConditions, event: Event) -> bool | None:
    """Return whether the branch or tag is the right one; None where Python cannot tell."""
    name = event.tag if trigger.ref == "tag" else event.branch
    if name is None:
        return True
    found = ref_matches(trigger.pattern, name)
    return None if found is None else found is not trigger.inverted


def _decide_by_files(trigger: TriggerConditions, files: _Files) -> _Decision:
    """Decide as the API's page says: what is ignored is dropped, then something must be included.

    https://cloud.google.com/build/docs/api/reference/rest/v1/projects.triggers
    """
    left = files.match("", trigger.ignored)
    if not files.paths and trigger.included:
        return "unknown", "no file changed; Google does not document what that starts", ()
    if not left.files and trigger.ignored:
        return "no", "every changed file is ignored" if files.paths else "no file changed", ()
    if not trigger.included:
        return "yes", "it includes every file", (left,)
    matches = tuple(
        match
        for glob in dict.fromkeys(trigger.included)
        if (match := files.match(glob, trigger.ignored)).files
    )
    if matches:
        return "yes", "a changed file is included", matches
    return "no", _why_none(trigger, files), ()


def _why_none(trigger: TriggerConditions, files: _Files) -> str:
    """Return why no file is included: perhaps one would be, were it not ignored."""
    for glob in trigger.included:
        if dropped := files.match(glob).files:
            path = dropped[0]
            by = next(it for it in trigger.ignored if path in files.match(it).files)
            return f"{path!r} is included by {glob!r}, but ignored by {by!r}"
    return "no changed file is included"


def _undocumented(conditions: Iterable[TriggerConditions], event: Event) -> Iterator[str]:
    """Yield what no document says of such an event."""
    filtered = [it for it in conditions if it.included or it.ignored]
    if event.kind != "push" and any(it.event == "pull-request" for it in filtered):
        yield (
            "Google does not document which commit a pull request is compared with. One page"
            " says that only pushes have file filters; gcloud takes them for both"
        )
    asks_for_tags = event.kind != "pull-request" and event.branch is None
    if asks_for_tags and any(it.ref == "tag" for it in filtered):
        yield "Google does not document which files count as changed when a tag is pushed"
