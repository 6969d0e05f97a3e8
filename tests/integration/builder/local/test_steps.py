"""Real steps, as processes of this machine: what each one sees, gets and leaves."""

from __future__ import annotations

import pytest

from tests.integration.builder.local.laptop import OURS, Laptop
from tests.integration.selection import sample


def test_a_temporary_folder_within_the_source_is_not_copied_into_itself(laptop: Laptop) -> None:
    temporary = laptop.source / "temporary"
    temporary.mkdir()
    (temporary / "file").touch()

    outcome = laptop.run(
        "steps: [{name: bash, args: [-c, find . -type f]}]",
        "--host-tools",
        environ={"TMPDIR": str(temporary)},
    )

    assert (outcome.code, outcome.log()) == (0, ["Step #0: ./temporary/file"])
    assert [path.name for path in temporary.iterdir()] == ["file"]


def test_a_step_of_our_image_runs_as_a_process(laptop: Laptop) -> None:
    outcome = laptop.run(f"steps: [{{name: {OURS}, args: [--version]}}]")

    assert outcome.code == 0
    assert outcome.log() == ["Step #0: shipwheel 0.1.0"]


def test_steps_share_the_workspace_and_the_checkout_stays_as_it_was(laptop: Laptop) -> None:
    (laptop.source / "a.txt").write_text("before\n")
    text = (
        "steps:\n"
        "- {name: bash, args: ['-c', 'echo after > a.txt; echo new > b.txt']}\n"
        "- {name: bash, id: read, args: ['-c', 'cat a.txt /workspace/b.txt']}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.log() == ['Step #1 - "read": after', 'Step #1 - "read": new']
    assert [path.name for path in laptop.source.iterdir()] == ["a.txt"]
    assert (laptop.source / "a.txt").read_text() == "before\n"
    assert [*laptop.temporary.iterdir()] == []


def test_steps_run_side_by_side_where_the_graph_lets_them(laptop: Laptop) -> None:
    # Each waits for a file that the other writes: one after the other, both run out of time.
    meet = "touch {own}; until [ -e {other} ]; do sleep 0.02; done"
    text = (
        "steps:\n"
        f"- {{name: bash, id: a, timeout: 20s, args: [-c, '{meet.format(own='a', other='b')}']}}\n"
        f"- {{name: bash, id: b, timeout: 20s, args: [-c, '{meet.format(own='b', other='a')}'],"
        " waitFor: ['-']}\n"
        "- {name: bash, id: c, args: [-c, 'ls'], waitFor: [a, b]}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 0
    assert outcome.log() == ['Step #2 - "c": a', 'Step #2 - "c": b']


def test_without_a_graph_a_step_starts_when_the_one_before_has_finished(laptop: Laptop) -> None:
    outcome = laptop.run("steps: [{name: bash, id: a}, {name: bash, id: b}]", "--host-tools")

    assert [line for line in outcome.out.splitlines() if line.startswith(("Start", "Finish"))] == [
        'Starting Step #0 - "a"',
        'Finished Step #0 - "a"',
        'Starting Step #1 - "b"',
        'Finished Step #1 - "b"',
    ]


SECRET = (
    "steps: [{name: bash, secretEnv: [TOKEN], args: [-c, 'echo $$TOKEN; echo $$TOKEN | wc -c;"
    " echo got $$TOKEN > $$BUILDER_OUTPUT/output']}]\n"
    "availableSecrets:\n  secretManager:\n"
    "  - {versionName: projects/$PROJECT_ID/secrets/t/versions/1, env: TOKEN}\n"
)


@pytest.mark.attack("secrets")
@sample(
    "options", [[], ["--json"], ["--dry-run"], ["--dry-run", "--json"]], [], ["--dry-run", "--json"]
)
def test_a_secret_reaches_its_step_and_nothing_else(laptop: Laptop, options: list[str]) -> None:
    outcome = laptop.run(SECRET, "--host-tools", *options, environ={"TOKEN": "hunter2-hunter2"})

    assert outcome.code == 0
    assert "hunter2" not in outcome.out + outcome.err
    if "--dry-run" not in options:
        assert "Step #0: ***\nStep #0: 16\n" in outcome.out + outcome.err
        assert "got ***" in outcome.out


def test_a_secret_without_a_value_is_refused_before_anything_runs(laptop: Laptop) -> None:
    outcome = laptop.run(SECRET, "--host-tools")

    assert (outcome.code, outcome.out) == (2, "")
    assert f'{laptop.config}:2: secretEnv "TOKEN" has no value on this machine' in outcome.err


@pytest.mark.attack("secrets")
def test_a_step_never_sees_this_machine_s_secrets(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: [-c, env]}]"
    outcome = laptop.run(text, "--host-tools", environ={"GITHUB_TOKEN": "hunter2", "FOO": "1"})

    names = {line.removeprefix("Step #0: ").partition("=")[0] for line in outcome.log()}
    assert {"HOME", "PATH", "BUILDER_OUTPUT", "TMPDIR"} <= names
    assert not {"GITHUB_TOKEN", "FOO", "VIRTUAL_ENV", "USER", "SHELL"} & names


def test_what_a_step_leaves_as_output_is_in_the_summary_and_the_json(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: [-c, 'echo ready > $$BUILDER_OUTPUT/output']}]"

    assert "#0 output: ready" in laptop.run(text, "--host-tools").out.splitlines()
    record = laptop.run(text, "--host-tools", "--json").record
    assert record["steps"][0]["output"] == "ready\n"


