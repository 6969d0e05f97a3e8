"""Who is who: the service accounts that triggers and functions run as, from the manifest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from triggers.cloud_project.resources import ServiceAccount
from triggers.cloudbuild.conditions import FOLLOWERS_KEY
from triggers.discovery.functions import resolve_function
from triggers.manifest.settings import KINDS, Kind, resolve, service_account_resource
from triggers.rendering.inline import build_config_paths
from triggers.rendering.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triggers.discovery.functions import FunctionSettings
    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest

_ACCOUNT_NAME = re.compile("[a-z](?:[a-z0-9-]{4,28}[a-z0-9])")
_ADDRESS = re.compile(r"[^@]+@(?P<domain>.+)\.iam\.gserviceaccount\.com")


@dataclass(frozen=True, kw_only=True)
class Users:
    """The service accounts: of triggers by kind, and those that functions name.

    *callers* call functions on events. *publish_then_deploy* says that builds which publish start
    triggers that deploy, *approval* that some builds wait for somebody.
    """

    functions: tuple[FunctionSettings, ...]
    triggers: dict[Kind, tuple[ServiceAccount, ...]]
    runtime: tuple[ServiceAccount, ...]
    builds: tuple[ServiceAccount, ...]
    callers: tuple[ServiceAccount, ...]
    publish_then_deploy: bool = False
    approval: bool = False
    build_configs: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[ServiceAccount, ...]:
        """Return who the triggers of *kind* run as."""
        return self.triggers.get(kind, ())

    @property
    def of_triggers(self) -> tuple[ServiceAccount, ...]:
        """Who triggers run as, of each kind."""
        return tuple(each for kind in KINDS for each in self.of(kind))

    @property
    def of_functions(self) -> tuple[ServiceAccount, ...]:
        """Whom functions are handed over to, for each purpose."""
        return (*self.runtime, *self.builds, *self.callers)


def find_users(manifest: Manifest, inventory: Inventory) -> Users:
    """Return who is who; in an empty repository, who would be for a package.

    Raises InputError for what triggers cannot be rendered from.
    """
    triggers = render(manifest, inventory).triggers if inventory.targets else ()
    named = {kind: [it.service_account for it in triggers if it.kind == kind] for kind in KINDS}
    if not inventory.targets:
        named = {kind: [resolve(manifest, ".", kind).service_account] for kind in KINDS[:2]}
    deployed = [trigger.target for trigger in triggers if trigger.kind == "deploy"]
    functions = [resolve_function(manifest, path) for path in deployed]
    called = [function for function in functions if not function.trigger.http]
    return Users(
        functions=tuple(functions),
        triggers={kind: _unique(resources, manifest) for kind, resources in named.items()},
        runtime=_unique((it.given.service_account for it in functions), manifest),
        builds=_unique((it.given.build_service_account for it in functions), manifest),
        callers=_unique(
            (it.trigger.service_account or it.given.service_account for it in called), manifest
        ),
        publish_then_deploy=any(FOLLOWERS_KEY in trigger.substitutions for trigger in triggers),
        approval=any(trigger.approval_required for trigger in triggers),
        build_configs=tuple(build_config_paths(triggers)),
    )


def is_ours(account: ServiceAccount, manifest: Manifest) -> bool:
    """Return whether *account* is one that people create, in the manifest's project."""
    return account.project == manifest.project and bool(_ADDRESS.fullmatch(account.email))


def nameless(users: Users) -> Iterator[Problem]:
    """Yield a problem per function that leaves its accounts to Google Cloud."""
    for function in users.functions:
        given = function.given
        keys = {
            "serviceAccount": given.service_account,
            "buildServiceAccount": given.build_service_account,
        }
        missing = [key for key, value in keys.items() if value is None]
        if missing:
            yield Problem(
                f"The function in {function.path!r} has no {' and no '.join(missing)}: it takes an"
                " account of Google's, which may often do anything in the project, and which this"
                " gives no right to use",
                "name one in `deploy.function`, such as shipwheel-function and shipwheel-build",
            )


def bad_names(manifest: Manifest, users: Users) -> Iterator[Problem]:
    """Yield a problem per account that cannot be created, or that no policy can name."""
    for account in dict.fromkeys((*users.of_triggers, *users.of_functions)):
        if not account.email.endswith("gserviceaccount.com"):
            yield Problem(
                f"No address of a service account: {account.email!r}",
                "write its name, or NAME@PROJECT.iam.gserviceaccount.com, as policies do",
            )
        if is_ours(account, manifest) and not _ACCOUNT_NAME.fullmatch(account.name):
            yield Problem(
                f"No service account can be named {account.name!r}",
                "take 6 to 30 lower-case letters, digits and -, a letter first, no - at the end",
            )


def _unique(named: Iterable[str | None], manifest: Manifest) -> tuple[ServiceAccount, ...]:
    return tuple(dict.fromkeys(service_account(it, manifest.project) for it in named if it))


def service_account(text: str, project: str) -> ServiceAccount:
    """Return the account that *text* names in a manifest of *project*, in any of its forms."""
    _, project, _, email = service_account_resource(text, project).split("/")
    # The address says whose account it is, whatever project the resource names.
    if match := _ADDRESS.fullmatch(email):
        project = ":".join(reversed(match["domain"].split(".", 1)))
    return ServiceAccount(project, email)
