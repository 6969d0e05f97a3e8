"""What lint judges: triggers, build configs and manifest, each with its lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.version import Version

from steps.function.function import MAIN, read_bytes
from steps.function.rules import judge_main
from steps.host.documents import (
    Document,
    Path,
    YamlError,
    read_documents,
    read_yaml,
    tab_between_values,
)
from steps.host.errors import Finding, InputError
from triggers.cloudbuild.build_config import Build, BuildTrigger
from triggers.cloudbuild.conditions import glob_in
from triggers.cloudbuild.files import duplicate_keys, judge_build_config, unreadable_values
from triggers.cloudbuild.messages import read_camel_case, read_message
from triggers.cloudbuild.substitutions import references, template_texts
from triggers.discovery.inventory import take_inventory
from triggers.manifest.manifest import Manifest, manifest_findings
from triggers.rendering.functions import resolve_function
from triggers.rendering.rendering import render

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from triggers.rendering.functions import FunctionSettings
    from triggers.rendering.trigger import Trigger


@dataclass(frozen=True, eq=False)
class ConfigSource:
    """One build config: a file, or the part of a trigger.

    *lone* are the places of a single value where a list belongs.
    """

    file: str
    document: Document
    build: Build
    lone: tuple[Path, ...] = ()

    @cached_property
    def references(self) -> tuple[tuple[Path, str], ...]:
        """The substitutions that its texts refer to, each with the place of the text."""
        texts = template_texts(self.build)
        return tuple((path, key) for path, text in texts for key in dict.fromkeys(references(text)))


@dataclass(frozen=True, eq=False)
class TriggerSource:
    """One trigger. *fields* are those that were written, even where their values are wrong.

    *rendered* says that it is the manifest's, and not a file's. The globs in *for_all* are those
    that the manifest gives every package, and not each has such files.
    """

    file: str
    document: Document
    message: BuildTrigger
    fields: frozenset[str]
    inline: ConfigSource | None = None
    rendered: bool = False
    for_all: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return how messages call it."""
        kind = "the rendered trigger" if self.rendered else "the trigger"
        return f"{kind} {self.message.name!r}"

    @property
    def config_path(self) -> str:
        """The path of its build config here; a file's trigger may take its from elsewhere."""
        of_rendered = self.document.data.get("gitFileSource") if self.rendered else None
        return self.message.filename or (of_rendered or {}).get("path", "")


@dataclass
class Sources:
    """All that was read, and what was found while reading.

    *configs* are by their paths from the root. *files* are all paths of the repository, *branches*
    those that git knows, and *projects* its directories with a package or a function; *github* is
    its owner and name there, if known. *manifest* is the manifest's file and lines, *gcloud* the
    version of the one that is installed, which is only asked for what a gcloud did not know.
    """

    triggers: list[TriggerSource] = field(default_factory=list)
    configs: dict[str, ConfigSource] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    github: tuple[str, str] | None = None
    manifest: tuple[str, Document] | None = None
    findings: list[Finding] = field(default_factory=list)
    gcloud: Callable[[], str] = str

    @property
    def here(self) -> list[TriggerSource]:
        """The triggers that, as far as one can tell, are for this repository."""
        return [trigger for trigger in self.triggers if not self._is_elsewhere(trigger)]

    def _is_elsewhere(self, trigger: TriggerSource) -> bool:
        there = trigger.message.github
        if self.github is None or there is None:
            return False
        # GitHub tells no capitals apart.
        return (there.owner.lower(), there.name.lower()) != self.github

    def add_trigger_file(self, file: str, text: str) -> None:
        """Read every trigger of a file that `gcloud builds triggers import` takes."""
        documents = self._documents(file, text)
        if documents == []:
            message = "there is no document: gcloud imports nothing, without an error"
            self.findings.append(
                Finding(file, 1, "SW004", message, "write a trigger, or delete it")
            )
        for document in documents or ():
            trigger, findings = self._trigger(file, document)
            self.findings += locate(file, document, findings)
            self.triggers += [trigger] if trigger else []

    def add_rendered(
        self, file: str, line: int, message: dict[str, object], for_all: frozenset[str]
    ) -> None:
        """Take the rendered trigger *message*, whose reason is on *line* of the manifest *file*."""
        trigger, findings = self._trigger(file, Document(message, {(): line}), is_rendered=True)
        self.findings += locate(file, Document(lines={(): line}), findings)
        self.triggers += [replace(trigger, for_all=for_all)] if trigger else []

    def add_config_file(self, path: str, file: str, text: str) -> None:
        """Read the build config at *path* from the root, which messages call *file*."""
        documents = self._documents(file, text)
        if documents is None:
            return
        if len(documents) != 1:
            message = f"a build config is one document, and this file has {len(documents)}"
            self.findings.append(Finding(file, 1, "SW002", message))
            return
        [document] = documents
        findings = [*_shape(document), *unreadable_values(document), *duplicate_keys(document)]
        if isinstance(document.data, dict):
            findings += _no_value(document)
            judged = judge_build_config(document, in_a_file=True)
            self.configs[path] = ConfigSource(file, document, judged.message, tuple(judged.lone))
            findings += judged.findings
            hint = "start it by a trigger, or "
            findings += self._too_new(judged.newer, "gcloud builds submit", hint)
        self.findings += locate(file, document, findings)

    def _trigger(
        self, file: str, document: Document, *, is_rendered: bool = False
    ) -> tuple[TriggerSource | None, list[Finding]]:
        findings = [*_shape(document), *unreadable_values(document), *duplicate_keys(document)]
        if not isinstance(document.data, dict):
            return None, findings
        findings += _no_value(document)
        # What is rendered is in camelCase.
        data = document.data if is_rendered else read_camel_case(document, findings)
        camel = replace(document, data=data)
        fields = frozenset(key for key, value in camel.data.items() if value is not None)
        inline, build = None, camel.data.pop("build", None)
        if isinstance(build, dict):
            below = camel.below(("build",), build)
            judged = judge_build_config(below, in_a_file=False)
            inline = ConfigSource(file, below, judged.message)
            found = [*judged.findings, *self._import_fails(judged.newer)]
            findings += [replace(each, path=("build", *each.path)) for each in found]
        reading = read_message(BuildTrigger, camel.data)
        # An exported trigger has what the service wrote, and may be imported again.
        findings += (each for each in reading.findings if each.code != "SW011")
        findings += self._import_fails(reading.newer)
        source = TriggerSource(file, camel, reading.message, fields, inline, rendered=is_rendered)
        return source, findings

    def _import_fails(self, newer: Sequence[tuple[Path, str, str]]) -> Iterator[Finding]:
        return self._too_new(newer, "gcloud builds triggers import", "")

    def _too_new(
        self, newer: Sequence[tuple[Path, str, str]], command: str, hint: str
    ) -> Iterator[Finding]:
        """SW014: what the installed gcloud does not know yet, it refuses as unused."""
        for path, what, last in newer:
            installed = self.gcloud()
            if installed and Version(installed) <= Version(last):
                message = f"gcloud {installed} does not know {what} yet: `{command}` fails"
                yield Finding.at(path, message, f"{hint}`gcloud components update`", "SW014")

    def _documents(self, file: str, text: str) -> list[Document] | None:
        if line := tab_between_values(text):
            message = "a tab between values: gcloud's reader of YAML stops here"
            self.findings.append(Finding(file, line, "SW013", message, "write spaces"))
        try:
            return read_documents(text)
        except YamlError as error:
            self.findings.append(Finding(file, error.line, "SW001", f"parsing as YAML: {error}"))
            return None