@pytest.mark.attack("files of the user")
@sample(
    "make",
    [
        "mkfifo $$BUILDER_OUTPUT/output",
        "mkdir $$BUILDER_OUTPUT/output",
        "ln -s /dev/zero $$BUILDER_OUTPUT/output",
        "ln -s /etc/passwd $$BUILDER_OUTPUT/output",
        "rmdir $$BUILDER_OUTPUT; mkfifo $$BUILDER_OUTPUT",
    ],
    "mkfifo $$BUILDER_OUTPUT/output",
    "ln -s /etc/passwd $$BUILDER_OUTPUT/output",
)
def test_an_output_that_is_not_a_file_is_none(laptop: Laptop, make: str) -> None:
    text = f"steps: [{{name: bash, args: [-c, '{make}']}}]"
    outcome = laptop.run(text, "--host-tools", "--json")

    assert (outcome.code, outcome.record["steps"][0]["output"]) == (0, "")


def test_an_output_and_a_line_may_be_as_long_as_they_like(laptop: Laptop) -> None:
    make = "truncate -s 10G $$BUILDER_OUTPUT/output; yes x | head -n 100000 | tr -d '[:space:]'"
    text = f'steps: [{{name: bash, args: [-c, "{make}"]}}]'
    outcome = laptop.run(text, "--host-tools", "--json")

    assert (outcome.code, outcome.record["steps"][0]["output"]) == (0, "\0" * 4096)
    assert outcome.err.count("xx") == 50000
    assert "\\x00" in outcome.err


@pytest.mark.attack("files of the user")
def test_no_link_of_the_source_leads_a_step_back_into_the_checkout(laptop: Laptop) -> None:
    source, link = laptop.source, laptop.source.parent / "link"
    link.symlink_to(source)
    (source / "file").write_text("before\n")
    up = "../" * 30
    for name, target in (
        ("real", source / "file"),
        ("linked", link / "file"),
        ("winding", source / ".." / "link" / "file"),
        ("relative", f"{up}{str(source).lstrip('/')}/file"),
        ("inside", "file"),
    ):
        (source / name).symlink_to(target)
    text = (
        "steps: [{name: bash, args: [-c, 'for f in *; do echo changed >> $$f; done; wc -l file']}]"
    )

    for named in (source, link):
        outcome = laptop.run(text, "--host-tools", "--source", str(named))
        assert outcome.log() == ["Step #0: 7 file"], outcome.out
        assert (source / "file").read_text() == "before\n"

    (source / "all").symlink_to(source.parent)
    outcome = laptop.run(text, "--host-tools")
    assert (outcome.code, "a folder that the source is in" in outcome.err) == (2, True)


LOGINS = {
    "PIP_INDEX_URL": "https://me:hunter2%21@index.test/simple",
    "UV_INDEX": "a=https://hunter3@a.test/simple https://b.test/simple",
    "HTTPS_PROXY": "me:hunter4@proxy.test:3128",
    "PIP_FIND_LINKS": "/wheels@2",
}
SHOW = "steps: [{name: bash, args: [-c, 'env; cat $$PIP_CONFIG_FILE; echo hunter2! hunter5']}]"


@pytest.mark.attack("secrets")
def test_credentials_in_settings_are_kept_from_the_steps_and_out_of_the_log(
    laptop: Laptop,
) -> None:
    settings = laptop.source.parent / "pip.conf"
    settings.write_text("[global]\nindex-url = https://me:hunter5@index.test/simple\n")
    environ = {**LOGINS, "PIP_CONFIG_FILE": str(settings)}
    plain = laptop.run(SHOW, "--host-tools", environ=environ)

    log = "\n".join(plain.log())
    assert "hunter" not in plain.out + plain.err
    assert "PIP_INDEX_URL=https://index.test/simple" in log
    assert "UV_INDEX=a=https://a.test/simple https://b.test/simple" in log
    assert "HTTPS_PROXY=proxy.test:3128" in log
    assert "PIP_FIND_LINKS=/wheels@2" in log
    assert "PIP_CONFIG_FILE" not in log
    said = "The credentials in {0} are kept from the steps; --env {0} hands it to them"
    names = ("HTTPS_PROXY", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "UV_INDEX")
    assert plain.err.splitlines() == [said.format(name) for name in names]

    handed = [f"--env={name}" for name in (*names, "API_TOKEN")]
    named = laptop.run(SHOW, "--host-tools", *handed, environ={**environ, "API_TOKEN": "hunter6"})
    log = "\n".join(named.log())
    assert (named.code, named.err, "hunter" in named.out) == (0, "", False)
    for expected in ("me:***@index.test", "a=https://***@a.test", "me:***@proxy", "API_TOKEN=***"):
        assert expected in log
    missing = laptop.run(SHOW, "--host-tools", "--env", "NOT_SET")
    assert (missing.code, missing.out) == (2, "")


def test_scripts_run_with_their_shell_and_get_substitutions_as_variables(laptop: Laptop) -> None:
    text = (
        "steps:\n"
        "- {name: ubuntu, script: 'echo $_WHO $BRANCH_NAME. $0'}\n"
        "- name: python\n  script: |\n    #!/usr/bin/env python3\n    print('from python')\n"
        "substitutions: {_WHO: world}\noptions: {automapSubstitutions: true}\n"
    )
    outcome = laptop.run(text, "--host-tools", "--substitutions", "BRANCH_NAME=main")

    assert outcome.log()[0].startswith("Step #0: world main. /")
    assert outcome.log()[1] == "Step #1: from python"


def test_volumes_outlive_their_step(laptop: Laptop) -> None:
    volume = "volumes: [{name: vol, path: /persistent}]"
    text = (
        f"steps: [{{name: bash, args: [-c, 'echo kept > /persistent/x'], {volume}}},"
        f" {{name: bash, args: [cat, /persistent/x], {volume}}}]"
    )

    assert laptop.run(text, "--host-tools").log() == ["Step #1: kept"]
