"""What everybody accepts in triggers, and what then goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.finding import Finding
from triggers.cloudbuild.patterns import anchored, is_anchored, syntax_fault
from triggers.rendering.rendering import TRIGGER_LIMIT
from triggers.rules.config_rules import encrypted
from triggers.rules.trigger_rules import globs, patterns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triggers.cloudbuild.documents import Path
    from triggers.rules.sources import TriggerSource


def patterns_are_anchored(trigger: TriggerSource) -> Iterator[Finding]:
    """SW201: `main` is found in `not-the-main-branch`, too."""
    for path, pattern in patterns(trigger):
        if pattern and not syntax_fault(pattern) and not is_anchored(pattern):
            message = f"the pattern {pattern!r} is found anywhere in a name"
            yield Finding.at(path, message, f"write {anchored(pattern)!r}", "SW201")


def comments_are_controlled(trigger: TriggerSource) -> Iterator[Finding]:
    """SW202: without it, anybody's pull request runs at once, as the trigger's account."""
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


def tags_have_no_slash(trigger: TriggerSource) -> Iterator[Finding]:
    """SW205: "Forward slashes cannot be used in tags", the documentation says."""
    for path, pattern in patterns(trigger):
        if path[-1] in {"tag", "tagName"} and "/" in pattern:
            message = f"the tag pattern {pattern!r} has a slash: Cloud Build takes no such tags"
            yield Finding.at(path, message, "name tags with dashes", "SW205")


def it_has_a_name(trigger: TriggerSource) -> Iterator[Finding]:
    """SW207, SW208: the import goes by the id, then by the name, and otherwise creates."""
    if "id" in trigger.fields:
        message = f"{trigger} has an id: the import fails where no such trigger exists"
        yield Finding.at(("id",), message, "take it out; the name finds the trigger", "SW208")
    elif "name" not in trigger.fields:
        message = "the trigger has no name: every import creates another one"
        yield Finding.at((), message, "give it a name", "SW207")


def globs_can_match(trigger: TriggerSource) -> Iterator[Finding]:
    """SW210: changed files are paths from the root of the repository."""
    for path, glob in globs(trigger):
        if "$" in glob:
            message = f"the glob {glob!r} has a $: no substitution is made in globs"
            yield Finding.at(path, message, "write the path itself", "SW210")
        elif can_never_match(glob):
            message = f"the glob {glob!r} matches nothing: it is no path of a file from the root"
            bare = re.sub(r"^(?:\.{0,2}/)+|^\.{0,2}\Z", "", glob)
            meant = f"{bare}**" if bare.endswith("/") or not bare else bare
            yield Finding.at(path, message, f"write {meant!r}", "SW210")


def can_never_match(glob: str) -> bool:
    """Return whether no path of a file from the root can match *glob*."""
    outside = re.match(r"\.?/|\.\./|\.?\.?\Z", glob)
    return bool(outside) or glob.endswith("/") or "$" in glob


def variables_are_not_mangled(trigger: TriggerSource) -> Iterator[Finding]:
    """SW212: the import converts every key from snake_case, those of these two maps, too."""
    if trigger.inline is None or trigger.rendered:
        return
    for path, values in encrypted(trigger.inline.build):
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


def checks_cannot_publish(
    triggers: Sequence[TriggerSource],
) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW203: a pull request decides what its build runs."""
    pushes = {
        trigger.message.service_account: trigger
        for trigger in triggers
        if trigger.message.service_account and not trigger.message.is_pull_request
    }
    for trigger in triggers:
        account = trigger.message.service_account
        if trigger.message.is_pull_request and account in pushes:
            message = f"{trigger} runs pull requests as {account!r}, as {pushes[account]} runs"
            hint = "give pull requests an account that can only read"
            yield trigger, Finding.at(("serviceAccount",), message, hint, "SW203")


def names_are_apart(triggers: Sequence[TriggerSource]) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW209, SW211: names are keys; those that differ in separators alone are soon confused."""
    seen: dict[str, TriggerSource] = {}
    for trigger in (trigger for trigger in triggers if trigger.message.name):
        name = trigger.message.name
        first = seen.setdefault(re.sub("[^A-Za-z0-9]+", "-", name), trigger)
        if first is trigger or (first.rendered and not trigger.rendered):
            continue
        where = f"{first.file}:{first.document.line(('name',))}"
        if first.message.name == name:
            message = f"the name {name!r} is taken at {where}: importing both leaves this one"
            yield trigger, Finding.at(("name",), message, "give it another", "SW211")
        else:
            message = f"the name {name!r} is {first.message.name!r} at {where} but for separators"
            yield trigger, Finding.at(("name",), message, "give it another", "SW209")


def they_fit_into_a_project(
    triggers: Sequence[TriggerSource],
) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW206: documents differ between 300 and 600; the manifest's are counted when rendered."""
    written = [trigger for trigger in triggers if not trigger.rendered]
    if len(written) > TRIGGER_LIMIT:
        message = f"{len(written)} triggers are more than the {TRIGGER_LIMIT} of a project"
        hint = "ask for more quota, or spread them over projects"
        yield written[TRIGGER_LIMIT], Finding.at((), message, hint, "SW206")


RULES = (
    patterns_are_anchored, comments_are_controlled, an_account_is_named, tags_have_no_slash,
    it_has_a_name, globs_can_match, variables_are_not_mangled, the_config_is_a_file,
)  # fmt: skip
RULES_TOGETHER = (checks_cannot_publish, names_are_apart, they_fit_into_a_project)
