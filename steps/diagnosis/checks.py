"""What is wrong with tools, credentials, permissions and client settings on this machine.

Everything is observed first, bounded in time, and nothing is changed or uploaded; each check then
judges what was seen. No check says what a secret is.
"""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.version import Version

from steps.diagnosis.access import (
    check_clock,
    check_contact,
    check_emulator,
    check_login,
    check_mode,
    check_read,
    check_write,
)
from steps.diagnosis.clients import check_clients, check_variables
from steps.diagnosis.contact import find_access, reach
from steps.diagnosis.model import World
from steps.diagnosis.network import check_authorities, check_named_files, check_proxies
from steps.diagnosis.observation import (
    check_bundles,
    find_missing_files,
    find_settings,
    find_tools,
    list_keyring_backends,
)
from steps.diagnosis.tools import check_keyring_command, check_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.client.model import Machine
    from steps.diagnosis.model import Finding
    from steps.registry.transport import Transport

CHECKS: tuple[Callable[[World], Iterator[Finding]], ...] = (
    check_tools,
    check_keyring_command,
    check_emulator,
    check_contact,
    check_clock,
    check_login,
    check_read,
    check_write,
    check_mode,
    check_proxies,
    check_authorities,
    check_named_files,
    check_variables,
    check_clients,
)


def diagnose(
    transport: Transport, machine: Machine, *, read_only: bool = False
) -> tuple[Finding, ...]:
    """Return what every check finds; one that finds nothing wrong says so, too.

    With *read_only* it is not wrong that the account may not upload.
    """
    world = _observe(transport, machine, read_only=read_only)
    return tuple(finding for check in CHECKS for finding in check(world))


def _observe(transport: Transport, machine: Machine, *, read_only: bool) -> World:
    """Look at *machine*, and ask the registry meanwhile."""
    environ = machine.environ
    with ThreadPoolExecutor(3, thread_name_prefix="doctor") as pool:
        tools = pool.submit(find_tools, environ)
        backends = pool.submit(list_keyring_backends, environ)
        contact = reach(transport.registry, transport.certificates)
        access = pool.submit(find_access, transport, environ, contact)
        return World(
            registry=transport.registry,
            environ=environ,
            python=Version(platform.python_version().rstrip("+")),
            tools=tools.result(),
            files=find_settings(machine),
            authorities=check_bundles(environ),
            missing_files=find_missing_files(environ),
            keyring_backends=backends.result(),
            read_only=read_only,
            contact=contact,
            access=access.result(),
        )
