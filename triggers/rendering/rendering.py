"""Rendering: from the manifest and the inventory to triggers; a pure function.

Its arguments alone decide the result, down to the order: the same repository renders the same. The
date only decides which runtimes Google still deploys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from steps.function.function import judge_runtime
from steps.host.errors import InputError, Problem
from steps.registry.address import parse_registry
from triggers.cloudbuild.conditions import DOWNSTREAM_KEY, unwritable, without_covered
from triggers.cloudbuild.messages import camel_case
from triggers.cloudbuild.substitutions import LONGEST_VALUE
from triggers.discovery.inventory import OWN_BUILD_CONFIG, Inventory
from triggers.discovery.targets import TriggerTarget, find_targets, name_in
from triggers.manifest.settings import DEFAULT_FUNCTION_ACCOUNTS, TriggerSettings, resolve
from triggers.rendering.functions import (
    contradictions,
    deploy_flags,
    flags_text,
    requirements_options,
    resolve_function,
)
from triggers.rendering.trigger import (
    Event,
    EventSource,
    PullRequest,
    Push,
    Trigger,
    field_problems,
    on_demand,
    own_problems,
    own_targets,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from steps.host.errors import Level
    from triggers.manifest.manifest import Manifest, Source

# Documents differ between 300 and 600 triggers in a project; 300 hold in all of them.
TRIGGER_LIMIT = 300

SHARED_CONFIGS = {
    ("package", "check"): "cloudbuild/check-package.yaml",
    ("package", "publish"): "cloudbuild/publish-package.yaml",
    ("directory", "check"): "cloudbuild/check-directory.yaml",
    ("directory", "publish"): "cloudbuild/publish-directory.yaml",
    ("function", "deploy"): "cloudbuild/deploy-function.yaml",
}
THEN_DEPLOY_CONFIGS = {
    "package": "cloudbuild/publish-package-then-deploy.yaml",
    "directory": "cloudbuild/publish-directory-then-deploy.yaml",
}
NATIVE_CONFIG = "cloudbuild/publish-package-native.yaml"
_VERBS = {"check": "Check", "publish": "Publish", "deploy": "Deploy"}


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """The triggers in the order of their documents, and what a person should know of them."""

    triggers: tuple[Trigger, ...]
    warnings: tuple[Problem, ...] = ()


def render(manifest: Manifest, inventory: Inventory) -> Rendering:
    """Return the triggers of everything in *inventory*; raise InputError with all problems."""
    targets = find_targets(manifest, inventory.components)
    own = [*own_targets(manifest, inventory.components)]
    if not targets and not own:
        raise InputError(
            "No packages or functions found",
            "a package has a pyproject.toml or a setup.py that builds, a function has main.py and"
            " requirements; `packages.include` and `functions.include` list them by hand",
        )
    triggers = (
        *(it for target in targets for it in _triggers(manifest, target)),
        *(it for kind, target in own for it in _enabled(manifest, target, kind)),
    )
    runtimes = [*_runtimes(manifest, targets, datetime.now(UTC).date())]
    refused = [problem for level, problem in runtimes if level == "error"]
    outdated = [problem for level, problem in runtimes if level == "warning"]
    InputError.raise_all(
        [
            *_unwritable(manifest, targets),
            *refused,
            *_problems(triggers),
            *own_problems(manifest, own, triggers),
            *field_problems(triggers),
        ]
    )
    return Rendering(
        triggers=triggers,
        warnings=(*inventory.warnings, *outdated, *_limit(manifest, len(triggers))),
    )


def _triggers(manifest: Manifest, target: TriggerTarget) -> Iterator[Trigger]:
    for kind in ("deploy",) if target.kind == "function" else ("check", "publish"):
        yield from _enabled(manifest, target, kind)


def _enabled(manifest: Manifest, target: TriggerTarget, kind: str) -> Iterator[Trigger]:
    settings = resolve(manifest, target.path, kind)
    if settings.enabled:
        yield _trigger(manifest, target, kind, settings)


def _trigger(
    manifest: Manifest, target: TriggerTarget, kind: str, settings: TriggerSettings
) -> Trigger:
    config = settings.build_config or _default_config(target, kind)
    included, ignored = _watched(manifest, target, kind, settings)
    return Trigger(
        target=target.path,
        kind=kind,
        name=name_in(manifest, target.path, kind),
        description=f"{_VERBS.get(kind) or f'Run {kind} for'} {target.title} ({target.path})",
        source=_source(manifest.source),
        event=_event(manifest, kind, settings),
        build=config,
        service_account=settings.service_account,
        included_files=included,
        ignored_files=ignored,
        substitutions={**_substitutions(manifest, target, kind, config), **settings.substitutions},
        tags=settings.tags,
        approval_required=settings.approval,
        fields=camel_case(settings.fields),
    )


def _watched(
    manifest: Manifest, target: TriggerTarget, kind: str, settings: TriggerSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the globs of files that start the trigger, and of those that do not, even so."""
    own = manifest.kinds.get(kind)
    if own and not own.push:
        return (), ()
    config = settings.build_config or _default_config(target, kind)
    included = without_covered(target.folders, [*target.files, config]) if target.folders else []
    return (
        tuple(dict.fromkeys((*included, *settings.included_files))),
        tuple(dict.fromkeys((*settings.ignored_files, *target.unversioned))),
    )


