"""The version gate: whether a version may follow those that the registry holds (PEP 440).

A pure decision. "Greater" is the order of `packaging`: a final or post release must exceed the
highest final or post release, a pre- or dev-release must exceed everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# A guarded command: a complete clone refuses `--unshallow`.
UNSHALLOW = (
    "if git rev-parse --is-shallow-repository | grep -qx true;"
    " then git fetch --unshallow --tags; fi"
)
_SHALLOW = (
    "the clone is shallow, or has no tag; build with --unshallow, or before it run:"
    f" {UNSHALLOW}  (and make a tag such as v1.0.0 where there is none;"
    " `gcloud builds submit` leaves .git out unless a .gcloudignore keeps it)"
)
_COMMIT_OR_DATE = re.compile(r"g[0-9a-f]{4,40}|d\d{8}")
_SERIES_LENGTH = 2


class Policy(StrEnum):
    """What a new version has to exceed."""

    GREATER = "greater"
    SERIES = "series"
    UNIQUE = "unique"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which versions the gate lets through.

    *when_bumped* lets contents change under a published version: they are released with the next.
    """

    policy: Policy = Policy.GREATER
    allow_local: bool = False
    allow_epoch: bool = False
    when_bumped: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision on a candidate; each suggestion passes the gate that made it.

    *invented* says that a backend made the candidate up, so that a bump would not fix it.
    """

    allowed: bool
    reason: str
    hint: str = ""
    suggestions: tuple[Version, ...] = ()
    invented: bool = False


def decide(
    candidate: Version, versions: Collection[Version], rules: Rules, *, static: bool = False
) -> Verdict:
    """Decide whether *candidate* may be published beside *versions* under *rules*.

    A *static* one is written in the project's files: no backend can have invented it.
    """
    if not static and is_invented(candidate):
        return Verdict(
            allowed=False,
            reason=f"{candidate} is what a build backend invents when it sees no tag",
            hint=_SHALLOW,
            suggestions=suggest(candidate, versions, rules),
            invented=True,
        )
    reason = _refuse_reason(candidate, versions, rules)
    if not reason:
        return Verdict(allowed=True, reason=_accept_reason(candidate, versions, rules))
    suggestions = suggest(candidate, versions, rules)
    hint = bump_hint(candidate, suggestions, rules)
    return Verdict(allowed=False, reason=reason, hint=hint, suggestions=suggestions)


def suggest(candidate: Version, versions: Collection[Version], rules: Rules) -> tuple[Version, ...]:
    """Return versions that would do in place of *candidate*, which is refused, likeliest first.

    They are the next micro, minor and major release and the next pre-release; for a version that
    is refused for its local or epoch part, the version without it comes first.
    """
    found: dict[Version, None] = {}
    for version in _proposals(candidate, versions, rules):
        if not (is_invented(version) or _refuse_reason(version, versions, rules)):
            found.setdefault(version)
    return tuple(found)


def is_invented(version: Version) -> bool:
    """Return whether a backend made *version* up because it saw no tag.

    setuptools-scm, hatch-vcs and pdm-backend say 0.1.devN+gCOMMIT, versioneer 0+unknown or
    0+untagged…, poetry-dynamic-versioning and other users of dunamai 0.0.0 or 0.0.0.postN.devM.
    """
    if version.epoch or version.pre:
        return False
    if not any(version.release):
        return True
    first_guess = _padded(version) == (0, 1, 0) and version.is_devrelease
    parts = (version.local or "").split(".")
    return first_guess and any(_COMMIT_OR_DATE.fullmatch(part) for part in parts)


def is_final(version: Version) -> bool:
    """Return whether *version* is a final or a post release."""
    return not version.is_prerelease


def _refuse_reason(candidate: Version, versions: Collection[Version], rules: Rules) -> str:
    """Return the reason against *candidate*; empty when there is none."""
    if candidate.local and not rules.allow_local:
        return f"{candidate} is a local version (+{candidate.local})"
    if candidate.epoch and not rules.allow_epoch:
        return f"{candidate} has an epoch, which Artifact Registry stores but cannot serve"
    if candidate in versions:
        return f"{candidate} is already published"
    floor = must_exceed(candidate, versions, rules.policy)
    if floor is not None and candidate <= floor:
        return f"{candidate} is not greater than {floor}, {_floor_name(floor, rules.policy)}"
    return ""


def must_exceed(candidate: Version, published: Iterable[Version], policy: Policy) -> Version | None:
    """Return the highest version that *candidate* must exceed; None when there is none."""
    if policy is Policy.UNIQUE:
        return None
    series = _series(candidate)
    return max(
        (
            version
            for version in published
            if (policy is Policy.GREATER or _series(version) == series)
            and (is_final(version) or candidate.is_prerelease)
        ),
        default=None,
    )


def _floor_name(floor: Version, policy: Policy) -> str:
    kind = "release" if is_final(floor) else "version"
    where = f" of the series {_series_name(floor)}" if policy is Policy.SERIES else ""
    return f"the highest published {kind}{where}"


def _accept_reason(candidate: Version, versions: Collection[Version], rules: Rules) -> str:
    if not versions:
        return "the first release"
    if rules.policy is Policy.UNIQUE:
        return f"{candidate} is not published yet"
    floor = must_exceed(candidate, versions, rules.policy)
    if floor is None:
        which = f"series {_series_name(candidate)}" if rules.policy is Policy.SERIES else "kind"
        return f"the first release of its {which}"
    return f"greater than {floor}"


def bump_hint(candidate: Version, suggestions: tuple[Version, ...], rules: Rules) -> str:
    """Return what to do about a version that may not be published, as a sentence."""
    if suggestions:
        hint = f"set the version to one of: {', '.join(map(str, suggestions))}"
    else:
        hint = "no version without an epoch exceeds those published; see --allow-epoch and --policy"
    if candidate.local and not rules.allow_local:
        return f"{hint}; or allow local versions with --allow-local"
    if candidate.epoch and not rules.allow_epoch:
        return f"{hint}; or allow epochs with --allow-epoch"
    if _padded(candidate) == (0, 1, 0) and candidate.is_devrelease:
        return f"{hint}; if a tag should have given it, build with --unshallow, or run: {UNSHALLOW}"
    return hint


def _proposals(
    candidate: Version, versions: Collection[Version], rules: Rules
) -> Iterator[Version]:
    """Yield what may do, likeliest first; the gate itself picks."""
    if not is_invented(candidate):
        public = Version(candidate.public)
        yield from (public, public.__replace__(epoch=0))
    start = candidate if rules.allow_epoch else candidate.__replace__(epoch=0)
    if is_invented(start):
        start = Version("0.0.0")
    series = _series(candidate)
    near = {version for version in versions if _series(version) == series}
    scope = versions if rules.policy is Policy.GREATER or not near else near
    highest = max(scope, default=start)
    base = max(filter(is_final, scope), default=highest)
    releases = [next_release(base, place, len(start.release)) for place in (2, 1, 0)]
    if base.is_prerelease:
        releases.insert(0, Version(base.base_version))
    pre = next_pre(highest)
    yield from (pre, *releases) if start.is_prerelease else (*releases, pre)


def next_release(version: Version, place: int, width: int) -> Version:
    """Return the next release at *place* (0 major, 1 minor, 2 micro), at least *width* wide."""
    release = [*_padded(version)[:place], _padded(version)[place] + 1]
    release += [0] * (width - len(release))
    return _version(version.epoch, release)


def next_pre(version: Version) -> Version:
    """Return the next pre-release of *version*'s own kind, or the first of the next micro."""
    base = [*version.release]
    if version.pre:
        letter, number = version.pre
        return _version(version.epoch, base, f"{letter}{number + 1}")
    if version.dev is not None and version.post is None:
        return _version(version.epoch, base, f".dev{version.dev + 1}")
    return Version(f"{next_release(version, 2, 3)}rc1")


def _version(epoch: int, release: list[int], tail: str = "") -> Version:
    return Version(f"{epoch}!{'.'.join(map(str, release))}{tail}")


def _padded(version: Version) -> tuple[int, ...]:
    """Return the release without trailing zeros but for the first three places."""
    release = [*version.release, 0, 0, 0]
    while len(release) > 3 and release[-1] == 0:  # noqa: PLR2004 - major, minor, micro
        release.pop()
    return tuple(release)


def _series(version: Version) -> tuple[int, ...]:
    """Return what versions of one maintained branch share: epoch, major and minor."""
    return version.epoch, *(*version.release, 0)[:_SERIES_LENGTH]


def _series_name(version: Version) -> str:
    epoch, *release = _series(version)
    return str(_version(epoch, release))
