"""Repositories built as public ones are, each with another tool: rendered, and read by gcloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from builder.__main__ import main
from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.tree import write
from triggers.manifest.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.cloud_build_api import CloudBuildApi

pytestmark = needs_gcloud

UV_BUILD = '[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n'
POETRY_BUILD = (
    '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
)
PDM_BUILD = '[build-system]\nrequires = ["pdm-backend"]\nbuild-backend = "pdm.backend"\n'
HATCH_BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'

# A workspace of uv whose root is a package that requires its members.
UV = {
    "pyproject.toml": UV_BUILD
    + '[project]\nname = "app"\nversion = "1"\ndependencies = ["core", "client"]\n'
    '[tool.uv.workspace]\nmembers = ["libs/*"]\n'
    "[tool.uv.sources]\ncore = { workspace = true }\nclient = { workspace = true }\n",
    "libs/core/pyproject.toml": UV_BUILD + '[project]\nname = "core"\nversion = "1"\n',
    "libs/client/pyproject.toml": UV_BUILD
    + '[project]\nname = "client"\nversion = "1"\ndependencies = ["core"]\n',
}
# Projects of Poetry that share bricks, under a root that is not a package.
POETRY = {
    "pyproject.toml": '[tool.poetry]\nname = "all"\nversion = "0"\npackage-mode = false\n',
    "projects/api/pyproject.toml": POETRY_BUILD + '[tool.poetry]\nname = "api"\nversion = "1"\n'
    'packages = [{ include = "shop/cart", from = "../../components" }]\n'
    '[tool.poetry.dependencies]\npython = "^3.11"\nmodels = { path = "../models" }\n',
    "projects/models/pyproject.toml": POETRY_BUILD
    + '[tool.poetry]\nname = "models"\nversion = "1"\n',
    "components/shop/cart/__init__.py": "",
}
# Packages of Hatch and PDM side by side, functions that need them, a template that is none.
MIXED = {
    "instrumentation/web/pyproject.toml": HATCH_BUILD
    + '[project]\nname = "web"\ndynamic = ["version"]\n'
    'dependencies = ["api ~= 1.0"]\n[project.optional-dependencies]\ntest = ["tools"]\n',
    "api/pyproject.toml": PDM_BUILD
    + '[project]\nname = "api"\nversion = "1.0"\n[tool.pdm.dev-dependencies]\n'
    'dev = ["-e file:///${PROJECT_ROOT}/../tools#egg=tools"]\n',
    "tools/setup.py": 'from setuptools import setup\nsetup(name="tools", version="1")\n',
    "functions/hook/main.py": "def main(request): ...\n",
    "functions/hook/requirements.txt": "functions-framework\nweb==1.0\n-c ../../constraints.txt\n",
    "constraints.txt": "",
    "template/pyproject.toml": HATCH_BUILD + '[project]\nname = "<name>"\nversion = "1"\n',
}
INCLUDED = {
    "uv": {
        "monorepo-publish": ["**"],
        "libs-core-publish": ["libs/core/**"],
        "libs-client-publish": ["libs/client/**"],
    },
    "poetry": {
        "projects-api-publish": ["projects/api/**", "components/shop/cart/**"],
        "projects-models-publish": ["projects/models/**"],
    },
    "mixed": {
        "api-publish": ["api/**"],
        "instrumentation-web-publish": ["instrumentation/web/**"],
        "tools-publish": ["tools/**"],
        "functions-hook-deploy": [
            "functions/hook/**", "api/**", "instrumentation/web/**", "constraints.txt",
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("structure", "files", "exclude"),
    [
        pytest.param("uv", UV, [], marks=exhaustive),
        pytest.param("poetry", POETRY, [], marks=exhaustive),
        ("mixed", MIXED, ["template"]),
    ],
)
def test_a_monorepo_is_found_rendered_and_imported(
    structure: str,
    files: dict[str, str],
    exclude: list[str],
    *,
    api: CloudBuildApi,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, files)
    registry = ["--registry", "us-central1/demo/pypi", "--github", "acme/monorepo"]
    assert main(["init", str(tmp_path), *registry]) == 0
    manifest = tmp_path / "shipwheel.yaml"
    assert [it for it in read_manifest(manifest).packages.exclude if it != "examples"] == exclude
    assert main(["triggers", "render", "--manifest", str(manifest)]) == 0
    rendered = tmp_path / "triggers.yaml"
    rendered.write_text(capsys.readouterr().out)

    done = api.gcloud(
        "builds", "triggers", "import", f"--source={rendered}", "--region=us-central1"
    )

    assert (done.returncode, done.stderr) == (0, "")
    documents = {each["name"]: each for each in yaml.safe_load_all(rendered.read_text())}
    held = api.by_name("us-central1")
    assert held.keys() == documents.keys()
    assert {
        name: [glob for glob in trigger["includedFiles"] if not glob.startswith("cloudbuild/")]
        for name, trigger in held.items()
        if not name.endswith("check")
    } == INCLUDED[structure]
    assert len(documents) == 2 * len(INCLUDED[structure]) - (structure == "mixed")
    assert main(["triggers", "diff", "--manifest", str(manifest)]) == 0
