"""The page of `shipwheel status`, in a real browser: every test ends with a silent console."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.browser import Browser
from tests.integration.machine import needs_chromium
from triggers.overview.model import (
    ComponentStatus,
    Consumer,
    FileRecord,
    Overview,
    TriggerStatus,
    VersionRecord,
    render_page,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = needs_chromium

EVIL = "</script><script>document.title='taken'</script><img src=https://evil.example/x>"
SHA = "ab" * 32
ENTER, ESCAPE, DOWN = 13, 27, 40


def package(
    name: str, version: str, state: str, *consumers: Consumer, **more: Any
) -> ComponentStatus:
    files = (FileRecord(filename=f"{name}-1.0.tar.gz", kind="sdist", size=14200, sha256=SHA),)
    old = VersionRecord(version="1.0", files=files, uploaded="2026-01-02T03:04:05Z")
    return ComponentStatus(
        kind="package",
        name=name,
        path=f"packages/{name}",
        version=version,
        highest="1.0",
        state=state,
        consumers=consumers,
        versions=(old,),
        **more,
    )


def consumer(name: str, path: str, **more: Any) -> Consumer:
    given = {"kind": "package", "requirement": ">=1", "fit": "current", "takes": "1.0", **more}
    return Consumer(name=name, path=path, **given)


def trigger(name: str, live: Any = "unknown", starts_on: str = "a push") -> TriggerStatus:
    return TriggerStatus(name=name, kind="publish", starts_on=starts_on, live=live)


SAMPLE = Overview(
    title="harbour",
    registry="https://us-central1-python.pkg.dev/demo/pypi/",
    time="2026-11-29T08:00:00+00:00",
    notes=("Sizes are not known",),
    components=(
        package(
            "tides",
            "1.10",
            "new",
            consumer("berths", "packages/berths"),
            consumer("uv.lock", "uv.lock", kind="lock file", fit="older", takes="0.9"),
            triggers=(
                TriggerStatus(
                    name="tides-publish", kind="publish", starts_on="a push", live="update"
                ),
                TriggerStatus(
                    name="tides-check", kind="publish", starts_on="a pull request", live="unchanged"
                ),
            ),
        ),
        package("berths", "1.9", "published", requires=("packages/tides",)),
        package("<b>dues</b>", "1.0", "changed", reason=EVIL, hint="bump it"),
        ComponentStatus(
            kind="function", name="finder", path="functions/finder", requires=("packages/berths",)
        ),
    ),
)


@pytest.fixture(scope="module", name="chromium")
def _chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(name="show")
def _show(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Return what opens the page of an overview; in the end nothing was said, or asked for."""
    file = tmp_path / "status.html"

    def show(overview: Overview = SAMPLE, *, width: int = 1200, dark: bool = False) -> Browser:
        file.write_text(render_page(overview), encoding="utf-8")
        chromium.resize(width, 900, dark=dark)
        chromium.open(file.as_uri())
        return chromium

    chromium.problems.clear()
    chromium.requests.clear()
    yield show
    assert chromium.problems == []
    assert {*chromium.requests} == {file.as_uri()}


def names(browser: Browser) -> list[str]:
    found: list[str] = browser.run(
        "[...document.querySelectorAll('#rows a')].map(a => a.innerText)"
    )
    return found


