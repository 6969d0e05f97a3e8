"""A client set up by `shipwheel settings --write` alone installs and publishes as it should."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.clients import (
    OURS,
    Desk,
    Pdm,
    Pip,
    Poetry,
    Twine,
    Uv,
    install_clients,
    installed,
)
from tests.integration.selection import sample
from tests.integration.servers.google import Google
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ya29.of-the-clients"
INSTALLERS = [Pip, Uv, Poetry, Pdm]
PUBLISHERS = [Twine, Uv, Poetry, Pdm]
REGISTRY = ("--registry", "us-central1/demo/all", "--standard", "us-central1/demo/private")
# What of the environment leads to Google on loopback, and nothing of this machine's.
_GOOGLE = ("CLOUDSDK_", "GCE_", "HTTPS_", "https_", "NO_", "no_", "REQUESTS_", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Market:
    """The registry with a public index behind it; *files* is where private files are."""

    google: Google
    emulator: Emulator
    files: Path


def stock(root: Path, repository: str, name: str, version: str, *requires: str) -> None:
    """Put wheel and sdist of a tiny project into a repository of the emulator."""
    sources = root.parent / "sources" / repository / version
    project = make_project(sources, name, version, requires=requires, text=repository)
    folder = root / repository / name
    folder.mkdir(parents=True, exist_ok=True)
    for distribution in make_distributions(project):
        shutil.copy(distribution.path, folder)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("market")
    root = folder / "registry"
    stock(root, "public/index", "harbour", "1.0")
    # A stranger has published the name of a private package: the same version, and a higher one.
    for version in ("2.0", "9.0"):
        stock(root, "public/index", "tides", version)
    for version in ("1.0", "1.1", "2.0", "2.1.dev1"):
        stock(root, "demo/private", "tides", version, "harbour")
    with ExitStack() as stack:
        public = stack.enter_context(Emulator(root, repositories=["public/index"]))
        private = stack.enter_context(
            Emulator(
                root,
                repositories=["demo/private"],
                remotes={"demo/proxy": f"http://{public.host}/public/index/"},
                virtuals={"demo/all": {"demo/private": 100, "demo/proxy": 50}},
                token=TOKEN,
            )
        )
        google = stack.enter_context(Google(folder, private.host, TOKEN))
        yield Market(google, private, root / "demo/private")


@pytest.fixture(scope="session")
def commands(request: pytest.FixtureRequest) -> Path:
    return install_clients(request.config.cache.mkdir("clients"))


@pytest.fixture
def desk(market: Market, commands: Path, tmp_path: Path) -> Desk:
    """Give a desk where keyring finds the token, as on a machine of Google's."""
    given = {key: it for key, it in market.google.environ.items() if key.startswith(_GOOGLE)}
    return Desk(tmp_path, commands, {**given, "PIP_CERT": given["REQUESTS_CA_BUNDLE"]})


@pytest.fixture
def plain_desk(market: Market, commands: Path, tmp_path: Path) -> Desk:
    """Give a desk without keyring, where the token is in the environment of `shipwheel` only."""
    variables = {
        "ARTIFACT_REGISTRY_EMULATOR_HOST": market.emulator.host,
        "TWINE_USERNAME": "oauth2accesstoken",
        "TWINE_PASSWORD": TOKEN,
    }
    desk = Desk(tmp_path, commands, variables)
    (tmp_path / "bin/keyring").unlink()
    return desk


@pytest.mark.parametrize("kind", INSTALLERS)
def test_it_installs_a_range_of_a_private_package_with_its_public_dependency(
    desk: Desk, kind: type[Pip | Uv | Poetry | Pdm]
) -> None:
    client = kind(desk)
    desk.settings(kind.name, "--package", "tides", "--write", *REGISTRY)

    assert client.install("tides<2") == {"harbour": "1.0", "tides": "1.1"}


@sample("kind", INSTALLERS, Pip, Uv)
def test_it_takes_a_pre_release_when_asked_and_not_otherwise(
    desk: Desk, kind: type[Pip | Uv | Poetry | Pdm]
) -> None:
    client = kind(desk)
    desk.settings(kind.name, "--package", "tides", "--write", *REGISTRY)

    assert client.resolve("tides<3") == {"harbour": "1.0", "tides": "2.0"}
    assert client.resolve("tides>=1.0.dev0,<3", *client.pre) == {
        "harbour": "1.0",
        "tides": "2.1.dev1",
    }


@sample("kind", [Uv, Poetry, Pdm], Uv)
def test_it_prefers_the_private_package_to_a_higher_public_one(
    desk: Desk, market: Market, kind: type[Uv | Poetry | Pdm]
) -> None:
    client = kind(desk)
    desk.settings(kind.name, "--package", "tides", "--write", *REGISTRY)

    assert client.resolve("tides") == {"harbour": "1.0", "tides": "2.0"}
    (lock,) = desk.project.glob("*.lock")
    assert digest(market, "tides-2.0-py3-none-any.whl") in lock.read_text()


