"""Live triggers: read through gcloud, compared with rendered ones, and changed.

A pure decision. A live trigger is this repository's when it carries the tag `shipwheel`, belongs
to the same connected repository, and has the manifest's name prefix; all others are left alone.

Each part can be repeated: whatever interrupts it, the next plan is what is left to do.

They are compared in a normal form. What is written and what the service answers differ without
meaning anything: proto3 JSON leaves out zero values, the service fills fields in, an int64 is a
string, sets have no order.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from steps.host.documents import dump
from steps.host.errors import Problem, Refused, ServiceError, ShipwheelError, warn
from steps.host.files import write_whole
from steps.host.gcloud import SECONDS, Call, ask_gcloud, parse_answer, run_gcloud
from triggers.cloudbuild.build_config import shortest
from triggers.cloudbuild.conditions import branch_in, read_conditions, ref_matches
from triggers.cloudbuild.messages import MAPS, api, camel_case
from triggers.manifest.settings import OWNERSHIP_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from triggers.manifest.settings import Owner


_logger = logging.getLogger("shipwheel")

Action = Literal["create", "update", "delete", "taken", "unchanged", "foreign"]
DRIFT: tuple[Action, ...] = ("create", "update", "delete", "taken")
DONE = {"create": "created", "update": "updated", "delete": "deleted", "taken": "adopted"}
# What only the service writes, by the field that it is in; "" is the trigger itself.
_OUTPUT_ONLY = {
    "": {"id", "createTime", "resourceName"},
    "github": {"installationId", "enterpriseConfig"},
    "repositoryEventConfig": {"repositoryType"},
    "developerConnectEventConfig": {"gitRepositoryLinkType"},
    "pubsubConfig": {"subscription", "state"},
    "webhookConfig": {"state"},
    "build": api().outputs("Build"),
}
# A triggered build has these always, whatever its config says.
_FIXED = {"options": {"dynamicSubstitutions", "substitutionOption"}}

_SETS = {"tags", "includedFiles", "ignoredFiles"}
_DURATIONS = {"timeout", "queueTtl"}
_ZEROS = {
    "commentControl": "COMMENTS_DISABLED",
    "logStreamingOption": "STREAM_DEFAULT",
    "machineType": "UNSPECIFIED",
    "requestedVerifyOption": "NOT_VERIFIED",
    "repoType": "UNKNOWN",
}
# What the service takes for the type of event, by the field that says so.
_EVENT_TYPES = {"pubsubConfig": "PUBSUB", "webhookConfig": "WEBHOOK", "sourceToBuild": "MANUAL"}
_SECONDS_PER_TRIGGER = 10.0
_GITHUB = "https://github.com/"
_BODY = re.compile(r"^-- body start --\n(.*?)\n-- body end --$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Edit:
    """A field whose value has to change; None where there is none. Sets are sorted lists."""

    path: str
    live: Any
    rendered: Any


@dataclass(frozen=True, kw_only=True)
class TriggerChange:
    """What happens to one trigger.

    `taken` is a foreign trigger with the name of a rendered one: nothing, unless it is adopted.
    *key* is the live trigger's id, *document* the rendered message, *reason* why it is foreign.
    """

    action: Action
    name: str
    key: str = ""
    reason: str = ""
    edits: tuple[Edit, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TriggerPlan:
    """The changes: rendered triggers in their order, then live ones by name."""

    changes: tuple[TriggerChange, ...]

    def of(self, *actions: Action) -> tuple[TriggerChange, ...]:
        """Return the changes that are one of *actions*."""
        return tuple(change for change in self.changes if change.action in actions)

    @property
    def summary(self) -> str:
        """How many there are of each action, such as `1 create, 5 unchanged`."""
        return self._summary({})

    def outcome(self, *, prune: bool) -> str:
        """How many there are of each once it is applied, such as `1 created, 5 unchanged`."""
        return self._summary(DONE if prune else {**DONE, "delete": "kept"})

    def _summary(self, words: Mapping[str, str]) -> str:
        counts = Counter(change.action for change in self.changes)
        every = (*DRIFT, "unchanged", "foreign")
        return ", ".join(f"{counts[it]} {words.get(it, it)}" for it in every if counts[it])


def make_plan(
    rendered: Sequence[Mapping[str, Any]], live: Iterable[Mapping[str, Any]], owner: Owner
) -> TriggerPlan:
    """Return what turns the *live* triggers into the *rendered* messages; both have names."""
    by_name = {str(message.get("name")): message for message in live}
    changes = [_change(message, by_name.get(message["name"]), owner) for message in rendered]
    wanted = {message["name"] for message in rendered}
    others = (by_name[name] for name in sorted(by_name.keys() - wanted))
    return TriggerPlan((*changes, *(_unwanted(message, owner) for message in others)))


def _change(
    message: Mapping[str, Any], live: Mapping[str, Any] | None, owner: Owner
) -> TriggerChange:
    name = message["name"]
    if live is None:
        return TriggerChange(action="create", name=name, document=message)
    edits = tuple(_edits(normal_form(live), normal_form(message), ""))
    if reason := _foreign(live, owner):
        action: Action = "taken"
    else:
        action = "update" if edits else "unchanged"
    key = str(live.get("id", ""))
    return TriggerChange(
        action=action, name=name, key=key, reason=reason, edits=edits, document=message
    )


def _unwanted(live: Mapping[str, Any], owner: Owner) -> TriggerChange:
    reason = _foreign(live, owner)
    name, key = str(live.get("name")), str(live.get("id", ""))
    return TriggerChange(
        action="foreign" if reason else "delete", name=name, key=key, reason=reason
    )


def _foreign(live: Mapping[str, Any], owner: Owner) -> str:
    """Return why a live trigger is not this repository's, or nothing."""
    if OWNERSHIP_TAG not in live.get("tags", ()):
        return f"it has no tag {OWNERSHIP_TAG!r}"
    repository = _repository(live)
    if repository != owner.repository:
        return f"it is for the repository {repository!r}"
    if owner.prefix and not str(live.get("name")).startswith(f"{owner.prefix}-"):
        return f"its name does not begin with {owner.prefix!r}"
    return ""


