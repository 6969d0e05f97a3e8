"""One trigger: what gcloud or the service refuses, and what they accept and is not meant.

The sources are the API's own texts. Its patterns and globs are in `filter_rules`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.errors import Finding
from triggers.cloudbuild.build_config import EVENT_SOURCES
from triggers.cloudbuild.build_rules import encrypted_values
from triggers.cloudbuild.substitutions import (
    ACCOUNT,
    LONGEST_KEY,
    LONGEST_VALUE,
    MOST_SUBSTITUTIONS,
    PULL_REQUEST,
    SUBSTITUTION_KEY,
)
from triggers.manifest.manifest import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.host.documents import Path
    from triggers.cloudbuild.build_config import Events
    from triggers.rules.sources import TriggerSource

_NAME = re.compile("[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_RESOURCES = {
    ("repositoryEventConfig", "repository"): f"{CONNECTION}/repositories/[^/]+",
    ("developerConnectEventConfig", "gitRepositoryLink"): (
        f"{CONNECTION}/gitRepositoryLinks?/[^/]+"
    ),
}
_REPOSITORIES = (*EVENT_SOURCES, "triggerTemplate")
_STARTERS = (*_REPOSITORIES, "pubsubConfig", "webhookConfig")
_BUILDS = ("filename", "build", "gitFileSource", "autodetect")
_EVENT_TYPES = {"PUBSUB": "pubsubConfig", "WEBHOOK": "webhookConfig", "MANUAL": "sourceToBuild"}


def name_is_legal(trigger: TriggerSource) -> Iterator[Finding]:
    """SW101: gcloud sends any name; the service takes letters, digits and dashes only."""
    name = trigger.message.name
    if name and not _NAME.fullmatch(name):
        hint = "1 to 64 letters, digits and dashes, none of the dashes at an end"
        yield Finding.at(("name",), f"the name {name!r} is not one of a trigger", hint, "SW101")


def one_starter(trigger: TriggerSource) -> Iterator[Finding]:
    """SW102: a repository's events, or a topic, or a webhook; none of them is a manual trigger."""
    given = [field for field in _STARTERS if field in trigger.fields]
    if len(given) > 1:
        message = f"{trigger} is started by {len(given)} things: {', '.join(given)}"
        yield Finding.at((given[-1],), message, "keep one of them", "SW102")
    by_hand = trigger.message.event_type == "MANUAL"
    if (
        not given
        and not by_hand
        and not {"sourceToBuild", "gitFileSource", "cron"} & trigger.fields
    ):
        hint = "add github, repositoryEventConfig or developerConnectEventConfig"
        yield Finding.at((), f"nothing starts {trigger}", hint, "SW102")


def one_event(trigger: TriggerSource) -> Iterator[Finding]:
    """SW103: exactly one of push and pullRequest, and in a push one of branch and tag."""
    for field, events in trigger.message.repositories.items():
        given = [name for name in ("push", "pullRequest") if _is_given(trigger, (field, name))]
        if len(given) != 1:
            count = "both push and pullRequest" if given else "neither push nor pullRequest"
            yield Finding.at((field,), f"{trigger} has {count}", "give exactly one", "SW103")
        yield from _references(trigger, field, events)


def _references(trigger: TriggerSource, field: str, events: Events) -> Iterator[Finding]:
    if events.push is not None:
        given = [name for name in ("branch", "tag") if getattr(events.push, name)]
        if len(given) != 1:
            count = "both branch and tag" if given else "neither branch nor tag"
            message = f"the push of {trigger} has {count}"
            yield Finding.at((field, "push"), message, "give exactly one", "SW103")
    if events.pull_request is not None and not events.pull_request.branch:
        message = f"the pullRequest of {trigger} has no branch"
        hint = "give the pattern of the base branch"
        yield Finding.at((field, "pullRequest"), message, hint, "SW103")


def _is_given(trigger: TriggerSource, path: Path) -> bool:
    """Return whether something was written at *path*, be it of the wrong type."""
    value = trigger.document.data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value is not None


def one_build(trigger: TriggerSource) -> Iterator[Finding]:
    """SW104: exactly one of filename, build, gitFileSource and autodetect."""
    given = [field for field in _BUILDS if field in trigger.fields]
    if len(given) > 1:
        message = f"{trigger} has {len(given)} builds: {', '.join(given)}"
        yield Finding.at((given[-1],), message, "keep one of them", "SW104")
    elif not given:
        yield Finding.at((), f"{trigger} has no build", "name its build config: filename", "SW104")


def account_is_a_resource(trigger: TriggerSource) -> Iterator[Finding]:
    """SW105: the service refuses a bare address."""
    account = trigger.message.service_account
    if account and not ACCOUNT.fullmatch(account):
        message = f"the service account {account!r} is not a full resource name"
        hint = "write projects/PROJECT/serviceAccounts/ADDRESS"
        yield Finding.at(("serviceAccount",), message, hint, "SW105")


def repository_is_a_resource(trigger: TriggerSource) -> Iterator[Finding]:
    """SW106: a connected repository is named in full; one of GitHub by owner and name."""
    for (field, key), form in _RESOURCES.items():
        event = trigger.document.data.get(field)
        value = event.get(key) if isinstance(event, dict) else None
        if isinstance(event, dict) and not re.fullmatch(form, str(value or "")):
            kind = "gitRepositoryLinks" if key == "gitRepositoryLink" else "repositories"
            hint = f"write projects/P/locations/L/connections/C/{kind}/R"
            message = f"{field}.{key} is {value!r}"
            yield Finding.at((field, key), message, hint, "SW106")
    github = trigger.message.github
    for key in ("owner", "name") if github else ():
        if not getattr(github, key):
            yield Finding.at(("github",), f"github has no {key}", f"add {key}", "SW106")


