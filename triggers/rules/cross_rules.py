"""What does not fit between triggers, and between a trigger and its build config.

Many triggers share a config: what is wrong with it is said once, and names the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Finding, shorten
from triggers.cloudbuild.build_rules import LOGGING_HINT, LOGGING_RULE, has_place_for_logs
from triggers.cloudbuild.conditions import DOWNSTREAM_KEY
from triggers.cloudbuild.files import lone_value
from triggers.cloudbuild.substitutions import PULL_REQUEST, SUBSTITUTION_KEY, StartedBy, resolve
from triggers.rendering.rendering import TRIGGER_LIMIT
from triggers.rules.sources import ConfigSource, Sources, TriggerSource, locate

if TYPE_CHECKING:
    from triggers.rules.filter_rules import Globs

_Found = Iterator[tuple[TriggerSource | ConfigSource, Finding]]


def cross(sources: Sources, globs: Globs) -> list[Finding]:
    """Return what is wrong between every trigger and its build config."""
    users: dict[tuple[str, int, Finding], list[TriggerSource]] = {}
    for trigger in sources.here:
        for owner, finding in _of_trigger(trigger, sources, globs):
            line = owner.document.line(finding.path)
            users.setdefault((owner.file, line, finding), []).append(trigger)
    located = [
        Finding(
            file,
            line,
            found.code,
            f"{found.message} ({shorten([*map(str, triggers)], 1)})",
            found.hint,
        )
        for (file, line, found), triggers in users.items()
    ]
    return [*located, *_lone_values(sources), *_unused_of_manifest(sources)]


def _of_trigger(trigger: TriggerSource, sources: Sources, globs: Globs) -> _Found:
    path = trigger.config_path
    config = trigger.inline or sources.configs.get(path)
    if config:
        for rule in _RULES:
            yield from rule(trigger, config)
    if path:
        yield from _config_is_there(trigger, path, sources)
        yield from _config_is_included(trigger, path, globs)


def _lone_values(sources: Sources) -> Iterator[Finding]:
    """SW409, SW509: gcloud makes a list of them when it submits, what a trigger reads must be."""
    named = {trigger.config_path for trigger in sources.here}
    for path, config in sources.configs.items():
        code = "SW509" if path in named else "SW409"
        findings = [lone_value(where, code) for where in config.lone]
        yield from locate(config.file, config.document, findings)


def _config_is_there(trigger: TriggerSource, path: str, sources: Sources) -> _Found:
    """SW501: the path is one from the root of the repository."""
    if path not in sources.files:
        message = f"the build config {path!r} does not exist"
        hint = "name it from the root of the trigger's repository, and lint there"
        yield trigger, Finding.at(("filename",), message, hint, "SW501")


def _config_is_included(trigger: TriggerSource, path: str, globs: Globs) -> _Found:
    """SW507: a fix of the build config should start a build that shows it."""
    included = trigger.message.included_files
    if included and path in globs.files and path not in globs.any_of(included):
        message = f"a change of {path!r} starts no build"
        yield trigger, Finding.at(("includedFiles",), message, "add it to includedFiles", "SW507")


def _substitutions_are_given(trigger: TriggerSource, config: ConfigSource) -> _Found:
    """SW502, SW503, SW315: triggers put an empty string for what is missing."""
    filled_in = dict.fromkeys(PULL_REQUEST, "") if trigger.message.is_pull_request else {}
    given = trigger.message.substitutions
    resolution = resolve(config.build, given, filled_in, StartedBy.TRIGGER)
    if any(finding.code == "SW315" for finding in resolution.findings):
        alone = resolve(config.build, {}, filled_in, StartedBy.TRIGGER).findings
        for finding in resolution.findings:
            if finding not in alone and finding.code == "SW315":
                yield trigger, finding
    for note in resolution.notes:
        key = note.path[-1]
        if note.code == "SW502":
            of_trigger = note.path[0] == "substitutions" and key in given
            yield (trigger if of_trigger else config), replace(note, hint=_where_to_give(note))
        elif SUBSTITUTION_KEY.fullmatch(str(key)) and key in given and _matters(trigger, str(key)):
            yield trigger, note


def _where_to_give(note: Finding) -> str:
    """Return the hint of SW502 for a trigger, which is never given `--substitutions`."""
    hint = "it becomes empty: give it in the trigger's `substitutions`, or a default in the config"
    return hint if "--substitutions" in note.hint else note.hint


def _matters(trigger: TriggerSource, key: str) -> bool:
    """Return whether an unused substitution does: rendering gives more than a config has to use.

    What `deploy.afterPublish` gives, nothing else would do.
    """
    return not trigger.rendered or key == DOWNSTREAM_KEY


def _logs_have_a_place(trigger: TriggerSource, config: ConfigSource) -> _Found:
    """SW504: the trigger's account is the build's."""
    build = config.build
    own = build.service_account  # with one, that alone is SW312
    if trigger.message.service_account and not own and not has_place_for_logs(build):
        yield config, Finding.at(("options",), LOGGING_RULE, LOGGING_HINT, "SW504")


def _account_is_the_triggers(trigger: TriggerSource, config: ConfigSource) -> _Found:
    """SW505: the documentation says that a trigger's build ignores its config's account."""
    account = config.build.service_account
    if account and "$" not in account and account != trigger.message.service_account:
        message = f"the service account {account!r} is ignored"
        hint = "give it to the trigger"
        yield config, Finding.at(("serviceAccount",), message, hint, "SW505")


def _built_ins_are_there(trigger: TriggerSource, config: ConfigSource) -> _Found:
    """SW506: what an event does not have is an empty string."""
    events = [*trigger.message.repositories.values()]
    push = next((event.push for event in events if event.push), None)
    absent = {}
    if push and push.tag:
        absent = {"BRANCH_NAME": "a push of a tag"}
    elif push or trigger.message.is_pull_request:
        absent = {"TAG_NAME": "a push to a branch" if push else "a pull request"}
    for path, key in config.references:
        if key in absent:
            message = f"{key} is empty after {absent[key]}"
            hint = "use REF_NAME, SHORT_SHA or another"
            yield config, Finding.at(path, message, hint, "SW506")


def _provenance_can_be_made(_trigger: TriggerSource, config: ConfigSource) -> _Found:
    """SW508: no file tells whether the API is enabled."""
    if config.build.options.requested_verify_option == "VERIFIED":
        message = "the build fails after its upload unless the Container Analysis API is enabled"
        hint = (
            "`gcloud services enable containeranalysis.googleapis.com`, or `shipwheel setup"
            " --apply`; then --ignore SW508"
        )
        yield config, Finding.at(("options", "requestedVerifyOption"), message, hint, "SW508")


def _unused_of_manifest(sources: Sources) -> Iterator[Finding]:
    """SW503: a substitution of the manifest that none of its build configs uses."""
    if sources.manifest is None:
        return
    file, document = sources.manifest
    given = [path for path in document.lines if path[-2:-1] == ("substitutions",)]
    if not given:
        return
    rendered = [trigger for trigger in sources.triggers if trigger.rendered]
    used = {
        key
        for trigger in rendered
        if (config := sources.configs.get(trigger.config_path))
        for key in _used_of(trigger, config)
    }
    for path in given:
        if path[-1] not in used:
            message = f"none of the build configs uses {path[-1]!r}"
            hint = f"use ${{{path[-1]}}}, or remove it"
            yield Finding(file, document.line(path), "SW503", message, hint)


def _used_of(trigger: TriggerSource, config: ConfigSource) -> set[str]:
    given = trigger.message.substitutions
    notes = resolve(config.build, given, {}, StartedBy.TRIGGER).notes
    return given.keys() - {note.path[-1] for note in notes if note.code == "SW503"}


_RULES = (
    _substitutions_are_given, _logs_have_a_place, _account_is_the_triggers, _built_ins_are_there,
    _provenance_can_be_made,
)  # fmt: skip


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


def unique_names(triggers: Sequence[TriggerSource]) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW209, SW211: names are keys; those that differ in separators alone are soon confused."""
    seen: dict[str, TriggerSource] = {}
    for trigger in (trigger for trigger in triggers if trigger.message.name):
        name = trigger.message.name
        first = seen.setdefault(re.sub("[^A-Za-z0-9]+", "-", name), trigger)
        if first is trigger or (first.rendered and not trigger.rendered):
            continue
        where = f"{first.file}:{first.document.line(('name',))}"
        if first.message.name == name:
            message = f"the name {name!r} is also at {where}: importing both leaves only this one"
            yield trigger, Finding.at(("name",), message, "give it another", "SW211")
        else:
            message = f"the name {name!r} is {first.message.name!r} at {where} but for separators"
            yield trigger, Finding.at(("name",), message, "give it another", "SW209")


def trigger_quota(
    triggers: Sequence[TriggerSource],
) -> Iterator[tuple[TriggerSource, Finding]]:
    """SW206: documents differ between 300 and 600; the manifest's are counted when rendered."""
    written = [trigger for trigger in triggers if not trigger.rendered]
    if len(written) > TRIGGER_LIMIT:
        message = f"{len(written)} triggers are more than the {TRIGGER_LIMIT} of a project"
        hint = "ask for more quota, or spread them over projects"
        yield written[TRIGGER_LIMIT], Finding.at((), message, hint, "SW206")


RULES_TOGETHER = (checks_cannot_publish, unique_names, trigger_quota)