def locate(file: str, document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* about *document* with their lines."""
    return [each.located(file, document.line(each.path)) for each in findings]


def _shape(document: Document) -> list[Finding]:
    if document.data is None:
        message = "the document is empty: gcloud stops, and imports nothing of the file"
        return [Finding.at((), message, "remove the `---` before it", code="SW003")]
    if not isinstance(document.data, dict):
        message = f"the document is not a mapping, but {type(document.data).__name__!r}"
        hint = "write one document per trigger, with `---` between them"
        return [Finding.at((), message, hint, code="SW002")]
    return []


def _no_value(document: Document) -> Iterator[Finding]:
    """Yield a finding per substitution of *document*, a mapping, that is null."""
    for way in ((), ("build",)):
        holder = document.data.get("build") if way else document.data
        given = holder.get("substitutions") if isinstance(holder, dict) else None
        for key in (
            (k for k, value in given.items() if value is None) if isinstance(given, dict) else ()
        ):
            message = f"the substitution {key!r} has no value: null is sent"
            yield Finding.at((*way, "substitutions", key), message, "write ''", "SW012")


def add_manifest(sources: Sources, file: pathlib.Path, text: str) -> None:
    """Read the manifest *text* of *file*, and render its triggers into *sources*."""
    try:
        document = read_yaml(text)
    except YamlError as error:
        found = Finding(str(file), error.line, "SW001", f"parsing as YAML: {error}")
        sources.findings.append(found)
        return
    hint = "what reads the manifest refuses it: fix that line"
    faults = [Finding.at(path, why, hint, "SW701") for path, why in document.faults().items()]
    findings = [*faults, *manifest_findings(document.data)] or _render(sources, file, document)
    sources.findings += locate(str(file), document, findings)


def _render(sources: Sources, file: pathlib.Path, document: Document) -> list[Finding]:
    manifest = Manifest.model_validate(document.data)
    try:
        inventory = take_inventory(file.parent, manifest)
        rendering = render(manifest, inventory)
    except InputError as error:
        return [Finding.at((), each.message, each.hint, "SW702") for each in error.problems]
    sources.manifest = (str(file), document)
    sources.projects = tuple(target.path for target in inventory.components)
    if source := manifest.source.github:
        sources.github = (source.owner.lower(), source.name.lower())
    paths = [it.path for it in inventory.components]
    for_all = frozenset(glob_in(path, it) for path in paths for it in manifest.unversioned)
    for trigger in rendering.triggers:
        line = document.line(_reason(trigger, document))
        sources.add_rendered(str(file), line, trigger.document(), for_all)
        if "_FUNCTION" in trigger.substitutions:
            function = resolve_function(manifest, trigger.target)
            sources.findings += _of_main(file.parent / trigger.target / MAIN, function)
    warnings = (*inventory.warnings, *rendering.warnings)
    return [Finding.at((), each.message, each.hint, "SW703") for each in dict.fromkeys(warnings)]


def _of_main(main: pathlib.Path, function: FunctionSettings) -> Iterator[Finding]:
    """Yield what is wrong with the *main* module of *function*, in the words of `requirements`."""
    text = read_bytes(main) if main.is_file() else None
    runtime = int(function.runtime.removeprefix("python3"))
    for each in judge_main(text, repr(function.path), function.entry_point, runtime):
        yield each.located(str(main), each.line or 1)


def _reason(trigger: Trigger, document: Document) -> Path:
    """Return the part of the manifest that has most to do with *trigger*."""
    ways: tuple[Path, ...] = (
        ("overrides", trigger.target, trigger.kind),
        ("overrides", trigger.target, "kinds", trigger.kind),
        ("overrides", trigger.target),
        (trigger.kind,),
        ("kinds", trigger.kind),
    )
    return next((way for way in ways if way in document.lines), ())
