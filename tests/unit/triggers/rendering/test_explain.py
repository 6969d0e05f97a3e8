from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from builder.__main__ import main
from tests.unit.triggers.rendering.rendering import documents, function, package
from triggers.cloudbuild.conditions import TriggerConditions, read_conditions
from triggers.rendering.explanation import ChangedFiles, Event, Match, TriggerVerdict, explain

SAMPLE = Path(__file__).parents[3] / "example/shipwheel.yaml"


def verdict(trigger: TriggerConditions, *files: str, event: Event | None = None) -> TriggerVerdict:
    [only] = explain([trigger], ChangedFiles(files=files), event or Event()).verdicts
    return only


def decided(trigger: TriggerConditions, *files: str, event: Event | None = None) -> tuple[str, str]:
    found = verdict(trigger, *files, event=event)
    return found.fires, found.reason


def listening(**different: Any) -> TriggerConditions:
    return TriggerConditions(**{"name": "t", "event": "push", "pattern": "^main$", **different})


def test_a_trigger_fires_through_each_glob_that_includes_a_file() -> None:
    trigger = listening(included=("src/**", "*.toml", "docs/**", "src/*.py"))

    found = verdict(trigger, "src/a.py", "README.md", "src/b/c.py", "uv.toml")

    assert (found.fires, found.reason) == ("yes", "a changed file is included")
    assert [(match.glob, match.files) for match in found.matches] == [
        ("src/**", ("src/a.py", "src/b/c.py")),
        ("*.toml", ("uv.toml",)),
        ("src/*.py", ("src/a.py",)),
    ]


@pytest.mark.parametrize(
    ("included", "ignored", "files", "expected"),
    [
        ([], [], ["a"], ("yes", "it includes every file")),
        ([], [], [], ("yes", "it includes every file")),
        ([], ["*.md"], ["a.md", "b.py"], ("yes", "it includes every file")),
        ([], ["*.md"], ["a.md"], ("no", "every changed file is ignored")),
        ([], ["*.md"], [], ("no", "no file changed")),
        (["*.py"], [], ["a.md"], ("no", "no changed file is included")),
        (["*"], ["*.md"], ["a.md"], ("no", "every changed file is ignored")),
        (
            ["docs/**"],
            ["x", "**/*.md"],
            ["docs/a.md", "b.py"],
            ("no", "'docs/a.md' is included by 'docs/**', but ignored by '**/*.md'"),
        ),
        (
            ["*.py"],
            [],
            [],
            ("unknown", "no file changed; Google does not document what that starts"),
        ),
        (["[", "*"], [], ["a"], ("unknown", "the glob '[' is malformed: a [ has no ]")),
        (["*"], ["{a"], ["a"], ("unknown", "the glob '{a' is malformed: a { has no }")),
    ],
)
def test_ignored_files_are_dropped_before_included_ones_are_looked_for(
    included: list[str], ignored: list[str], files: list[str], expected: tuple[str, str]
) -> None:
    trigger = listening(included=tuple(included), ignored=tuple(ignored))

    assert decided(trigger, *files) == expected


@pytest.mark.parametrize(
    ("different", "event", "expected"),
    [
        ({}, Event(branch="main"), "yes"),
        ({}, Event(branch="main2"), "no"),
        ({"pattern": "main"}, Event(branch="domain"), "yes"),
        ({"inverted": True}, Event(branch="main"), "no"),
        ({"inverted": True}, Event(branch="dev"), "yes"),
        ({}, Event(tag="v1"), "no"),
        ({"ref": "tag", "pattern": "^v"}, Event(tag="v1"), "yes"),
        ({"ref": "tag", "pattern": "^v"}, Event(branch="v1"), "no"),
        ({}, Event(kind="pull-request", branch="main"), "no"),
        ({"event": "pull-request"}, Event(kind="pull-request", branch="main"), "yes"),
        ({"event": "pull-request"}, Event(kind="push"), "no"),
        ({"event": None}, Event(), "no"),
        ({"disabled": True}, Event(), "no"),
        ({"pattern": "(?!x)"}, Event(branch="main"), "unknown"),
        ({"pattern": "(?!x)"}, Event(), "yes"),
    ],
)
def test_the_event_and_the_branch_or_tag_have_to_be_those_that_are_waited_for(
    different: dict[str, Any], event: Event, expected: str
) -> None:
    assert verdict(listening(**different), "a", event=event).fires == expected


def test_a_pattern_that_only_re2_can_read_is_not_guessed() -> None:
    assert decided(listening(pattern=r"^\pL+$"), "a", event=Event(branch="main")) == (
        "unknown",
        r"Python cannot tell whether RE2 finds '^\\pL+$' in 'main'",
    )


