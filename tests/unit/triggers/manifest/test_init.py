from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from builder.__main__ import main
from tests.unit.triggers.manifest.answers import FILES, GITHUB, REGISTRY
from triggers.manifest.manifest import SCHEMA_URL, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("here")


def test_it_writes_the_manifest_and_the_build_configs_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *REGISTRY, *GITHUB]) == 0

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "".join(f"{path}: written\n" for path in FILES)
        + "Next: look through shipwheel.yaml, then run `shipwheel setup`\n"
    )
    assert sorted(FILES) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.yaml")
    )
    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert (manifest.project, manifest.region) == ("my-project", "us-central1")
    assert manifest.registry == "us-central1/my-project/pypi"
    assert manifest.image.startswith("us-central1-docker.pkg.dev/my-project/docker/shipwheel:")


@pytest.mark.parametrize(
    ("registry", "connected_in", "region"),
    [
        ("us-east4", "", "us-central1"),
        ("northamerica-northeast1", "", "us-central1"),
        ("europe-west3", "", "europe-west1"),
        ("asia-northeast1", "", "asia-east1"),
        ("us-west2", "", "us-west2"),
        ("us-west2", "us-central1", "us-central1"),
    ],
)
def test_triggers_are_where_every_project_may_build_and_the_registry_stays(
    tmp_path: Path,
    registry: str,
    connected_in: str,
    region: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connected = f"projects/p/locations/{connected_in}/connections/hub/repositories/r"
    source = ["--repository", connected] if connected_in else GITHUB

    assert main(["init", "--registry", f"{registry}/my-project/pypi", *source]) == 0

    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert (manifest.region, manifest.registry) == (region, f"{registry}/my-project/pypi")
    said = (
        f"The triggers' region is {region!r}, the registry's {registry!r}; --region names another"
    )
    assert (said in capsys.readouterr().err) is (region != registry)


def test_a_region_where_not_every_project_may_build_is_taken_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *REGISTRY, *GITHUB, "--region", "us-east4"]) == 0
    assert main(["setup"]) == 0

    warning = (
        "warning: New and small projects may not build in 'us-east4', the `region` of the triggers"
    )
    assert capsys.readouterr().err.count(warning) == 2
    assert read_manifest(tmp_path / "shipwheel.yaml").region == "us-east4"


_SETUPTOOLS = '[build-system]\nbuild-backend = "setuptools.build_meta"\n'
_FIND = "[tool.setuptools.packages.find]"


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"pyproject.toml": _SETUPTOOLS}, f'below {_FIND}, write: include = ["tides*"]'),
        ({"setup.py": "setup(name='a')"}, f'below {_FIND}, write: include = ["tides*"]'),
        ({"pyproject.toml": _SETUPTOOLS, "tides": ""},
         'below [tool.setuptools], write: py-modules = ["harbour"]'),
        ({"pyproject.toml": _SETUPTOOLS, "src/tides/__init__.py": ""}, ""),
        ({"pyproject.toml": f'{_SETUPTOOLS}{_FIND}\ninclude = ["tides*"]\n'}, ""),
        ({"pyproject.toml": _SETUPTOOLS, "setup.cfg": "[options]\npackages = find:\n"}, ""),
        ({"setup.py": "setup(packages=find_packages())"}, ""),
        ({"pyproject.toml": _SETUPTOOLS.replace("setuptools", "hatchling")}, ""),
        ({"pyproject.toml": "[tool.ruff]\n"}, ""),
        ({"pyproject.toml": "[tool."}, ""),
    ],
)  # fmt: skip
def test_a_folder_that_setuptools_would_take_for_a_package_is_told(
    files: dict[str, str], hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, text in {"tides/__init__.py": "", "tests/__init__.py": "", **files}.items():
        if "." in path:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    (tmp_path / "harbour.py").touch()
    if "tides" in files:
        (tmp_path / "tides/__init__.py").unlink()

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    told = "setuptools takes the new folder 'cloudbuild' for a package: the build fails, or lacks"
    output = capsys.readouterr().err
    assert (told in output) is bool(hint)
    assert f"hint: in pyproject.toml, {hint}\n" in output or not hint


def test_the_manifest_begins_with_its_schema_for_editors(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])

    first, *_ = (tmp_path / "shipwheel.yaml").read_text().splitlines()
    assert first == f"# yaml-language-server: $schema={SCHEMA_URL}"


