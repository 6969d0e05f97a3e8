"""The page that the emulator shows to a browser, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.browser import Browser
from tests.integration.builder.server.plain_http import TIMEOUT
from tests.integration.machine import needs_chromium
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/150.0", "Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _published(emulator: Emulator, tmp_path: Path) -> None:
    """Hold two versions of tides, and berths, which takes the older one."""
    for name, version, requires in (
        ("tides", "1.0", []),
        ("tides", "1.1", []),
        ("berths", "2.0", ["tides<1.1", "requests"]),
    ):
        project = make_project(tmp_path / version, name, version, requires=requires)
        folder = tmp_path / f"registry/demo/pypi/{name}"
        folder.mkdir(exist_ok=True)
        for it in make_distributions(project):
            it.path.rename(folder / it.filename)
    assert emulator.host


@needs_chromium
def test_a_browser_sees_what_was_published_and_what_requires_it(emulator: Emulator) -> None:
    url = f"http://{emulator.host}/demo/pypi/"
    with Browser() as browser:
        browser.open(url)
        rows = browser.run("[...document.querySelectorAll('#rows a')].map(it => it.innerText)")
        browser.run("location.hash = '#/tides'")
        browser.run("new Promise(resolve => setTimeout(resolve, 50))")
        panel = browser.run("find('panel').innerText")

        assert rows == ["berths", "tides"]
        assert {"tides-1.1-py3-none-any.whl", "takes 1.0", "berths"} < {
            *panel.splitlines(),
            "berths",
        }
        assert browser.problems == []
        assert {*browser.requests} == {url}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (BROWSER, 200),
        ({**BROWSER, "Accept": "application/json"}, 404),
        (
            {"User-Agent": "pip/26.0", "Accept": "application/vnd.pypi.simple.v1+json, text/html"},
            404,
        ),
        ({"User-Agent": "uv/0.13"}, 404),
        ({"User-Agent": "twine/7.0"}, 404),
    ],
    ids=["browser", "json", "pip", "uv", "twine"],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_only_a_browser_is_shown_the_page(
    emulator: Emulator, headers: dict[str, str], status: int, slash: str
) -> None:
    url = f"http://{emulator.host}/demo/pypi{slash}"

    answer = requests.get(url, headers=headers, timeout=TIMEOUT)

    assert answer.status_code == status
    assert ("tides" in answer.text) is (status == 200)


def test_a_browser_reads_the_same_index_as_a_client(emulator: Emulator) -> None:
    url = f"http://{emulator.host}/demo/pypi/simple/tides/"

    seen, read = (requests.get(url, headers=it, timeout=TIMEOUT).text for it in (BROWSER, {}))

    assert seen == read


@pytest.mark.emulator(token="ya29.planted-token")
def test_a_browser_without_the_token_is_asked_for_it(emulator: Emulator) -> None:
    url = f"http://{emulator.host}/demo/pypi/"

    answer = requests.get(url, headers=BROWSER, timeout=TIMEOUT)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