def _default_config(target: TriggerTarget, kind: str) -> str:
    # A target's own config publishes or deploys; the account of pull requests could not run it.
    if target.has_own_config and kind != "check":
        return f"{target.path}/{OWN_BUILD_CONFIG}"
    if target.downstream and kind == "publish":
        return THEN_DEPLOY_CONFIGS[target.kind]
    return SHARED_CONFIGS[target.kind, kind]


def _source(source: Source) -> EventSource:
    if source.github:
        names = {"owner": source.github.owner, "name": source.github.name}
        return EventSource("github", names)
    if source.repository:
        return EventSource("repositoryEventConfig", {"repository": source.repository})
    link = {"gitRepositoryLink": source.git_repository_link or ""}
    return EventSource("developerConnectEventConfig", link)


def _event(manifest: Manifest, kind: str, settings: TriggerSettings) -> Event:
    own = manifest.kinds.get(kind)
    if own and not own.push:
        return on_demand(own, settings, manifest.project)
    if kind == "check":
        return PullRequest(settings.branch, settings.comment_control)
    return Push(settings.tag, "tag") if settings.tag else Push(settings.branch)


def _substitutions(
    manifest: Manifest, target: TriggerTarget, kind: str, config: str
) -> dict[str, str]:
    """Return what every build config gets, and what those need that are not the target's own."""
    given = dict(_registry_substitutions(manifest.registry))
    if kind == "publish" and target.downstream:
        given[DOWNSTREAM_KEY] = _downstream(manifest, target)
    if config.startswith(f"{target.path}/"):
        return given
    given |= {"_DIRECTORY": target.path, "_IMAGE": manifest.image}
    if kind == "deploy":
        function = resolve_function(manifest, target.path)
        given |= {
            "_DEPLOY_FLAGS": flags_text(deploy_flags(function)),
            "_FUNCTION": function.name,
            "_REQUIREMENTS": " ".join(requirements_options(function, target.awaited)),
            "_TOOL": function.tool,
        }
    return given


@cache  # every trigger asks
def _registry_substitutions(name: str) -> Mapping[str, str]:
    registry = parse_registry(name, {})
    return {
        "_PROJECT": registry.project.replace(":", "/"),  # as an address spells example.com:name
        "_REGION": registry.location,
        "_REPO": registry.repository,
    }


def _downstream(manifest: Manifest, target: TriggerTarget) -> str:
    """Return the triggers to start, each with the packages that it needs: `NAME:PACKAGE+PACKAGE`.

    A name alone is started by any of them, as all are where the packages would be too many.
    """
    names = {path: name_in(manifest, path, "deploy") for path in target.downstream}
    entries = (
        ":".join(filter(None, (names[path], "+".join(needed))))
        for path, needed in target.downstream.items()
    )
    text = " ".join(entries)
    return text if len(text) <= LONGEST_VALUE else " ".join(names.values())


def _unwritable(manifest: Manifest, targets: Iterable[TriggerTarget]) -> Iterator[Problem]:
    """Yield a problem per path without a glob, and per contradiction in a function's settings."""
    yield from unwritable(path for each in targets for path in (*each.folders, *each.files))
    for target in targets:
        if target.downstream:
            yield from _unable_to_start(manifest, target)
        if target.kind == "function" and resolve(manifest, target.path, "deploy").enabled:
            function = resolve_function(manifest, target.path)
            yield from contradictions(function)
            if not function.given.build_service_account and _has_shared_config(manifest, target):
                yield Problem(
                    f"The function in {target.path!r} has no buildServiceAccount: Google may"
                    " refuse to deploy it with a 403 before its build starts",
                    "set `deploy.function.buildServiceAccount`, for example to"
                    f" {DEFAULT_FUNCTION_ACCOUNTS['buildServiceAccount']}, and run"
                    " `shipwheel setup --apply`",
                )
            size = len(flags_text(deploy_flags(function)))
            if size > LONGEST_VALUE:
                yield Problem(
                    f"The settings of the function in {target.path!r} have {size} characters, more"
                    f" than the {LONGEST_VALUE} of a substitution's value",
                    "give it fewer variables, or shorter ones",
                )


