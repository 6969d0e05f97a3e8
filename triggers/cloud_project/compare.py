"""What is wanted beside what is there: a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from triggers.cloud_project.commands import enable_account, set_upstreams
from triggers.cloud_project.resources import (
    Api,
    Binding,
    CleanupPolicies,
    Project,
    Repository,
    Resource,
    ServiceAccount,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triggers.cloud_project.live import Live
    from triggers.cloud_project.resources import Need


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a setup still takes, in the order of creation, and what is there as it has to be.

    *wrong* is there, and not as it has to be. *extra* are roles of our accounts that they do not
    take; *foreign* are other members with roles on repositories and accounts of the setup.
    """

    missing: tuple[Need, ...]
    there: tuple[Need, ...]
    wrong: tuple[Problem, ...]
    extra: tuple[Binding, ...]
    foreign: tuple[Binding, ...]


def compare(needs: Sequence[Need], live: Live) -> Comparison:
    """Return what is to be done, and what is not as it should be."""
    missing = [need for need in needs if not _is_there(need.resource, live)]
    wrong = [(need, problem) for need in needs for problem in _wrong(need.resource, live)]
    not_there = [*missing, *(need for need, _ in wrong)]
    extra, foreign = _not_wanted(needs, live)
    return Comparison(
        missing=tuple(missing),
        there=tuple(need for need in needs if need not in not_there),
        wrong=tuple(problem for _, problem in wrong),
        extra=extra,
        foreign=foreign,
    )


def _is_there(resource: Resource, live: Live) -> bool:
    match resource:
        case Api():
            return resource in live.apis
        case Repository():
            return resource.place in live.repositories
        case CleanupPolicies():
            found = live.repositories.get(resource.place)
            if found is None or found.cleanup_dry_run:
                return False
            return found.cleanup == resource.policies
        case ServiceAccount():
            return resource.email in live.accounts
        case Binding():
            return _key(resource) in {_key(binding) for binding in live.bindings}


def _wrong(resource: Resource, live: Live) -> Iterator[Problem]:
    match resource:
        case Repository():
            yield from _wrong_repository(resource, live)
        case ServiceAccount() if live.accounts.get(resource.email):
            yield Problem(f"There is {resource}, and it is disabled", enable_account(resource).line)


def _wrong_repository(wanted: Repository, live: Live) -> Iterator[Problem]:
    found = live.repositories.get(wanted.place)
    if found is None:
        return
    if (found.format, found.mode) != (wanted.format, wanted.mode):
        yield Problem(
            f"There is {wanted.place}, and it is {found.format}, {found.mode},"
            f" not {wanted.format}, {wanted.mode}",
            "name another one in the manifest: a repository's kind cannot be changed",
        )
        return
    if wanted.mode != "virtual":
        return
    given = dict(found.priorities)
    private, public = (given.pop(upstream.resource, None) for upstream in wanted.upstreams)
    if private is None or public is None or private <= max([public, *given.values()]):
        yield Problem(
            f"There is {wanted.place}, and it does not have your own packages first and the public"
            f" ones behind: {dict(found.priorities)}",
            f"give it these upstreams, and no others: {set_upstreams(wanted).line}",
        )


def _not_wanted(
    needs: Sequence[Need], live: Live
) -> tuple[tuple[Binding, ...], tuple[Binding, ...]]:
    """Return the grants to our accounts that nobody wants, and those to others.

    Who else may do what in the whole project is not of our concern.
    """
    resources = [need.resource for need in needs]
    ours = {it.member.lower() for it in resources if isinstance(it, ServiceAccount)}
    wanted = {_key(it) for it in resources if isinstance(it, Binding)}
    others = sorted(
        (it for it in live.bindings | live.conditional if _key(it) not in wanted), key=str
    )
    extra = tuple(it for it in others if it.member.lower() in ours)
    foreign = tuple(
        it
        for it in others
        if it not in extra
        and not isinstance(it.scope, Project)
        and not it.member.startswith("deleted:")
    )
    return extra, foreign


def _key(binding: Binding) -> tuple[object, str, str]:
    """Return what a grant is compared by: an address is the same in capitals."""
    return binding.scope, binding.member.lower(), binding.role