def test_the_examples_in_the_comments_are_valid(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])
    lines = (tmp_path / "shipwheel.yaml").read_text().splitlines()
    paragraphs = "\n".join(lines[1:]).split("\n\n")
    examples = [
        "\n".join(line.removeprefix("# ") for line in paragraph.splitlines()[1:])
        for paragraph in paragraphs
        if all(line.startswith("#") for line in paragraph.splitlines())
    ]
    assert len(examples) == 5

    (tmp_path / "shipwheel.yaml").write_text("\n".join([*lines, *examples]))

    assert read_manifest(tmp_path / "shipwheel.yaml").packages.exclude == ("examples", "tests")


def test_every_build_config_logs_where_an_account_of_the_users_may(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])

    for path in FILES[1:]:
        config = yaml.safe_load((tmp_path / path).read_text())
        assert config["options"]["logging"] == "CLOUD_LOGGING_ONLY", path
        assert config["timeout"].endswith("s"), path
        assert all(step["id"] for step in config["steps"]), path


def test_a_second_time_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", *REGISTRY, *GITHUB])
    capsys.readouterr()
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in FILES}

    assert main(["init", *REGISTRY, *GITHUB, "--json"]) == 0

    written = json.loads(capsys.readouterr().out)
    assert written == {"files": [{"path": path, "outcome": "unchanged"} for path in FILES]}
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in FILES} == before


def test_nothing_is_replaced_without_force_and_nothing_else_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shipwheel.yaml").write_text("mine\n")
    (tmp_path / "cloudbuild").mkdir()
    (tmp_path / FILES[1]).write_bytes(b"\xff")

    assert main(["init", *REGISTRY, *GITHUB]) == 2

    hint = "  hint: --force replaces it; without, nothing at all was written\n"
    assert capsys.readouterr().err == (
        f"error: The file 'shipwheel.yaml' is there already, with other contents\n{hint}"
        f"error: The file '{FILES[1]}' is there already, with other contents\n{hint}"
    )
    assert (tmp_path / "shipwheel.yaml").read_text() == "mine\n"
    assert [path.name for path in (tmp_path / "cloudbuild").iterdir()] == ["check-package.yaml"]


def test_force_replaces_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shipwheel.yaml").write_text("mine\n")

    assert main(["init", *REGISTRY, *GITHUB, "--force", "--json"]) == 0

    [manifest, *others] = json.loads(capsys.readouterr().out)["files"]
    assert manifest == {"path": "shipwheel.yaml", "outcome": "replaced"}
    assert {each["outcome"] for each in others} == {"written"}
    assert (tmp_path / "shipwheel.yaml").read_text() != "mine\n"


def test_a_place_that_cannot_be_written_is_one_clean_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cloudbuild").write_text("a file, where a directory has to be\n")

    assert main(["init", *REGISTRY, *GITHUB]) == 2

    assert "'cloudbuild/check-package.yaml' cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "shipwheel.yaml").exists()


@pytest.mark.attack("files of the user")
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nothing_is_written_where_a_symbolic_link_leads(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    force: list[str],
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "shipwheel.yaml").symlink_to(elsewhere / "nothing.yaml")
    (tmp_path / "cloudbuild").symlink_to(elsewhere)

    assert main(["init", *REGISTRY, *GITHUB, *force]) == 2

    said = capsys.readouterr().err
    assert f"'shipwheel.yaml' is a symbolic link, to '{elsewhere}/nothing.yaml'" in said
    assert "The folder of 'cloudbuild/check-package.yaml' is a symbolic link, to " in said
    assert [*elsewhere.iterdir()] == []
