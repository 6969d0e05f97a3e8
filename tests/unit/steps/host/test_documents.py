"""YAML as all commands read it: merge keys, scalars that are not what they look like, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from builder.__main__ import main
from steps.host.documents import YamlError, read_documents, read_yaml
from tests.unit.triggers.manifest.test_manifest import SMALLEST

MANIFEST = yaml.safe_dump(SMALLEST)
CONFIG = "steps: [{name: shipwheel, args: [--version]}]\n"
TRIGGER = "name: a\ngithub: {owner: acme, name: monorepo, push: {branch: ^main$}}\n"
# Every way into a file, by the file.
READERS = {
    "manifest": (["render"], ["graph"], ["explain", "--files", "x"], ["lint", "shipwheel.yaml"]),
    "config": (["lint", "cloudbuild.yaml"], ["render", "--inline"], ["run"]),
    "trigger": (["lint", "t.yaml"], ["explain", "--triggers", "t.yaml", "--files", "x"]),
}
FILES = {"manifest": "shipwheel.yaml", "config": ".yaml", "trigger": "t.yaml"}
CASES = [(kind, words) for kind, ways in READERS.items() for words in ways]


def outcome(words: list[str], files: dict[str, str]) -> int:
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    if words == ["run"]:
        return main(["run", "cloudbuild.yaml", "--dry-run"])
    return main(["triggers", *words])


def files(kind: str, text: str) -> dict[str, str]:
    """Return a repository in which the file of *kind* ends in *text*."""
    config = CONFIG + text * (kind == "config")
    return {
        "shipwheel.yaml": MANIFEST + text * (kind == "manifest"),
        "cloudbuild.yaml": config,
        "cloudbuild/check-package.yaml": config,
        "cloudbuild/publish-package.yaml": config,
        "t.yaml": f"{TRIGGER}filename: cloudbuild.yaml\n" + text * (kind == "trigger"),
        "p/pyproject.toml": 'build-system.requires = []\nproject = {name = "p", version = "1"}\n',
    }


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


MERGES = {
    "manifest": "check: &a {tags: [a]}\npublish:\n  <<: *a\n  tags: [b]\n",
    "config": "substitutions:\n  <<: {_A: a}\n  _A: b\n",
    "trigger": "substitutions:\n  <<: [{_A: a}, {_A: b}]\n  _A: c\n",
}


@pytest.mark.parametrize(("kind", "words"), CASES)
def test_a_merged_key_that_is_written_again_is_not_a_duplicate(
    kind: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(words, files(kind, MERGES[kind])) in {0, 1}

    output = capsys.readouterr()
    assert "again" not in output.out + output.err


@pytest.mark.parametrize(("kind", "words"), CASES)
@pytest.mark.parametrize(
    "value",
    [
        "2024-02-30", "2024-13-45", "!!int ''", "!!bool maybe", "9" * 5000, "0x" + "f" * 5000,
        "1" + ":00" * 3000, "1" + ":00" * 3000 + ".5", "=", "!!python/object:os.system ls",
        "!!python/object/apply:os.system [ls]", "!ours x", "2001-12-14t21:59:43.10-99:99",
        "[" * 100_000, "{a: " * 5000, "&a [*a]",
    ],
    ids=lambda value: value[:24],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_refused_with_file_and_line(
    kind: str, words: list[str], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = files(kind, f"tags: {value}\n")

    assert outcome(words, content) == (1 if words[0] == "lint" else 2)

    said = "".join(capsys.readouterr())
    line = next(len(text.splitlines()) for text in content.values() if value in text)
    assert FILES[kind] in said
    assert f":{line}: " in said or f"line {line}: " in said


@pytest.mark.parametrize(("kind", "words"), CASES)
def test_a_key_that_is_written_twice_is_said_with_both_lines(
    kind: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    content = files(kind, "tags: [a]\ntags: [b]\n")

    # gcloud takes the first value in a build config; what rewrites a file takes neither.
    code = outcome(words, content)

    said = "".join(capsys.readouterr())
    assert code == {"lint": 1, "run": 0}.get(words[0], 2)
    assert "'tags' is written again on line" in said


def test_every_value_that_cannot_be_read_is_said_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = files("manifest", "tags: [2024-02-30, !!int x]\nimage: a\nregion: b\n")

    assert outcome(["render"], content) == 2
    assert capsys.readouterr().err.count("hint:") == 4


def test_the_first_of_merged_mappings_wins_and_the_own_keys_before_all() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  z: 3\n"

    document = read_yaml(text)

    assert document.data["c"] == {"x": 1, "y": 1, "z": 3}
    assert document.lines["c", "z"] == 5
    assert document.duplicates == {}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read_yaml("'<<': {a: 1}\n").data == {"<<": {"a": 1}}


@pytest.mark.parametrize("text", ["<<: 1", "<<: [1]", "<<: text"])
def test_what_is_merged_has_to_be_a_mapping(text: str) -> None:
    with pytest.raises(YamlError, match="merges a mapping"):
        read_documents(text)


def test_keys_are_the_text_that_was_written() -> None:
    assert read_yaml("on: {2024: a, 012: b, 2024-02-30: c}").data == {
        "on": {"2024": "a", "012": "b", "2024-02-30": "c"}
    }


def _nine_times_the_row_before(form: str, rows: int) -> str:
    before = [", ".join([f"*a{i}"] * 9) for i in range(rows)]
    return "a0: &a0 {x: a}\n" + "\n".join(
        f"a{i + 1}: &a{i + 1} " + form.replace("ROW", each) for i, each in enumerate(before)
    )


@pytest.mark.attack("time and memory")
def test_a_file_of_aliases_does_not_unfold_without_end() -> None:
    with pytest.raises(YamlError, match="unfolds into more than 20000 values"):
        read_documents(_nine_times_the_row_before("[ROW]", 12))


@pytest.mark.attack("time and memory")
def test_merging_nine_times_the_same_is_merging_it_once() -> None:
    document = read_yaml(_nine_times_the_row_before("{z: b, <<: [ROW]}", 60))

    assert document.data["a60"] == {"x": "a", "z": "b"}


def test_a_large_file_without_aliases_is_read_whole() -> None:
    text = "[" + "1," * 21_000 + "]"

    assert len(read_yaml(text).data) == 21_000


def test_the_line_of_a_control_character_is_named() -> None:
    with pytest.raises(YamlError, match="control characters") as caught:
        read_documents("a: ä\nb: \x01\n")

    assert caught.value.line == 2