def test_a_trigger_that_waits_for_another_tag_says_so() -> None:
    assert decided(listening(ref="tag", pattern="^v"), "a", event=Event(tag="x1")) == (
        "no",
        "it waits for a push of a tag that matches '^v', and this is 'x1'",
    )


def test_files_that_start_nothing_decide_whatever_the_pattern_is() -> None:
    trigger = listening(pattern="(?!x)", included=("b",))

    assert decided(trigger, "a", event=Event(branch="main")) == (
        "no",
        "no changed file is included",
    )


def test_every_file_with_the_same_text_in_it_is_found() -> None:
    files = ("x.py", "y/x.py", "z/x.py", "z/x.pyc")

    assert verdict(listening(included=("**/x.py",)), *files).matches == (
        Match("**/x.py", ("x.py", "y/x.py", "z/x.py")),
    )


def test_a_glob_that_is_written_twice_is_named_once() -> None:
    assert verdict(listening(included=("a", "*", "a")), "a").matches == (
        Match("a", ("a",)),
        Match("*", ("a",)),
    )


def test_included_files_are_named_in_the_order_of_their_names() -> None:
    files = tuple(f"{number}{'.py' if number in {1, 8} else ''}" for number in reversed(range(10)))

    assert verdict(listening(included=("*.py",)), *files).matches == (
        Match("*.py", ("1.py", "8.py")),
    )


def test_a_silent_change_starts_no_push_but_says_nothing_of_pull_requests() -> None:
    change = ChangedFiles(files=("a",), silent="the message has [skip ci]")
    triggers = [listening(), listening(event="pull-request")]

    found = explain(triggers, change, Event()).verdicts

    assert [(it.fires, it.reason) for it in found] == [
        ("no", "the message has [skip ci]"),
        ("yes", "it includes every file"),
    ]


def test_files_that_start_nothing_are_named_whichever_trigger_includes_them() -> None:
    triggers = [
        listening(included=("a/**",)),
        listening(included=("b/**",), disabled=True),
        listening(included=("c/**",), ignored=("**/*.md",)),
    ]

    found = explain(triggers, ChangedFiles(files=("a/x", "b/x", "c/x", "c/x.md", "d")), Event())

    assert found.unclaimed == ("b/x", "c/x.md", "d")


def test_a_file_that_may_start_something_is_not_known_to() -> None:
    triggers = [listening(pattern="(?!x)", included=("a",))]

    found = explain(triggers, ChangedFiles(files=("a", "b")), Event(branch="main"))

    assert found.verdicts[0].matches == (Match("a", ("a",)),)
    assert found.unclaimed == ("a", "b")


def test_what_no_document_says_is_said_once() -> None:
    triggers = [
        listening(event="pull-request", included=("src/**.py",)),
        listening(ref="tag", ignored=("src/**.py",)),
        listening(),
    ]

    both = explain(triggers, ChangedFiles(files=("a",), notes=("odd",)), Event()).notes
    push = explain(triggers, ChangedFiles(files=("a",)), Event(kind="push", branch="main")).notes

    assert both == (
        "odd",
        (
            "Google does not document which commit a pull request is compared with. One page"
            " says that only pushes have file filters; gcloud takes them for both"
        ),
        "Google does not document which files count as changed when a tag is pushed",
        (
            "The glob 'src/**.py': `**` beside other characters is read as `*`; Google does not"
            " document it"
        ),
    )
    assert push == ()


@pytest.mark.parametrize(
    ("different", "event"),
    [
        ({"event": "pull-request"}, Event()),
        ({"ref": "tag"}, Event()),
        ({"included": ("a",)}, Event()),
        ({"ref": "tag", "included": ("a",)}, Event(kind="pull-request")),
        ({"ref": "tag", "included": ("a",)}, Event(branch="main")),
    ],
)
def test_nothing_is_said_of_documents_where_they_do_not_matter(
    different: dict[str, Any], event: Event
) -> None:
    assert explain([listening(**different)], ChangedFiles(files=("a",)), event).notes == ()


@pytest.mark.parametrize(
    ("message", "waits_for"),
    [
        ({"github": {"push": {"branch": "^main$"}}}, "a push to a branch that matches '^main$'"),
        (
            {"repository_event_config": {"push": {"tag": "^v", "invert_regex": True}}},
            "a push of a tag that does not match '^v'",
        ),
        (
            {
                "developerConnectEventConfig": {
                    "pullRequest": {"branch": "x", "commentControl": "COMMENTS_ENABLED"}
                },
                "approvalConfig": {"approvalRequired": True},
            },
            (
                "a pull request to a branch that matches 'x', after a comment /gcbrun, after an"
                " approval"
            ),
        ),
        ({"triggerTemplate": {"branchName": "x"}}, "a push to a branch that matches 'x'"),
        ({"triggerTemplate": {"tagName": "x"}}, "a push of a tag that matches 'x'"),
        ({"pubsubConfig": {"topic": "x"}}, "neither a push nor a pull request"),
        ({"github": "x", "includedFiles": 3}, "neither a push nor a pull request"),
    ],
)
def test_messages_of_every_kind_of_repository_are_understood(
    message: dict[str, Any], waits_for: str
) -> None:
    assert str(read_conditions({"name": "t", **message})) == waits_for


