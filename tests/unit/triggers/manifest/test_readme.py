from __future__ import annotations

import re
from pathlib import Path

import yaml

import triggers
from triggers.manifest.manifest import parse_manifest
from triggers.manifest.settings import resolve
from triggers.rendering.functions import resolve_function

PAGE = (Path(triggers.__path__[0]) / "README.md").read_text()


def test_the_manifest_of_the_page_is_valid_and_means_what_it_says() -> None:
    text, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    manifest = parse_manifest(yaml.safe_load(text))

    assert resolve(manifest, "packages/a", "publish").tag == "^v.*$"
    function = resolve_function(manifest, "functions/billing")
    assert (function.entry_point, function.trigger.topic) == ("bill", "invoices")


def test_the_page_lists_every_shared_build_config() -> None:
    listed = set(re.findall(r"\(build_configs/([\w-]+\.yaml)\)", PAGE))

    assert listed == {path.name for path in Path(triggers.__path__[0]).glob("build_configs/*")}