def click(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector({json.dumps(selector)}).click()")
    browser.run("new Promise(resolve => setTimeout(resolve, 50))")


def text(browser: Browser, selector: str) -> str:
    found: str = browser.run(f"document.querySelector({json.dumps(selector)}).innerText")
    return found


def test_rows_are_sorted_by_the_heading_that_is_clicked_versions_as_versions(
    show: Callable[..., Browser],
) -> None:
    browser = show()

    assert names(browser) == ["<b>dues</b>", "berths", "finder", "tides"]
    click(browser, "th[data-id=version] button")
    assert names(browser) == ["<b>dues</b>", "berths", "tides", "finder"]
    click(browser, "th[data-id=version] button")
    assert names(browser) == ["tides", "berths", "<b>dues</b>", "finder"]
    assert browser.run("document.querySelector('th[aria-sort]').ariaSort") == "descending"
    click(browser, "th[data-id=consumers] button")
    assert names(browser)[0] == "tides"


def test_a_search_finds_names_paths_and_consumers(show: Callable[..., Browser]) -> None:
    browser = show()

    browser.press("/", 191, "/")
    for key in "uv.lock":
        browser.press(key, text=key)

    assert names(browser) == ["tides"]
    assert text(browser, "#count") == "1 of 4 entries"
    browser.run(
        "find('search').value = 'nothing like it'; find('search').dispatchEvent(new Event('input'))"
    )
    assert (names(browser), browser.run("find('none').hidden")) == ([], False)
    click(browser, "#clear")
    assert len(names(browser)) == 4


@pytest.mark.parametrize(
    ("chips", "shown"),
    [
        (["new"], ["tides"]),
        (["new", "changed"], ["<b>dues</b>", "tides"]),
        (["function"], ["finder"]),
        (["older"], ["tides"]),
        (["differs", "published"], []),
    ],
)
def test_chips_filter_by_state_and_by_what_waits(
    show: Callable[..., Browser], chips: list[str], shown: list[str]
) -> None:
    browser = show()

    for chip in chips:
        click(browser, f".chip[data-id={chip}]")

    assert names(browser) == shown
    assert browser.run("document.querySelectorAll('.chip[aria-pressed=true]').length") == len(chips)


def test_a_package_opens_with_everything_and_a_dependency_is_followed_and_gone_back(
    show: Callable[..., Browser],
) -> None:
    browser = show()

    click(browser, "#rows tr[data-path='packages/tides'] td:last-child")

    panel = text(browser, "#panel")
    for said in (
        *("tides", "package in packages/tides", "uv.lock", "takes 0.9", "tides-publish", "differs"),
        *("tides-1.0.tar.gz", "14 kB", f"sha256:{SHA}", "Jan 2, 2026", "commit not recorded"),
    ):
        assert said in panel
    assert browser.run("document.activeElement.id") == "panel-title"
    click(browser, "#panel a[href='#/packages%2Fberths']")
    assert text(browser, "#panel-title") == "berths"
    click(browser, "#panel a[href='#/packages%2Ftides']")
    browser.run("history.back()")
    browser.run("new Promise(resolve => setTimeout(resolve, 100))")
    assert text(browser, "#panel-title") == "berths"
    browser.press("Escape", ESCAPE)
    assert browser.run("find('panel').hidden")
    assert browser.run("document.activeElement.innerText") == "berths"


def test_the_keyboard_alone_is_enough(show: Callable[..., Browser]) -> None:
    browser = show()

    browser.run("document.querySelector('#rows a').focus()")
    browser.press("ArrowDown", DOWN)
    assert browser.run("document.activeElement.innerText") == "berths"
    browser.press("Enter", ENTER, "\r")
    browser.run("new Promise(resolve => setTimeout(resolve, 50))")

    assert text(browser, "#panel-title") == "berths"


def test_the_graph_leads_from_what_is_required_to_what_requires_it(
    show: Callable[..., Browser],
) -> None:
    browser = show()
    click(browser, "#as-graph")

    places = browser.run(
        "[...document.querySelectorAll('.node')].map(it =>"
        " [it.key, it.transform.baseVal[0].matrix.e, it.transform.baseVal[0].matrix.f])"
    )
    at = {key: (x, y) for key, x, y in places}
    assert at["packages/tides"][0] < at["packages/berths"][0] < at["functions/finder"][0]
    assert at["packages/<b>dues</b>"][1] > max(at["packages/tides"][1], at["functions/finder"][1])
    assert browser.run("document.querySelectorAll('.edge').length") == 2
    browser.run("location.hash = document.querySelectorAll('.node')[1].getAttribute('href')")
    browser.run("new Promise(resolve => setTimeout(resolve, 50))")
    assert text(browser, "#panel-title") == "berths"
    assert browser.run("document.querySelectorAll('.node.near').length") == 3
    click(browser, "#focus")
    assert browser.run("document.querySelectorAll('.node').length") == 3
    click(browser, "#zoom-in")
    assert browser.run("find('canvas').drawn.drawing.getBoundingClientRect().width > 100")


def test_a_cycle_is_drawn(show: Callable[..., Browser]) -> None:
    tides, berths, *_ = SAMPLE.components
    cycle = (replace(tides, requires=("packages/berths", "packages/tides")), berths)

    browser = show(replace(SAMPLE, components=cycle))
    click(browser, "#as-graph")

    assert browser.run("document.querySelectorAll('.node').length") == 2
    assert browser.run("document.querySelectorAll('.edge').length") == 2


@pytest.mark.parametrize("dark", [False, True])
def test_the_colors_are_those_of_the_system_until_others_are_chosen(
    show: Callable[..., Browser], dark: bool
) -> None:
    browser = show(dark=dark)

    def ground() -> str:
        found: str = browser.run("getComputedStyle(document.body).backgroundColor")
        return found

    colors = {False: "rgb(246, 247, 245)", True: "rgb(17, 23, 26)"}
    assert ground() == colors[dark]
    click(browser, "#theme")
    assert (ground(), text(browser, "#theme")) == (colors[True], "Dark")
    click(browser, "#theme")
    assert (ground(), text(browser, "#theme")) == (colors[False], "Light")
    click(browser, "#theme")
    assert ground() == colors[dark]


@pytest.mark.parametrize("field", ["name", "path", "title", "registry", "note", "file", "trigger"])
def test_what_others_wrote_is_text(show: Callable[..., Browser], field: str) -> None:
    files = (FileRecord(filename=EVIL if field == "file" else "a", kind="wheel"),)
    evil = trigger(EVIL if field == "trigger" else "t", starts_on="\u2028")
    component = ComponentStatus(
        kind="package",
        name=EVIL if field == "name" else "a",
        path=EVIL if field == "path" else "p",
        triggers=(evil,),
        versions=(VersionRecord(version="1", files=files),),
    )
    overview = Overview(
        title=EVIL if field == "title" else "t",
        registry=EVIL if field == "registry" else "r",
        time="never <b>",
        notes=(EVIL if field == "note" else "\udc80",),
        components=(component,),
    )

    browser = show(overview)
    click(browser, "#rows a")
    click(browser, "#as-graph")

    assert browser.run("document.images.length + document.scripts.length") == 2
    assert browser.run("document.title") != "taken"
    assert EVIL in browser.run("document.body.innerText")


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_window(show: Callable[..., Browser], width: int) -> None:
    long = replace(SAMPLE.components[0], name="tides-" * 30, path=f"packages/{'tides-' * 30}")
    browser = show(replace(SAMPLE, components=(*SAMPLE.components, long)), width=width)

    assert browser.run("document.documentElement.scrollWidth") <= width
    click(browser, "#rows tr:last-child a")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_everything_has_a_name_for_a_screen_reader(show: Callable[..., Browser]) -> None:
    browser = show()
    click(browser, "#rows a")

    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]

    named = [
        (node["role"]["value"], node["name"].get("value", ""))
        for node in nodes
        if not node["ignored"] and "role" in node and "name" in node
    ]
    needs_name = {"button", "link", "searchbox", "table", "complementary", "combobox"}
    assert not [role for role, name in named if role in needs_name and not name.strip()]
    roles = {role for role, _ in named}
    assert {"table", "row", "columnheader", "complementary", "main", "banner", "status"} <= roles


def test_five_hundred_packages_open_in_a_second_and_stay_below_two_megabytes(
    show: Callable[..., Browser],
) -> None:
    versions = tuple(
        VersionRecord(
            version=f"1.{minor}.0",
            files=tuple(
                FileRecord(filename=f"a_long_name-1.{minor}.0-{it}", kind="wheel", sha256=SHA)
                for it in range(2)
            ),
            uploaded="2026-01-02T03:04:05.678901Z",
        )
        for minor in range(20)
    )
    components = tuple(
        replace(
            SAMPLE.components[0],
            name=f"package-{number}",
            path=f"packages/package-{number}",
            versions=versions,
            requires=tuple(
                f"packages/package-{it}" for it in {number // 2, number // 3} - {number}
            ),
        )
        for number in range(500)
    )
    overview = replace(SAMPLE, components=components)

    browser = show(overview)

    assert len(render_page(overview).encode()) < 2_000_000
    assert browser.run("new Promise(resolve => requestAnimationFrame(() => resolve(1)))") == 1
    assert browser.processor_seconds() < 1
    assert len(names(browser)) == 500
    click(browser, "#rows a")
    assert "and 1" in text(browser, "#panel")
    assert "older versions: shipwheel versions package-0" in text(browser, "#panel")
