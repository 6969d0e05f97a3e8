"""There is one of each: what starts processes, runs git, runs gcloud, writes files, reads YAML."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import steps

# In the image the code is that of the installed wheel, and not beside the tests.
ROOT = Path(steps.__file__).parents[1]
FLOORS = ("builder", "steps", "triggers")

# Where each is done, and the few places that have a reason to do it, too.
STARTS_PROCESSES = {
    "steps/host/children.py": "the one",
    "steps/backend/fork_server_main.py": "runs alone in the environment of a build",
}
RUNS_GIT = {
    "steps/host/git.py": "the one",
    "builder/local/runners.py": "the table of programs that stand for a step's image",
}
RUNS_GCLOUD = {
    "steps/host/gcloud.py": "the one",
    "builder/local/runners.py": "the table of programs that stand for a step's image",
}
WRITES_FILES = {
    "steps/host/files.py": "the one",
    "steps/host/placement.py": "the last step of the one, which is a process of its own",
    "steps/backend/environment_cache.py": "locks",
    "steps/backend/sources.py": "locks",
    "steps/backend/hooks.py": "four bytes of a file that the backend has just written",
    "steps/command_line/report.py": "appends, under a lock, to what others write as well",
    "steps/function/preparation.py": "a secret is under no other name for a moment",
    "steps/registry/index.py": "a download, into a folder of its own",
    "builder/server/front.py": "a body as it arrives, without a name of its own",
    "builder/server/repositories.py": "a link, unlike a rename, never replaces a faster upload",
    "steps/command_line/program.py": "opens no file, but the null device",
}

READS_YAML = {"steps/host/documents.py": "the one"}
DEFINES_A_FINDING = {"steps/host/errors.py": "the one"}


_STARTERS = {"run", "Popen", "call", "check_call", "check_output", "getoutput"}
_OF_OS = ("fork", "exec", "spawn", "posix_spawn", "system", "popen")
_WRITERS = {"write_text", "write_bytes", "rename", "hardlink_to", "mkstemp", "NamedTemporaryFile"}
_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND"}


def starts_process(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name("subprocess"), attr=name)):
            return name in _STARTERS
        case ast.Call(func=ast.Attribute(value=ast.Name("os"), attr=name)):
            return name.startswith(_OF_OS)
        case ast.ImportFrom(module="subprocess" | "multiprocessing"):
            return True
    return False


def runs(program: str, node: ast.AST) -> bool:
    match node:
        case ast.List(elts=[ast.Constant(value), *_]) | ast.Tuple(elts=[ast.Constant(value), *_]):
            return value == program
    return False


def writes(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name("os"), attr=name) if name in {*_FLAGS, "replace"}:
            return True
        case ast.Call(func=ast.Name("open"), args=[_, ast.Constant(str(mode)), *_]):
            return bool({*mode} & {*"wax+"})
        case ast.Call(func=ast.Attribute(attr="open"), args=[ast.Constant(str(mode)), *_]):
            return bool({*mode} & {*"wax+"})
        case ast.Call(func=ast.Attribute(attr="replace"), args=[_], keywords=[]):
            return True  # a path's: a text's has two arguments
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _WRITERS
    return False


def reads_yaml(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(each.name.split(".")[0] == "yaml" for each in names)
        case ast.ImportFrom(module=str(name)):
            return name.split(".")[0] == "yaml"
    return False


def defines_a_finding(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and node.name in {"Finding", "Code"}


@cache
def modules() -> dict[str, tuple[ast.AST, ...]]:
    """Return the nodes of every module of the product."""
    paths = (path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")))
    return {
        path.relative_to(ROOT).as_posix(): (*ast.walk(ast.parse(path.read_bytes())),)
        for path in paths
    }


def test_a_class_name_means_one_thing() -> None:
    """A private class counts, too: its name is in a traceback."""
    found: dict[str, list[str]] = {}
    for path, nodes in modules().items():
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(path)

    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.parametrize(
    ("does", "where"),
    [
        (starts_process, STARTS_PROCESSES),
        (lambda node: runs("git", node), RUNS_GIT),
        (lambda node: runs("gcloud", node), RUNS_GCLOUD),
        (writes, WRITES_FILES),
        (reads_yaml, READS_YAML),
        (defines_a_finding, DEFINES_A_FINDING),
    ],
    ids=["process", "git", "gcloud", "write", "yaml", "finding"],
)
def test_it_is_done_in_one_place_but_for_the_named_exceptions(
    does: object, where: dict[str, str]
) -> None:
    assert callable(does)
    found = {path for path, nodes in modules().items() if any(map(does, nodes))}

    assert found == {*where}