def _runtimes(
    manifest: Manifest, targets: Iterable[TriggerTarget], today: date
) -> Iterator[tuple[Level, Problem]]:
    """Yield a problem per function with a runtime that Google refuses, or soon will."""
    for target in targets:
        if target.kind == "function" and _has_shared_config(manifest, target):
            found = judge_runtime(resolve_function(manifest, target.path).runtime, today)
            if found and resolve(manifest, target.path, "deploy").enabled:
                level, problem = found
                yield level, Problem(f"{target.path}: {problem.message}", problem.hint)


def _has_shared_config(manifest: Manifest, target: TriggerTarget) -> bool:
    """Return whether the build that deploys *target* is given the function's settings."""
    config = resolve(manifest, target.path, "deploy").build_config
    config = config or _default_config(target, "deploy")
    return not config.startswith(f"{target.path}/")


def _unable_to_start(manifest: Manifest, target: TriggerTarget) -> Iterator[Problem]:
    """Yield a problem when the build that publishes *target* cannot start what follows it."""
    downstream = ", ".join(map(repr, target.downstream))
    config = resolve(manifest, target.path, "publish").build_config
    if config == NATIVE_CONFIG:
        yield Problem(
            f"{downstream} would be deployed before {target.path!r} is published: Cloud Build"
            f" uploads what {config!r} built after all of its steps",
            "publish it through twine, or take `deploy.afterPublish` out",
        )
    names = _substitutions(manifest, target, "publish", config)[DOWNSTREAM_KEY]
    if len(names) > LONGEST_VALUE:
        yield Problem(
            f"{len(target.downstream)} functions are deployed after {target.path!r}: more names of"
            " triggers than a substitution holds",
            "take `deploy.afterPublish` out for some of them",
        )


def _problems(triggers: tuple[Trigger, ...]) -> Iterator[Problem]:
    """Yield a problem per name used twice, and per check that could publish."""
    yield from _same_names(triggers)
    yield from _same_functions(triggers)
    trusted = {t.service_account: t for t in triggers if t.kind != "check"}
    for trigger in triggers:
        if trigger.kind == "check" and trigger.service_account in trusted:
            other = trusted[trigger.service_account]
            yield Problem(
                f"The check of {trigger.target!r} would run as {trigger.service_account!r},"
                f" which is to {other.kind} {other.target!r}",
                "give `check.serviceAccount` an account that can only read: a pull request decides"
                " what its check runs",
            )


def _limit(manifest: Manifest, count: int) -> Iterator[Problem]:
    if count > TRIGGER_LIMIT:
        grouped = manifest.grouping == "directory"
        yield Problem(
            f"{count} triggers are more than the {TRIGGER_LIMIT} that a project holds for certain",
            "ask for more quota, or spread the repository over projects"
            if grouped
            else "`grouping: directory` in the manifest makes one trigger per top directory",
        )


def _same_functions(triggers: Iterable[Trigger]) -> Iterator[Problem]:
    """Yield a problem per function of Google's that several directories would be deployed as."""
    by_name: dict[tuple[str, object], list[str]] = {}
    for trigger in triggers:
        if name := trigger.substitutions.get("_FUNCTION"):
            region = json.loads(trigger.substitutions["_DEPLOY_FLAGS"])["--region"]
            by_name.setdefault((name, region), []).append(trigger.target)
    for (name, region), targets in by_name.items():
        if len(targets) > 1:
            yield Problem(
                f"{len(targets)} functions would be deployed as {name!r} in {region!r}, each over"
                f" the other: those of {', '.join(map(repr, targets))}",
                f'give one of them another name: `overrides["{targets[-1]}"].deploy.function.name`'
                " in the manifest",
            )


def _same_names(triggers: Iterable[Trigger]) -> Iterator[Problem]:
    """Yield a problem per name that several triggers have, such as those of `a_b` and `a.b`."""
    by_name: dict[str, list[str]] = {}
    for trigger in triggers:
        by_name.setdefault(trigger.name, []).append(trigger.target)
    for name, targets in by_name.items():
        if len(targets) > 1:
            yield Problem(
                f"{len(targets)} triggers have the name {name!r}: those of "
                + ", ".join(map(repr, targets)),
                f'give one of them another: `overrides["{targets[-1]}"].name` in the manifest',
            )
