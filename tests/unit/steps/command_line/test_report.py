"""How judgements and findings are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.command_line.report import judgement_as_line, print_finding, print_judgements
from steps.host.errors import Finding
from steps.release.judgement import Judgement, Outcome
from tests.unit.terminal import shown_on_a_terminal

if TYPE_CHECKING:
    import pytest

NEW = Judgement(
    project=canonicalize_name("tides"), version=Version("1.0"), outcome=Outcome.NEW, reason="first"
)
STUCK = Judgement(
    project=canonicalize_name("berths"),
    version=Version("2.0"),
    outcome=Outcome.NOT_BUMPED,
    reason="2.0 is not greater",
    hint="see --allow-epoch",
    published=(Version("1.0"), Version("1!1.0")),
)


INVENTED = Judgement(
    project=canonicalize_name("charts"),
    version=Version("0.1.dev1+gabcdef0"),
    outcome=Outcome.NOT_BUMPED,
    reason="it is invented",
    hint="the clone is shallow",
    suggestions=(Version("0.0.1"),),
    invented=True,
)


def both() -> None:
    print_judgements([NEW, STUCK])


def test_where_nothing_can_be_suggested_the_hint_is_the_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_judgements([NEW, STUCK])

    assert capsys.readouterr().out == (
        "PROJECT  PUBLISHED  CANDIDATE  VERDICT     NEXT STEP\n"
        "tides    -          1.0        new         publish it\n"
        "berths   1!1.0      2.0        not-bumped  see --allow-epoch\n"
    )


def test_where_a_version_was_invented_the_next_step_is_not_a_bump(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_judgements([INVENTED])

    assert capsys.readouterr().out.splitlines()[1] == (
        "charts   -          0.1.dev1+gabcdef0  not-bumped  complete the git history: --unshallow"
    )


def test_a_narrow_terminal_shows_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on_a_terminal(monkeypatch, both, columns=40)

    assert "…" not in shown


def test_a_terminal_shows_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert "\x1b[32mnew" in shown_on_a_terminal(monkeypatch, both)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    shown = shown_on_a_terminal(monkeypatch, both)

    assert "not-bumped" in shown
    assert "\x1b[3" not in shown


def test_a_build_shows_a_line_for_each() -> None:
    assert [judgement_as_line(NEW), judgement_as_line(STUCK)] == [
        "new: tides 1.0: first",
        "not-bumped: berths 2.0: 2.0 is not greater; see --allow-epoch",
    ]


def test_a_finding_is_printed_without_what_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Finding("f", 0, "SW824", "a\x1b[2Kb", "c\u202ed")

    print_finding(found, "error", "x\x07\n::error::y")

    assert capsys.readouterr().out == (
        "x\\x07\n\\x3a:error::y: SW824 error: a\\x1b[2Kb\n  hint: c\\u202ed\n"
    )
