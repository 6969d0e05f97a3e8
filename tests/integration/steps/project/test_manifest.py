"""A command gets the registry from the nearest manifest, or from gcloud's own properties."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud
from tests.integration.program import environment, shipwheel
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

PROJECT = (
    "[project]\nname = '{}'\nversion = '1.0'\ndescription = 'x'\n"
    "[build-system]\nrequires = ['flit_core']\nbuild-backend = 'flit_core.buildapi'\n"
)


def unnamed(host: str, **more: str) -> dict[str, str]:
    environ = environment(host, **more)
    del environ["SHIPWHEEL_REGISTRY"]
    return environ


def test_the_manifest_names_the_registry_and_the_packages(
    emulator: Emulator, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            "shipwheel.yaml": "registry: us-central1/demo/pypi\npackages: {exclude: [examples]}\n",
            "packages/a/pyproject.toml": PROJECT.format("a"),
            "packages/a/a.py": '"""A."""\n',
            "examples/e/pyproject.toml": PROJECT.format("e"),
        },
    )
    environ = unnamed(emulator.host)

    done = shipwheel(environ, "publish", "--all", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {it["project"] for it in json.loads(done.stdout)} == {"a"}
    assert "(from shipwheel.yaml)\n" in done.stderr
    assert "Passed over 'examples/e': shipwheel.yaml excludes it\n" in done.stderr
    below = shipwheel(environ, "versions", "a", cwd=tmp_path / "packages/a")
    assert (below.returncode, below.stdout.split()[0]) == (0, "1.0")
    assert "(from ../../shipwheel.yaml)\n" in below.stderr
    named = shipwheel(environ, "versions", "a", "--registry", "us-central1/demo/x", cwd=tmp_path)
    assert "shipwheel.yaml" not in named.stderr


@needs_gcloud
def test_the_properties_of_gcloud_come_last(emulator: Emulator, tmp_path: Path) -> None:
    config = str(tmp_path / "gcloud")
    environ = unnamed(emulator.host, CLOUDSDK_CONFIG=config)
    for name, value in (
        ("core/project", "demo"),
        ("artifacts/location", "us-central1"),
        ("artifacts/repository", "pypi"),
    ):
        assert "No registry was named" in shipwheel(environ, "versions", "a", cwd=tmp_path).stderr
        command = ["gcloud", "config", "set", name, value, "--quiet"]
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)

    done = shipwheel(environ, "versions", "a", cwd=tmp_path)

    assert "(from gcloud's properties)\n" in done.stderr
    assert "No registry was named" not in done.stderr