def _repository(live: Mapping[str, Any]) -> str:
    github = live.get("github")
    if github:
        return f"{github.get('owner')}/{github.get('name')}"
    built = live.get("sourceToBuild") or {}
    second = live.get("repositoryEventConfig") or built
    connected = live.get("developerConnectEventConfig") or {}
    named = second.get("repository") or connected.get("gitRepositoryLink")
    return str(named or built.get("uri", "").removeprefix(_GITHUB).removesuffix(".git"))


def _edits(live: Any, rendered: Any, path: str) -> Iterator[Edit]:
    """Yield the innermost values that differ."""
    if isinstance(live, dict) and isinstance(rendered, dict):
        for key in sorted(live.keys() | rendered.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _edits(live.get(key), rendered.get(key), inner)
    elif _are_parallel(live, rendered):
        for index, pair in enumerate(zip(live, rendered, strict=True)):
            yield from _edits(*pair, f"{path}[{index}]")
    elif live != rendered:
        yield Edit(path, live, rendered)


def _are_parallel(live: Any, rendered: Any) -> bool:
    """Return whether two lists of mappings, such as steps, can be compared one by one."""
    both = isinstance(live, list) and isinstance(rendered, list) and len(live) == len(rendered)
    return both and all(isinstance(item, dict) for item in (*live, *rendered))


def apply(plan: TriggerPlan, cloud: Gcloud, *, prune: bool, adopt: bool) -> Iterator[TriggerChange]:
    """Do what *plan* says, and yield each change when it is made.

    Delete only to *prune*, and replace foreign triggers only to *adopt*.

    Raises Refused, and does nothing, when names are taken and not to be adopted.
    """
    taken = plan.of("taken")
    if not adopt:
        Refused.raise_all(map(_taken, taken))
    changes = plan.of("create", "update", "taken")
    if changes:
        cloud.import_triggers([change.document for change in changes])
        yield from changes
    for change in plan.of("delete") if prune else ():
        cloud.delete_trigger(change.key or change.name)
        yield change


def run_created(plan: TriggerPlan, cloud: Gcloud, branch: str) -> None:
    """Start every trigger that *plan* created and that a push to a branch starts, once.

    The branch is the one that the trigger's pattern spells out, or else *branch* if it matches.
    Raises the first error after all were tried.
    """
    errors: list[ShipwheelError] = []
    # What deploys waits for what publishes, which may need its place where few builds run at once.
    for change in sorted(plan.of("create"), key=lambda it: "_FUNCTION" in str(it.document)):
        on, why_not = _branch(change, branch)
        if why_not:
            _logger.info("not started: %s: %s", change.name, why_not)
            continue
        try:
            cloud.run_trigger(change.name, on)
        except ShipwheelError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def actually_created(plan: TriggerPlan, cloud: Gcloud) -> TriggerPlan:
    """Return the creations of *plan* that happened, after an import that failed on its way."""
    created = plan.of("create")
    live = {trigger.get("name") for trigger in cloud.triggers([change.name for change in created])}
    return replace(plan, changes=tuple(change for change in created if change.name in live))


def _branch(change: TriggerChange, branch: str) -> tuple[str, str]:
    """Return the branch to start the trigger on, or why it is not to be started."""
    trigger = read_conditions(change.document)
    if trigger.event != "push" or trigger.ref != "branch":
        return "", f"it waits for {trigger}"
    if spelt := branch_in(trigger.pattern):
        return spelt, ""
    if branch and ref_matches(trigger.pattern, branch):
        return branch, ""
    return "", f"it waits for {trigger}: name one with --branch"


def _taken(change: TriggerChange) -> Problem:
    return Problem(
        f"There is a trigger {change.name!r} already, and it is not this repository's:"
        f" {change.reason}",
        "--adopt replaces it; or give yours another name, by `namePrefix` or an override's `name`",
    )


def normal_form(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trigger *message*, rendered or live, without what makes no difference."""
    normal = _normal_mapping(camel_case(message), "")
    implied = next((name for field, name in _EVENT_TYPES.items() if field in normal), "REPO")
    if normal.get("eventType") == implied:
        del normal["eventType"]
    return normal


def _normal_mapping(mapping: Mapping[str, Any], parent: str) -> dict[str, Any]:
    passed_over = _OUTPUT_ONLY.get(parent, set()) | _FIXED.get(parent, set())
    if "repository" in mapping:  # its connection knows of what type it is
        passed_over |= {"repoType"}
    normal = {key: _normal(value, key) for key, value in mapping.items() if key not in passed_over}
    return {key: value for key, value in sorted(normal.items()) if not _is_zero(value, key)}


def _normal(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        if key in MAPS:
            return {name: str(text) for name, text in sorted(value.items())}
        return _normal_mapping(value, key)
    if isinstance(value, list):
        if key in _SETS:
            return sorted({str(item) for item in value})
        return [_normal(item, f"{key}[]") for item in value]
    if isinstance(value, str) and key in _DURATIONS:
        return shortest(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and value else value


def _is_zero(value: object, key: str) -> bool:
    unspecified = isinstance(value, str) and value.endswith("_UNSPECIFIED")
    return value in (None, False, 0, "", [], {}) or unspecified or value == _ZEROS.get(key)


@dataclass(frozen=True)
class Gcloud:
    """The triggers of a *project* in a *region*."""

    project: str
    region: str
    environ: Mapping[str, str]

    def triggers(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the live triggers, those of *names* for certain.

        gcloud lists one page of them only and does not say so. What it received tells whether
        there are more; then every name that is missing is asked for.
        """
        call = self._call_of("list", "--format=json", "--log-http")
        listed = run_gcloud(call, self.environ)
        found: list[dict[str, Any]] = parse_answer(call, listed) or []
        if not _has_more(listed.stderr):
            return found
        warn(
            f"gcloud lists {len(found)} triggers, and there are more: those that are gone from the"
            " repository may be missing here, and each of the others is asked for"
        )
        missing = [name for name in names if name not in {it.get("name") for it in found}]
        return [*found, *filter(None, map(self._trigger, missing))]

    def import_triggers(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Create or replace triggers by their names, in one import."""
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            file = Path(folder) / "triggers.yaml"
            write_whole(file, dump(documents))
            seconds = SECONDS + _SECONDS_PER_TRIGGER * len(documents)
            self._run("import", f"--source={file}", seconds=seconds)

    def delete_trigger(self, key: str) -> None:
        """Delete the trigger with the id *key*."""
        self._run("delete", key)

    def run_trigger(self, name: str, branch: str) -> None:
        """Start a build of the trigger *name* on *branch*."""
        self._run("run", name, f"--branch={branch}", "--format=none")

    def _trigger(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = ask_gcloud(self._call_of("describe", name), self.environ)
        except ServiceError as error:
            if "NOT_FOUND" in error.problems[0].message:
                return None
            raise
        return found

    def _run(self, verb: str, *arguments: str, seconds: float = SECONDS) -> None:
        run_gcloud(self._call_of(verb, *arguments), self.environ, seconds=seconds)

    def _call_of(self, verb: str, *arguments: str) -> Call:
        """Return the call of `gcloud builds triggers VERB`."""
        return Call(
            verb=f"builds triggers {verb}",
            arguments=(*arguments, f"--project={self.project}", f"--region={self.region}"),
            takes=f"it takes roles/cloudbuild.builds.editor in the project {self.project!r}, and"
            " roles/iam.serviceAccountUser on the accounts that the triggers run as",
        )


def _has_more(log_of_http: str) -> bool:
    """Return whether the last answer that gcloud logged was one page of several."""
    bodies = _BODY.findall(log_of_http)
    try:
        return bool(json.loads(bodies[-1]).get("nextPageToken"))
    except (IndexError, ValueError, AttributeError):
        return False
