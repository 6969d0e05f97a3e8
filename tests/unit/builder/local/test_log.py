"""No secret reaches the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builder.local.output import BuildLog


def test_a_secret_is_blotted_out_wherever_it_is() -> None:
    lines: list[str] = []
    log = BuildLog(lines.append, ["s3cret"])
    log.output_line("token=s3cret&s3cret!", "Step #0")

    assert lines == ["Step #0: token=***&***!\n"]


def test_a_secret_of_many_lines_is_blotted_out_line_by_line() -> None:
    log = BuildLog(print, ["-----BEGIN-----\nAAAABBBBCCCC\nxy\n"])

    assert log.mask("AAAABBBBCCCC") == "***"
    assert log.mask("xy") == "xy"


def test_lines_of_a_secret_count_from_eight_characters_on_and_without_spaces_around() -> None:
    log = BuildLog(print, ["1234567\n 3456789\n", " spaced "])

    assert log.mask("1234567") == "1234567"
    assert log.mask("<3456789>") == "<***>"
    assert log.mask("<spaced>") == "<***>"


def test_a_short_secret_tears_no_line_of_the_builder_s_own() -> None:
    lines: list[str] = []
    log = BuildLog(lines.append, ["S", "#0", "hunter2"])
    log.line("SUCCESS in 1.0 s, hunter2")
    log.output_line("S is #0 of hunter2", "Step #0")

    assert lines == ["SUCCESS in 1.0 s, ***\n", "Step #0: *** is *** of ***\n"]


def test_a_log_without_secrets_is_written_as_it_is() -> None:
    lines: list[str] = []
    log = BuildLog(lines.append)
    log.line("a")
    log.line()

    assert lines == ["a\n", "\n"]


def test_a_secret_that_holds_another_is_blotted_out_whole() -> None:
    assert BuildLog(print, ["abc", "abcdef"]).mask("abcdef") == "***"


def test_an_empty_secret_hides_nothing() -> None:
    assert BuildLog(print, ["", "\n"]).mask("text") == "text"


@given(st.text(alphabet="abc", min_size=1, max_size=4), st.text(alphabet="abc\n", max_size=20))
def test_what_comes_out_never_holds_the_secret(secret: str, text: str) -> None:
    assert secret not in BuildLog(print, [secret]).mask(text)
