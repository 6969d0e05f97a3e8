from __future__ import annotations

import time

import pytest
from packaging.requirements import InvalidRequirement, Requirement

from steps.project.requirements_file import Line, parse_requirements

FILE = (
    "# what we need\r\n"
    "--index-url https://a.example/simple/\r\n"
    "\r\n"
    "berths==1.0 \\\r\n"
    "    --hash=sha256:aa \\\r\n"
    "    --hash=sha256:bb\r\n"
    "Tides[high] >= 1.2 ; python_version > '3'  # the sea\r\n"
    "./wheels/dues-1.0-py3-none-any.whl"
)


def line(text: str) -> Line:
    (found,) = parse_requirements(text).lines
    return found


@pytest.mark.parametrize(
    "text", ["", "\n", "a", "a\n", "a\r\nb", "a \\\n b\n", "\ufeffa\n", "a\\", "# a\\\nb\n", FILE]
)
def test_a_file_is_kept_to_the_character(text: str) -> None:
    assert parse_requirements(text).text == text
    assert parse_requirements(text).map(lambda _: None).text == text


def test_lines_are_those_that_pip_joins() -> None:
    file = parse_requirements(FILE)

    assert [each.number for each in file.lines] == [1, 2, 3, 4, 7, 8]
    assert [each.name for each in file.lines] == [None, None, None, "berths", "tides", None]
    assert file.lines[3].hashes == ("sha256:aa", "sha256:bb")
    assert file.lines[3].body == "berths==1.0"
    assert file.lines[4].comment == "# the sea"
    assert file.lines[5].path == "./wheels/dues-1.0-py3-none-any.whl"


def test_a_line_is_read_without_its_comment() -> None:
    assert (line("  # the sea\r\n").content, line("  # the sea\r\n").comment) == ("", "")
    found = line("a  # the sea\r\n")
    assert (found.content, found.comment) == ("a", "# the sea")
    assert line("a#b").content == "a#b"


@pytest.mark.parametrize(
    ("text", "first", "asked"),
    [
        ("a[x] >= 1 --hash=sha256:aa", "a[x] >= 1", "a[x]>=1"),
        ("a @ https://b.example/a.whl", "a @ https://b.example/a.whl", None),
        ("--index-url=https://a/ --pre", "--index-url", None),
        ("-e a", "-e", "a"),
        ("# a", "", None),
    ],
)
def test_an_index_is_asked_for_what_is_named_without_a_place(
    text: str, first: str, asked: str | None
) -> None:
    found = line(text)

    assert found.first == first
    assert (str(found.by_name) if found.by_name else None) == asked


def test_the_values_of_an_option_are_those_of_no_other() -> None:
    assert line("--pre -i x -r y").values("--index-url", "--requirement") == ("x", "y")
    assert line("--pre -i x -r y").values("--index-url") == ("x",)


def test_a_comment_line_ends_what_it_continues() -> None:
    lines = parse_requirements("a==1 \\\n# no\nb==1\n").lines

    assert [each.name for each in lines] == ["a", "b"]


@pytest.mark.parametrize("comment", ["# no", "  # no"])
def test_a_comment_line_is_not_continued(comment: str) -> None:
    assert [each.name for each in parse_requirements(f"{comment} \\\na\n").lines] == [None, "a"]


def test_what_is_put_in_has_the_line_ends_of_the_rest() -> None:
    file = parse_requirements("a\r\nb")

    assert file.insert(0, "c").text == "c\r\na\r\nb"
    assert file.insert(1, "c").text == "a\r\nc\r\nb"
    assert file.insert(2, "c \\\n    d").text == "a\r\nb\r\nc \\\r\n    d\r\n"
    assert file.replace(file.lines[1], "x").text == "a\r\nx"
    assert file.replace(file.lines[0], "").text == "b"


