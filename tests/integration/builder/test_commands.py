"""Every command runs by itself, as a module, and does what it does below `shipwheel`."""

from __future__ import annotations

from pathlib import Path

from builder.__main__ import COMMANDS, TRIGGER_COMMANDS
from tests.integration.program import run_module
from tests.integration.selection import sample

ROOT = Path(__file__).parents[3]
NAMES = {
    module: [*group, module.rpartition(".")[2]]
    for modules, group in ((COMMANDS, []), (TRIGGER_COMMANDS, ["triggers"]))
    for module in modules
    if module != "builder.triggers"
}


def run(module: str, *arguments: str) -> tuple[int, str, str]:
    done = run_module(module, *arguments, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


def test_the_modules_that_lie_open_are_the_commands() -> None:
    lying_open = {
        f"{floor}.{path.stem}"
        for floor in ("steps", "triggers", "builder")
        for path in (ROOT / floor).glob("[!_]*.py")
    }

    assert lying_open == NAMES.keys()


@sample("option", ["--help", "--no-such-option"], "--help")
@sample("module", NAMES, "steps.publish", "steps.upload", "triggers.render", "builder.run")
def test_a_command_by_itself_does_what_it_does_below_shipwheel(module: str, option: str) -> None:
    assert run(module, option) == run("builder", *NAMES[module], option)


def test_a_step_by_itself_has_the_same_output_and_exit_code(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "missing"), "--registry", "us-central1/demo/pypi"]

    alone = run("steps.publish", *arguments)

    assert alone == run("builder", "publish", *arguments)
    assert alone[0] == 2
    assert "error: " in alone[2]