def test_every_condition_of_a_message_is_read_and_what_is_of_a_wrong_type_is_not() -> None:
    message = {
        "disabled": True,
        "github": {"push": {"tag": "^v", "invertRegex": True}},
        "includedFiles": ["a", 3],
        "ignoredFiles": ["b"],
    }

    assert read_conditions(message) == TriggerConditions(
        name="(without a name)",
        event="push",
        ref="tag",
        pattern="^v",
        inverted=True,
        disabled=True,
        included=("a",),
        ignored=("b",),
    )
    assert read_conditions({"name": "n", "github": {"pullRequest": {}}}) == TriggerConditions(
        name="n", event="pull-request"
    )


def test_a_lone_glob_is_a_list_of_one_as_for_gcloud() -> None:
    assert read_conditions({"name": "t", "included_files": "a/**"}).included == ("a/**",)


def test_the_command_names_triggers_globs_files_and_what_starts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--manifest", str(SAMPLE), "--event", "push", "--branch", "main", "--files"]

    assert main(["triggers", "explain", *arguments, "./packages/dues/a b", "README.md"]) == 0

    captured = capsys.readouterr()
    assert captured.out == (
        "fires    packages-dues-publish, on a push to a branch that matches '^main$'\n"
        "           packages/dues/** includes packages/dues/a b\n"
        "silent   packages-berths-check, packages-dues-check, packages-signals-check and 1 more:"
        " it waits for a pull request to a branch that matches '^main$', from outside after a"
        " comment /gcbrun\n"
        "silent   packages-berths-publish, packages-signals-publish, packages-tides-publish and"
        " 1 more: no changed file is included\n"
        "no trigger for README.md\n"
    )
    assert captured.err == "2 changed files start 1 of 9 triggers\n"


def test_what_a_publishing_build_starts_at_its_end_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = [package("p"), package("q"), function("f", "p"), function("g", "p")]
    triggers = documents(*targets, check={"enabled": False}, deploy={"afterPublish": True})
    (tmp_path / "triggers.json").write_text(json.dumps(triggers))
    arguments = ["triggers", "explain", "--triggers", str(tmp_path / "triggers.json"), "--files"]

    assert main([*arguments, "p/a.py"]) == 0
    assert capsys.readouterr().out == (
        "fires    p-publish, on a push to a branch that matches '^main$'\n"
        "           p/** includes p/a.py\n"
        "           then its build starts f-deploy, g-deploy\n"
        "silent   q-publish, f-deploy, g-deploy: no changed file is included\n"
    )

    assert main([*arguments, "q/a.py"]) == 0
    assert "starts" not in capsys.readouterr().out


def test_live_triggers_as_gcloud_lists_them_are_explained_from_their_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = [{"name": "t", "id": "1", "github": {"push": {"branch": "^main$"}}}]
    (tmp_path / "live.json").write_text(json.dumps(live))
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\n"))

    arguments = ["--triggers", str(tmp_path / "live.json"), "--tag", "v1", "--json", "--files", "-"]
    assert main(["triggers", "explain", *arguments]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "kind": "push",
        "branch": None,
        "tag": "v1",
        "changed_files": ["a", "b"],
        "verdicts": [
            {
                "name": "t",
                "fires": "no",
                "reason": "it waits for a push to a branch that matches '^main$'",
                "waits_for": "a push to a branch that matches '^main$'",
                "matches": [],
                "then": [],
            }
        ],
        "unclaimed": ["a", "b"],
        "notes": [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--files", "/etc/passwd", "a", "../b"], "Not a path from the repository's root: '/etc/"),
        (["a..b", "c"], "More than one range: 'c'"),
        (["--tag", "v1", "--branch", "main", "a..b"], "--tag is for a push, and without --branch"),
        (["--tag", "v1", "--event", "pull-request", "a..b"], "--tag is for a push, and without"),
        (["--triggers", "/none.yaml", "a..b"], "The trigger file does not exist: '/none.yaml'"),
    ],
)
def test_wrong_usage_is_said_in_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["triggers", "explain", "--manifest", str(SAMPLE), *arguments]) == 2
    assert f"error: {message}" in capsys.readouterr().err