def test_a_byte_order_mark_stays_in_front() -> None:
    file = parse_requirements("\ufeffa\n")

    assert file.lines[0].name == "a"
    assert file.insert(0, "b").text == "\ufeffb\na\n"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("-i https://a/", [("--index-url", "https://a/")]),
        ("--index-url=https://a/", [("--index-url", "https://a/")]),
        ("--extra-index https://a/", [("--extra-index-url", "https://a/")]),
        ("-rother.txt", [("--requirement", "other.txt")]),
        ("-c=other.txt", [("--constraint", "other.txt")]),
        ("--constr other.txt", [("--constraint", "other.txt")]),
        ("-r 'my file.txt' # here", [("--requirement", "my file.txt")]),
        ("-e ./lib", [("--editable", "./lib")]),
        ("--pre -i x", [("--pre", ""), ("--index-url", "x")]),
        ("-rb -i x", [("--requirement", "b"), ("--index-url", "x")]),
        ("--index-url=x --pre", [("--index-url", "x"), ("--pre", "")]),
        ("-r", [("--requirement", "")]),
        ("--ext x", [("--extra-index-url", "x")]),
        ("--e x", [("--e", ""), ("x", "")]),  # it may be --editable
        ("-r 'open", [("--requirement", "'open")]),
        ("a==1 --hash=sha256:aa", []),
    ],
)
def test_options_are_read_as_pip_reads_them(text: str, options: list[tuple[str, str]]) -> None:
    assert [*line(text).options] == options


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./a", "./a"),
        ("../a[x]", "../a"),
        ("-e ../a", "../a"),
        ("a.whl", "a.whl"),
        ("a-1.tar.gz", "a-1.tar.gz"),
        ("a.zip", "a.zip"),
        ("wheels/a.whl ; python_version > '3'", "wheels/a.whl"),
        ("wheels/a.whl  ; python_version > '3'", "wheels/a.whl"),
        ("a @ file:///b%20c/d.whl#sha256=aa", "/b c/d.whl"),
        ("file:./d.whl", "./d.whl"),
        ("a==1", None),
        ("a @ https://b.example/a.whl", None),
        ("git+https://b.example/a.git@main#egg=a", None),
    ],
)
def test_a_local_path_is_not_mistaken_for_a_name(text: str, path: str | None) -> None:
    assert line(text).path == path


@pytest.mark.parametrize("text", ["a = 1", "a==", "a b", "==1", "a;b", "a>=1,<x y"])
def test_what_is_not_a_requirement_has_a_fault(text: str) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        Requirement(text)

    assert line(text).fault == str(caught.value).splitlines()[0]


@pytest.mark.parametrize("text", ["--bogus x", "-x"])
def test_an_option_that_pip_does_not_take_is_a_fault(text: str) -> None:
    assert line(text).fault == "pip takes no such option from a file"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a",
        "a",
        "a==1 --hash=sha256:aa",
        "-i https://a/",
        "-r b",
        "-rb",
        "-c b",
        "-fx",
        "--extra-index-url https://a/",
        "--constraint b",
        "--no-index",
        "--find-l=x",
        "--no-binary x",
        "--only-binary x",
        "--prefer-binary",
        "--pre",
        "--require-hashes",
        "--no-require-hashes",
        "--all-releases x",
        "--only-final x",
        "--trusted-host x",
        "--use-feature x",
        "-e .",
        "./a",
        "https://b.example/a.whl",
    ],
)
def test_what_pip_takes_has_none(text: str) -> None:
    assert not any(each.fault for each in parse_requirements(text).lines)


def test_one_hash_is_a_hashed_file() -> None:
    assert parse_requirements("a==1\nb==1 --hash=sha256:aa\n").is_hashed
    assert parse_requirements("--require-hashes\na==1\n").is_hashed
    assert not parse_requirements("a==1\n").is_hashed


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 20_000 + "b",
        "a " + " " * 20_000 + "@ ./b.whl",
        "a" + "\t" * 20_000 + "x#",
        "a[" * 20_000,
        "a ; " + "(" * 20_000,
        "--index-url " * 20_000,
    ],
    ids=["spaces", "before an @", "tabs", "brackets", "parentheses", "options"],
)
def test_no_line_takes_long_to_read(text: str) -> None:
    start = time.process_time()
    read = line(text)

    assert (read.comment, read.requirement) == ("", None) or read.path == "./b.whl"
    assert read.fault or read.path or read.options
    assert time.process_time() - start < 2
