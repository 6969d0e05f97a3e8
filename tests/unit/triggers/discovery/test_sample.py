"""The sample repository renders, and holds what `shipwheel init` writes today."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from builder.__main__ import main
from triggers.manifest.starting import shared_build_configs
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    import pytest

SAMPLE = Path(__file__).parents[3] / "example"


def test_every_package_and_function_of_the_sample_has_its_triggers() -> None:
    repository = open_repository(SAMPLE / "shipwheel.yaml")
    rendering = render_repository(repository)

    assert rendering.warnings == ()
    assert {trigger.name: trigger.included_files for trigger in rendering.triggers} == {
        f"packages-{name}-{kind}": (f"packages/{name}/**", f"cloudbuild/{kind}-package.yaml")
        for name in ("berths", "dues", "signals", "tides")
        for kind in ("check", "publish")
    } | {
        "functions-berth-finder-deploy": (
            "functions/berth-finder/**",
            "packages/berths/**",
            "packages/tides/**",
            "cloudbuild/deploy-function.yaml",
        )
    }


def test_the_samples_build_configs_are_those_that_init_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--registry", "us-central1/demo/pypi", "--github", "harbour-office/harbour"]
    assert main(["init", str(tmp_path), *arguments]) == 0
    capsys.readouterr()

    kept = {f"cloudbuild/{it.name}": it.read_text() for it in (SAMPLE / "cloudbuild").iterdir()}
    assert kept == shared_build_configs()
    assert {f"cloudbuild/{it.name}" for it in (tmp_path / "cloudbuild").iterdir()} < kept.keys()
    manifest = yaml.safe_load((SAMPLE / "shipwheel.yaml").read_text())
    del manifest["overrides"]
    assert manifest == yaml.safe_load((tmp_path / "shipwheel.yaml").read_text())
