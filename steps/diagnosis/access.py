"""The registry: whether it can be reached, as whom, and what may be done there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests import codes

from steps.diagnosis.model import Finding
from steps.registry.address import EMULATOR_VARIABLE
from steps.registry.roles import WRITER, grant_command, member
from steps.registry.upstreams import REMOTE, VIRTUAL, explain, misused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.diagnosis.model import World

# Google refuses what a service-account key signed by a clock that is further off.
_MOST_SKEW = 300.0
_NOTABLE_SKEW = 30.0
_UNAUTHORISED = (codes.unauthorized, codes.forbidden)


def check_emulator(world: World) -> Iterator[Finding]:
    """Tell whether an emulator stands in the registry's place."""
    if world.registry.emulated:
        yield Finding(
            check="registry",
            status="note",
            message=f"{EMULATOR_VARIABLE} sends every address of Artifact Registry to"
            f" {world.registry}",
            fix=f"unset {EMULATOR_VARIABLE} to reach the service itself",
        )


def check_contact(world: World) -> Iterator[Finding]:
    """Tell whether the registry answers at all, and whether it answers anybody."""
    contact, registry = world.contact, world.registry
    if contact.status is None:
        yield Finding(
            check="reachability",
            status="wrong",
            message=f"{registry} cannot be reached: {contact.fault}",
            fix="check the address, the network, and the proxies and certificates below",
        )
    elif (
        contact.status < codes.bad_request
        and registry.is_artifact_registry
        and not registry.emulated
    ):
        yield Finding(
            check="reachability",
            status="note",
            message=f"{registry} answers {contact.status} to anybody, without credentials",
            fix="if it is to be private, remove allUsers from its readers",
        )
    else:
        yield Finding(
            check="reachability",
            status="ok",
            message=f"{registry} answers {contact.status} without credentials",
        )


def check_clock(world: World) -> Iterator[Finding]:
    """Compare the clocks: a token is only good for its hour, and a key signs the time."""
    skew = world.contact.skew
    if skew is None:
        yield Finding(check="clock", status="note", message="the registry does not tell its time")
        return
    side = "behind" if skew > 0 else "ahead of"
    message = f"this machine is {abs(skew):.0f} s {side} the registry"
    if abs(skew) > _NOTABLE_SKEW:
        yield Finding(
            check="clock",
            status="wrong" if abs(skew) > _MOST_SKEW else "note",
            message=message,
            fix="set the clock, such as by `timedatectl set-ntp true`",
        )
    else:
        yield Finding(check="clock", status="ok", message=message)


def check_login(world: World) -> Iterator[Finding]:
    """Tell where the credentials come from, and whose they are; never what they are."""
    access = world.access
    if access.source:
        who = f"as {access.account}" if access.account else "as an account that they do not name"
        yield Finding(check="credentials", status="ok", message=f"from {access.source}, {who}")
    elif access.failure:
        yield Finding(
            check="credentials",
            status="wrong",
            message=f"there are none: {access.failure}",
            fix="`gcloud auth application-default login`, or set TWINE_USERNAME and TWINE_PASSWORD",
        )
    else:
        needed = world.contact.status in _UNAUTHORISED
        yield Finding(
            check="credentials",
            status="wrong" if needed else "ok",
            message=f"there are none{', and the registry asks for a login' if needed else ''}",
            fix="set TWINE_USERNAME and TWINE_PASSWORD" if needed else "",
        )


def check_read(world: World) -> Iterator[Finding]:
    """Tell whether the index can be read with the credentials."""
    problem = world.access.problem
    if world.contact.status is None:
        return
    if problem:
        yield Finding(
            check="read access", status="wrong", message=problem.message, fix=problem.hint
        )
    else:
        yield Finding(
            check="read access", status="ok", message=f"{world.registry.index_url} can be read"
        )


def check_write(world: World) -> Iterator[Finding]:
    """Tell whether an upload would be allowed, as far as that can be told without one."""
    access, registry = world.access, world.registry
    if access.may_write is None:
        yield Finding(
            check="write access",
            status="note",
            message=f"it cannot be told without an upload: {access.untold}",
        )
    elif access.repository and access.repository.mode in {REMOTE, VIRTUAL}:
        yield Finding(
            check="write access",
            status="note",
            message=f"{access.repository}, which takes no uploads",
            fix="publish to a standard repository",
        )
    elif access.may_write:
        yield Finding(check="write access", status="ok", message="uploads are allowed")
    else:
        to = member(access.account) if access.account else "user:ACCOUNT"
        yield Finding(
            check="write access",
            status="note" if world.read_only else "wrong",
            message=f"{access.account or 'the account'} may not upload: {access.untold}",
            fix=f"if it is to publish, grant it {WRITER}: {grant_command(registry, WRITER, to)}"
            " (for who only installs, there is --read-only)",
        )


def check_mode(world: World) -> Iterator[Finding]:
    """Tell the mode of the repository, and where its priorities are the wrong way round."""
    repository = world.access.repository
    if repository is None:
        if world.registry.is_artifact_registry:
            yield Finding(
                check="repository mode",
                status="note",
                message="it is not known: neither Google Cloud nor gcloud told",
            )
        return
    wrong = misused(repository, alone=False, private=False)
    for message in wrong:
        yield Finding(
            check="repository mode",
            status="wrong",
            message=message,
            fix="gcloud artifacts repositories update --upstream-policy-file",
        )
    if not wrong:
        message = explain(repository) if repository.upstreams else str(repository)
        yield Finding(check="repository mode", status="ok", message=message)
