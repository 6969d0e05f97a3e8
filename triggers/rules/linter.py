"""Lint, whole: reads what there is to judge, and applies every rule to it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from steps.host.documents import YamlError, read_documents
from steps.host.errors import Finding, InputError, Problem
from steps.host.files import read_whole
from steps.host.gcloud import gcloud_version
from steps.host.git import ask_git
from steps.project.dependencies import read_text
from triggers.discovery.dependencies import relative_path
from triggers.discovery.inventory import find_components
from triggers.manifest.starting import is_behind, shared_build_configs, source_of_remote
from triggers.rules import config_rules, cross_rules, filter_rules, trigger_rules
from triggers.rules.filter_rules import Globs
from triggers.rules.sources import Sources, add_manifest, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_CONFIG = re.compile(r"(?:.*/)?(?:cloudbuild\.(?:ya?ml|json)|cloudbuild/[^/]*\.ya?ml)")
_IN_A_FOLDER = re.compile(r"(?:.*/)?(?:\.?cloudbuild|\.gcb)/(?:.*/)?[^/]*\.(?:ya?ml|json)")
_SOURCES_OF_TRIGGERS = {
    *("github", "triggerTemplate", "repositoryEventConfig", "developerConnectEventConfig"),
    *("pubsubConfig", "webhookConfig", "sourceToBuild"),
}
_PASSED_OVER = {"__pycache__", "node_modules"}
_STEPS = re.compile(r"^[ \t{]{0,2}[\"']?steps[\"']?\s*:", re.MULTILINE)
_NAMED_AS_CONFIG = re.compile(r"(?:.*/)?[^/]*cloud[-_]?build[^/]*\.(?:ya?ml|json)", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """What lint found, in the order of files and lines, and which files it read."""

    findings: tuple[Finding, ...]
    files: tuple[str, ...]


def lint(
    manifest: Path,
    files: Sequence[Path],
    ignored: frozenset[str],
    gcloud: Callable[[], str] = gcloud_version,
) -> Report:
    """Judge *files*, or all that the repository of *manifest* has, but for *ignored* codes.

    *gcloud* tells which version is installed, if any.
    Raises InputError for files that cannot be read at all, and where there is nothing to judge.
    """
    reader = _Reader(manifest.parent, cache(gcloud))
    if files:
        reader.read_given(files, manifest)
    else:
        reader.read_all(manifest)
    InputError.raise_all(reader.problems)
    sources = reader.sources
    found = {*sources.findings, *_judge(sources)}
    return Report(
        tuple(sorted(each for each in found if each.code not in ignored)),
        tuple(dict.fromkeys(reader.read)),
    )


def _judge(sources: Sources) -> Iterator[Finding]:
    globs = Globs(frozenset(sources.files))
    for trigger in sources.triggers:
        for rule in (*trigger_rules.RULES, *filter_rules.RULES):
            yield from locate(trigger.file, trigger.document, rule(trigger))
    for together in cross_rules.RULES_TOGETHER:
        for trigger, finding in together(sources.triggers):
            yield from locate(trigger.file, trigger.document, [finding])
    inline = [trigger.inline for trigger in sources.triggers if trigger.inline]
    for config in (*sources.configs.values(), *inline):
        for of_config in config_rules.RULES:
            yield from locate(config.file, config.document, of_config(config))
    yield from cross_rules.cross(sources, globs)
    for trigger, finding in filter_rules.branches_exist(sources.here, sources.branches):
        yield from locate(trigger.file, trigger.document, [finding])
    for trigger in sources.here:
        for of_files in filter_rules.RULES_OF_FILES:
            yield from locate(trigger.file, trigger.document, of_files(trigger, globs))
    yield from filter_rules.projects_are_covered(sources, globs)


class _Reader:
    """Reads files into `sources`; *problems* are the files that cannot be read at all."""

    def __init__(self, root: Path, gcloud: Callable[[], str]) -> None:
        self.root = root
        self.sources = Sources(
            files=repository_files(root),
            branches=_branches(root),
            github=github_repository(root),
            gcloud=gcloud,
        )
        self.problems: list[Problem] = []
        self.read: list[str] = []

    def read_given(self, files: Sequence[Path], manifest: Path) -> None:
        texts = {file: self._text(file) for file in dict.fromkeys(files)}
        for file, text in texts.items():
            if text is None:
                continue
            path = os.path.relpath(file, self.root).replace(os.sep, "/")
            if file.name == config_rules.TEMPLATE:
                self._template(file)
            elif file.name == manifest.name:
                add_manifest(self.sources, file, text)
            elif _looks_like_config(path, text):
                self.sources.add_config_file(path, str(file), text)
            else:
                self.sources.add_trigger_file(str(file), text)
        if self.sources.triggers and not self.sources.projects:
            self.sources.projects = find_components(self.root)
        self._named_configs()

    def read_all(self, manifest: Path) -> None:
        if manifest.is_file() and (text := self._text(manifest)) is not None:
            add_manifest(self.sources, manifest, text)
        for path in self.sources.files:
            if _is_config(self.root, path):
                self._config(path)
            elif path.rpartition("/")[2] == config_rules.TEMPLATE:
                self._template(self.root / path)
        self._named_configs()
        if not self.read and not self.problems:
            raise InputError(
                f"There is nothing to lint: no {str(manifest)!r}, and no cloudbuild.yaml below",
                "name trigger files and build configs, or write a manifest with `shipwheel init`",
            )

    def _named_configs(self) -> None:
        """Read the build configs that triggers name, and that were not read yet."""
        for path in dict.fromkeys(trigger.config_path for trigger in self.sources.here):
            if path in self.sources.files and path not in self.sources.configs:
                self._config(path)

    def _config(self, path: str) -> None:
        file = self.root / path
        if (text := self._text(file)) is not None:
            self.sources.add_config_file(path, str(file), text)
            if is_behind(path, text):
                message = "it is that of an earlier version of Shipwheel"
                hint = "`shipwheel init --update` brings it up to date, and keeps edits"
                self.sources.findings.append(Finding(str(file), 1, "SW510", message, hint))

    def _template(self, file: Path) -> None:
        if (text := self._text(file)) is not None:
            found = config_rules.template_findings(text)
            self.sources.findings += [each.located(str(file), line) for line, each in found]

    def _text(self, file: Path) -> str | None:
        self.read.append(str(file))
        try:
            return read_whole(file, "name a text file that this user can read")
        except InputError as error:
            self.problems += error.problems
            return None


def _is_config(root: Path, path: str) -> bool:
    """Return whether the file is named as a build config, or much like one and has steps."""
    if _CONFIG.fullmatch(path):
        return True
    if not (_NAMED_AS_CONFIG.fullmatch(path) or _IN_A_FOLDER.fullmatch(path)):
        return False
    return _lists_steps(read_text(root / path))


def _lists_steps(text: str) -> bool:
    """Return whether a document in *text* has steps, by its look where it is not YAML."""
    try:
        found = [document.data for document in read_documents(text)]
    except YamlError:
        return bool(_STEPS.search(text))
    return any(isinstance(it, dict) and "steps" in it for it in found)


def _looks_like_config(path: str, text: str) -> bool:
    """Return whether a file that was named is a build config, and not one of triggers."""
    if _lists_steps(text):
        return True
    is_trigger = re.search(
        r"^\"?(?:filename|triggerTemplate|github|build|includedFiles)\"?\s*:", text, re.MULTILINE
    )
    return bool(_NAMED_AS_CONFIG.fullmatch(path) or _CONFIG.fullmatch(path)) and not is_trigger


def hand_written(root: Path) -> Iterator[tuple[str, Literal["config", "triggers"]]]:
    """Yield the build configs and trigger files of a repository that Shipwheel did not write."""
    for path in repository_files(root):
        if not path.endswith((".yaml", ".yml", ".json")) or path in shared_build_configs():
            continue
        if _is_config(root, path):
            yield path, "config"
        elif _is_trigger_file(root / path):
            yield path, "triggers"


def _is_trigger_file(file: Path) -> bool:
    """Return whether *file* has the fields of a trigger, by its text alone."""
    fields = set(re.findall(r"^[ {]*\"?([a-zA-Z]+)\"?\s*:", read_text(file), re.MULTILINE))
    return bool(fields & _SOURCES_OF_TRIGGERS) and bool(fields & {"filename", "build"})


def repository_files(root: Path) -> tuple[str, ...]:
    """Return the paths of all files that git knows or would add; without git, of all files."""
    listed = ask_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed:
        return tuple(sorted({path for path in listed.split("\0") if (root / path).is_file()}))
    return tuple(sorted(_walk(root)))


def _branches(root: Path) -> tuple[str, ...]:
    """Return the names of the branches that git knows here and of the remote origin."""
    command = ("for-each-ref", "--format=%(refname:lstrip=2)")
    names = ask_git(root, *command, "refs/heads", "refs/remotes/origin").split()
    return tuple(sorted({it.removeprefix("origin/") for it in names} - {"HEAD"}))


def github_repository(root: Path) -> tuple[str, str] | None:
    """Return owner and name of the remote origin, in small letters, None if it is not GitHub's."""
    source = source_of_remote(ask_git(root, "config", "--get", "remote.origin.url"))
    if source is None:
        return None
    return source["github"]["owner"].lower(), source["github"]["name"].lower()


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        hidden = {f for f in folders if f.startswith(".") and f not in {".cloudbuild", ".gcb"}}
        folders[:] = [f for f in folders if f not in _PASSED_OVER | hidden]
        inside = relative_path(root, folder)
        found += files if inside == "." else [f"{inside}/{name}" for name in files]
    return found