def test_pip_takes_the_private_file_of_a_version_and_needs_a_pin_for_the_version(
    desk: Desk, market: Market
) -> None:
    pip = Pip(desk)
    desk.settings("pip", "--write", *REGISTRY)

    assert pip.resolve("tides") == {"tides": "9.0"}
    assert pip.resolve("--pre", "tides<3") == {"harbour": "1.0", "tides": "2.1.dev1"}
    pin = desk.project / "requirements.txt"
    hashed = digest(market, "tides-2.0-py3-none-any.whl")
    pin.write_text(f"tides==2.0 --hash=sha256:{hashed}\n")
    assert pip.install("--no-deps", "--requirement", str(pin)) == {"tides": "2.0"}


@sample("kind", PUBLISHERS, Twine, Uv)
def test_it_publishes(
    desk: Desk, market: Market, tmp_path: Path, kind: type[Twine | Uv | Poetry | Pdm]
) -> None:
    name = f"by_{kind.name}"
    project = make_project(tmp_path, name)
    distributions = make_distributions(project)
    desk.settings(kind.name, "--package", name, "--write", *REGISTRY, cwd=project)

    kind(desk).publish(project)

    folder = market.files / name.replace("_", "-")
    published = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert published == {it.path.name: it.path.read_bytes() for it in distributions}


@sample("kind", INSTALLERS, Pip, Uv)
def test_it_reads_the_token_in_the_netrc_file(
    plain_desk: Desk, kind: type[Pip | Uv | Poetry | Pdm]
) -> None:
    plain_desk.settings(kind.name, "--package", "tides", "--netrc", "--write", *REGISTRY)
    del plain_desk.environ["TWINE_PASSWORD"]

    assert kind(plain_desk).resolve("tides<2") == {"harbour": "1.0", "tides": "1.1"}


@sample("kind", [Pip, Uv, Poetry], Pip)
def test_a_token_lasts_for_one_shell(plain_desk: Desk, kind: type[Pip | Uv | Poetry]) -> None:
    if kind is not Pip:
        plain_desk.settings(kind.name, "--package", "tides", "--write", *REGISTRY)
    evaluate(plain_desk, plain_desk.settings(kind.name, "--shell", *REGISTRY))

    assert kind(plain_desk).resolve("tides<2") == {"harbour": "1.0", "tides": "1.1"}


def test_twine_and_pdm_publish_with_the_token_of_one_shell(
    plain_desk: Desk, market: Market, tmp_path: Path
) -> None:
    for name in ("token_by_twine", "token_by_pdm"):
        make_distributions(make_project(tmp_path, name))
    evaluate(plain_desk, plain_desk.settings("twine", "--shell", *REGISTRY))
    files = sorted((tmp_path / "token_by_twine/dist").glob("*-*"))
    plain_desk.run(OURS / "twine", "upload", "--non-interactive", *files)

    options = ["--package", "token_by_pdm", *REGISTRY]
    project = tmp_path / "token_by_pdm"
    plain_desk.settings("pdm", "--write", *options, cwd=project)
    evaluate(plain_desk, plain_desk.settings("pdm", "--shell", *options))
    Pdm(plain_desk).publish(project)

    for name in ("token-by-twine", "token-by-pdm"):
        assert len([*(market.files / name).iterdir()]) == 2


def test_the_poetry_recipe_of_2021_runs_as_it_was_written(
    market: Market, commands: Path, tmp_path: Path
) -> None:
    url = f"http://{market.emulator.host}/demo/private"
    desk = Desk(
        tmp_path,
        commands,
        {
            "POETRY_HTTP_BASIC_HARBOUR_USERNAME": "oauth2accesstoken",
            "POETRY_HTTP_BASIC_HARBOUR_PASSWORD": TOKEN,
        },
    )
    package = make_project(tmp_path, "recipe")
    (package / "README.md").touch()
    (package / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "recipe"\nversion = "1.0"\ndescription = ""\nauthors = []\n'
        '[tool.poetry.dependencies]\npython = ">=3.11"\n'
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    poetry = commands / "poetry"

    desk.run(poetry, "config", "repositories.harbour", f"{url}/")
    desk.run(poetry, "publish", "--build", "--repository", "harbour", cwd=package)
    desk.run(poetry, "source", "add", "harbour", f"{url}/simple/")
    desk.run(poetry, "add", "--source", "harbour", "recipe")

    assert installed(desk.project / ".venv") == {"recipe": "1.0"}


def digest(market: Market, filename: str) -> str:
    return hashlib.sha256((market.files / "tides" / filename).read_bytes()).hexdigest()


def evaluate(desk: Desk, exports: str) -> None:
    """Do with *exports* what the shell's `eval` does, and forget what was there before."""
    for variable in ("TWINE_USERNAME", "TWINE_PASSWORD"):
        desk.environ.pop(variable, None)
    for line in exports.splitlines():
        words = shlex.split(line)
        assert words[0] == "export"
        variable, _, value = words[1].partition("=")
        desk.environ[variable] = value
    assert "TWINE_PASSWORD" not in os.environ