def substitutions_can_be_set(trigger: TriggerSource) -> Iterator[Finding]:
    """SW109: the import sends any key; the service takes the user's own only."""
    given = trigger.message.substitutions
    if len(given) > MOST_SUBSTITUTIONS:
        message = f"{len(given)} substitutions are more than {MOST_SUBSTITUTIONS}"
        yield Finding.at(("substitutions",), message, "", "SW109")
    for key, value in given.items():
        path: Path = ("substitutions", key)
        if not SUBSTITUTION_KEY.fullmatch(key):
            message = f"substitution key {key!r} does not respect format ^_[A-Z0-9_]+$"
            meant = "_" + re.sub("[^A-Z0-9]+", "_", key.upper()).strip("_")
            yield Finding.at(path, message, f"did you mean {meant!r}?", "SW109")
        elif key in PULL_REQUEST:
            message = f"{key} is set by Cloud Build itself"
            yield Finding.at(path, message, "give it another name", "SW109")
        if len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
            limits = f"{LONGEST_KEY} characters, its value {LONGEST_VALUE}"
            yield Finding.at(path, f"a substitution's key has at most {limits}", "", "SW109")


def logs_are_sent_to_github(trigger: TriggerSource) -> Iterator[Finding]:
    """SW110: the service answers INVALID_ARGUMENT for a repository elsewhere."""
    if "includeBuildLogs" not in trigger.fields:
        return
    if not {"github", "repositoryEventConfig", "developerConnectEventConfig"} & trigger.fields:
        message = f"{trigger} sends build logs to GitHub, and has no repository there"
        yield Finding.at(("includeBuildLogs",), message, "remove it", "SW110")


def fields_go_together(trigger: TriggerSource) -> Iterator[Finding]:
    """SW111: what only triggers with a repository have, and what only those without have."""
    given = [field for field in _REPOSITORIES if field in trigger.fields]
    without = ("sourceToBuild", "filter") if given else ()
    for field in (field for field in without if field in trigger.fields):
        message = f"{field} is for triggers that no repository starts; {trigger} has {given[0]}"
        yield Finding.at((field,), message, "remove it", "SW111")
    event = trigger.message.event_type or ""
    if event in _EVENT_TYPES and given:
        message = f"eventType {event} does not go with {given[0]}"
        yield Finding.at(("eventType",), message, "leave it to the service", "SW111")
    if event == "REPO" and not given:
        message = "eventType REPO does not go without a repository"
        yield Finding.at(("eventType",), message, "leave it to the service", "SW111")
    starter = next((f for f in ("pubsubConfig", "webhookConfig") if f in trigger.fields), None)
    if starter and "filename" in trigger.fields:
        message = f"filename is for triggers that a repository starts; {trigger} has {starter}"
        yield Finding.at(("filename",), message, "name it in gitFileSource", "SW111")


def comments_are_controlled(trigger: TriggerSource) -> Iterator[Finding]:
    """SW202: without it, every pull request runs at once, as the trigger's account."""
    for field, events in trigger.message.repositories.items():
        path: Path = (field, "pullRequest")
        if events.pull_request and "commentControl" not in trigger.document.data[field][path[1]]:
            message = f"{trigger} runs every pull request at once: it has no commentControl"
            hint = "commentControl: COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
            yield Finding.at(path, message, hint, "SW202")


def an_account_is_named(trigger: TriggerSource) -> Iterator[Finding]:
    """SW204: the default account differs by the age of a project, and new ones demand it."""
    if "serviceAccount" not in trigger.fields:
        message = f"{trigger} names no service account"
        hint = "serviceAccount: projects/PROJECT/serviceAccounts/ADDRESS"
        yield Finding.at((), message, hint, "SW204")


def it_has_a_name(trigger: TriggerSource) -> Iterator[Finding]:
    """SW207, SW208: the import goes by the id, then by the name, and otherwise creates."""
    if "id" in trigger.fields:
        message = f"{trigger} has an id: the import fails where no such trigger exists"
        yield Finding.at(("id",), message, "remove it; the name finds the trigger", "SW208")
    elif "name" not in trigger.fields:
        message = "the trigger has no name: every import creates another one"
        yield Finding.at((), message, "give it a name", "SW207")


def variables_keep_their_names(trigger: TriggerSource) -> Iterator[Finding]:
    """SW212: the import converts every key from snake_case, those of these two maps, too."""
    if trigger.inline is None or trigger.rendered:
        return
    for path, values in encrypted_values(trigger.inline.build):
        for name in (name for name in values if "_" in name):
            message = f"gcloud's import makes another name of {name!r}, without underscores"
            hint = "use availableSecrets.secretManager, or a build config of its own"
            yield Finding.at(("build", *path, name), message, hint, "SW212")


def the_config_is_a_file(trigger: TriggerSource) -> Iterator[Finding]:
    """SW213: with a repository, the service keeps it otherwise, and every comparison differs."""
    repository = next(iter(trigger.message.repositories), None)
    if repository and "gitFileSource" in trigger.fields:
        message = f"gitFileSource of {trigger}, which {repository} starts, never stays as written"
        yield Finding.at(("gitFileSource",), message, "name the build config as filename", "SW213")


RULES = (
    name_is_legal, one_starter, one_event, one_build, account_is_a_resource,
    repository_is_a_resource, substitutions_can_be_set, logs_are_sent_to_github,
    fields_go_together, comments_are_controlled, an_account_is_named, it_has_a_name,
    variables_keep_their_names, the_config_is_a_file,
)  # fmt: skip
