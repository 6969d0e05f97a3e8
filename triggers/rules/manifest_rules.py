"""The manifest: its own faults, and the triggers that it renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.host.errors import Finding, InputError
from triggers.cloudbuild.documents import Document, Path, YamlError, read_yaml
from triggers.discovery.inventory import take_inventory
from triggers.manifest.file import manifest_findings
from triggers.manifest.manifest import Manifest
from triggers.rendering.rendering import render
from triggers.rules.sources import Sources, locate

if TYPE_CHECKING:
    import pathlib

    from triggers.discovery.model import Trigger


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
    sources.projects = tuple(target.path for target in inventory.targets)
    if source := manifest.source.github:
        sources.github = (source.owner.lower(), source.name.lower())
    for trigger in rendering.triggers:
        line = document.line(_reason(trigger, document))
        sources.add_rendered(str(file), line, trigger.document())
    warnings = (*inventory.warnings, *rendering.warnings)
    return [Finding.at((), each.message, each.hint, "SW703") for each in dict.fromkeys(warnings)]


def _reason(trigger: Trigger, document: Document) -> Path:
    """Return the part of the manifest that has most to do with *trigger*."""
    ways: tuple[Path, ...] = (
        ("overrides", trigger.target, trigger.kind),
        ("overrides", trigger.target),
        (trigger.kind,),
    )
    return next((way for way in ways if way in document.lines), ())
