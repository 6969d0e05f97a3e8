"""The reference of triggers and of the manifest says what is true of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import triggers
from tests.documentation import ROOT
from triggers.manifest.manifest import parse_manifest
from triggers.manifest.settings import resolve
from triggers.rendering.functions import resolve_function

REFERENCE = ROOT / "docs/reference"


def test_the_manifest_of_the_page_is_valid_and_means_what_it_says() -> None:
    page = (REFERENCE / "manifest.md").read_text()
    text, *_ = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    manifest = parse_manifest(yaml.safe_load(text))

    assert resolve(manifest, "packages/a", "publish").tag == "^v.*$"
    function = resolve_function(manifest, "functions/billing")
    assert (function.entry_point, function.trigger.topic) == ("bill", "invoices")


def test_the_page_lists_every_shared_build_config() -> None:
    page = (REFERENCE / "triggers.md").read_text()
    listed = set(re.findall(r"/build_configs/([\w-]+\.yaml)\)", page))

    assert listed == {path.name for path in Path(triggers.__path__[0]).glob("build_configs/*")}
