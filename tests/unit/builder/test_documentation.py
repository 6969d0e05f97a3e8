"""The documents say what is true: links, snippets, commands, codes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

import builder
import steps
import triggers
from builder.__main__ import shipwheel
from steps.host import errors
from steps.host.errors import ShipwheelError
from steps.release.judgement import REFUSED, Outcome
from tests.documentation import DOCUMENTS, GUIDE, ROOT
from tests.documentation.examples import read_examples
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.cloudbuild.files import read_build_config
from triggers.manifest.manifest import parse_manifest

if TYPE_CHECKING:
    from types import ModuleType

README = (ROOT / "README.md").read_text()
OUTCOMES = (ROOT / "docs/reference/outcomes.md").read_text()
MERMAID_LINE = re.compile(
    r"flowchart LR|subgraph \w+ \[.+\]|direction LR|end|"
    r"\w+(\[.+?\]|\(.+?\)|\{.+?\})?( -- [\w ,]+)? -->"
    r" ?\w+(\[.+?\]|\(.+?\)|\{.+?\})?( --> \w+(\[.+?\]|\(.+?\)|\{.+?\})?)*"
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sources_of(*packages: ModuleType) -> str:
    """Return the text of all modules of *packages*, wherever they are installed."""
    folders = [Path(package.__path__[0]) for package in packages]
    return "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))


def option_names(command: click.Command) -> set[str]:
    context = click.Context(command)
    return {name for it in command.get_params(context) for name in (*it.opts, *it.secondary_opts)}


def anchors(page: Path) -> set[str]:
    """Return those that GitHub gives the headings of *page*."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_to_a_file_and_its_heading(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text())
    targets = [((document.parent / path) if path else document, anchor) for path, anchor in links]

    assert [path for path, _ in targets if not path.exists()] == []
    assert [(path, it) for path, it in targets if it and it not in anchors(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_typed_exists_with_its_options(document: Path) -> None:
    typed = re.findall(r"(?:^|[`$] ?)(shipwheel [^`|\n\\]+)", document.read_text(), re.MULTILINE)

    for line in typed:
        command: click.Command = shipwheel
        words = shlex.split(line, comments=True)[1:]
        while isinstance(command, click.Group) and words:
            if words[0].startswith("-"):
                assert words.pop(0) in option_names(command), line
                continue
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert options <= option_names(command), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_output_that_is_shown_comes_from_a_run(document: Path) -> None:
    examples = read_examples(document.read_text())
    shown = [it.output for example in examples if example.before is None for it in example.typed]

    assert [output for output in shown if output] == []


def test_the_two_commands_of_the_readme_are_verbs_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    typed = re.findall(r"^\$ make (\w+)$", README, re.MULTILINE)

    assert typed == ["demo", "test"]
    assert all(re.search(rf"^{verb}:", makefile, re.MULTILINE) for verb in typed)


def test_the_build_configs_of_the_readme_do_the_same_in_forty_lines_and_in_five() -> None:
    by_hand, ours = (read_build_config(it, "README.md").build for it in blocks(README, "yaml"))

    assert [len(it.splitlines()) for it in blocks(README, "yaml")] == [40, 5]
    assert [step.args[0] for step in ours.steps] == ["publish"]
    assert [step.id for step in by_hand.steps] == ["tools", "build", "publish"]
    assert (
        ours.substitutions == by_hand.substitutions == {"_REGION": "us-central1", "_REPO": "pypi"}
    )


def test_what_the_guide_writes_into_the_manifest_is_valid() -> None:
    pages = "".join(page.read_text() for page in GUIDE.glob("*.md"))
    known = re.findall(r"`((?:source|deploy): \{.*?\}\}?)`", pages)

    assert len(known) >= 2
    for cell in known:
        parse_manifest({**SMALLEST, **yaml.safe_load(f"{{{cell}}}")})


def test_the_guide_quotes_shipwheel_as_it_speaks() -> None:
    _, _, tables = (GUIDE / "troubleshooting.md").read_text().partition("\n## Shipwheel\n")
    quoted = re.findall(r"^\| `([^`]+)`", tables.partition("\n## ")[0], re.MULTILINE)
    sources = sources_of(steps)

    assert len(quoted) == 4
    assert [text for text in quoted if text not in sources] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_yaml_that_is_shown_is_valid(document: Path) -> None:
    hooks = {it["id"] for it in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    for block in blocks(document.read_text(), "yaml"):
        content = yaml.safe_load(block)
        if "steps" in content:
            read_build_config(block, document.name)
        elif "repos" in content:
            assert {hook["id"] for repo in content["repos"] for hook in repo["hooks"]} <= hooks
        else:
            parse_manifest({**SMALLEST, **content})


def test_the_picture_of_the_readme_is_a_flowchart() -> None:
    (picture,) = blocks(README, "mermaid")
    lines = [line.strip() for line in picture.splitlines()]

    assert [line for line in lines if not MERMAID_LINE.fullmatch(line)] == []
    assert lines.count("end") == sum(line.startswith("subgraph") for line in lines)


def test_the_readme_lists_every_command() -> None:
    rows = re.findall(r"^\| (`shipwheel .*?`) \|", README, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`shipwheel (\w+)", row)}

    assert listed == {*shipwheel.index, "completion"}


def test_every_exit_code_is_listed() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", OUTCOMES, re.MULTILINE)}

    codes = {it.exit_code for it in ShipwheelError.__subclasses__()}
    assert listed == codes | {0, errors.EXIT_BUG, 130}


def test_every_outcome_is_listed_with_its_exit_code() -> None:
    listed = re.findall(r"\| `([a-z-]+)`: .* \| (\d) \|$", OUTCOMES, re.MULTILINE)

    assert dict(listed) == {it.value: "1" if it in REFUSED else "0" for it in Outcome}


def test_every_variable_of_shipwheels_own_is_listed() -> None:
    page = (ROOT / "docs/reference/environment.md").read_text()

    read = set(
        re.findall(
            r"\"(SHIPWHEEL_[A-Z_]+|ARTIFACT_REGISTRY_[A-Z_]+)\"",
            sources_of(builder, steps, triggers),
        )
    )
    assert "SHIPWHEEL_REGISTRY" in read
    assert {name for name in read if f"`{name}`" not in page} == set()
