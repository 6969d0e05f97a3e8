"""A function: a directory that Google builds and serves, read without importing any of it.

The dates of its runtimes are those of the support schedule of Cloud Run functions, as of 2026-11. A
deprecated runtime still takes deployments; a decommissioned one refuses them.
"""

from __future__ import annotations

import ast
import os
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from steps.host.files import read_whole
from steps.project.dependencies import runtime_lines, table_in
from steps.project.requirements_file import parse_requirements
from steps.project.source import read_pyproject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from steps.host.errors import Level
    from steps.project.requirements_file import RequirementsFile

REQUIREMENTS = "requirements.txt"
MAIN = "main.py"
_INPUT = "requirements.in"
_TEMPLATE = "requirements.txt.tmpl"
PYPROJECT = "pyproject.toml"
FRAMEWORK = "functions-framework"
# Whichever Python the module is for, and in whatever encoding.
_FRAMEWORK_IMPORT = rb"(?m)^[ \t]*(?:import|from)[ \t](?:[^#\n\"']*,[ \t]*)?functions_framework\b"
_DECORATOR = re.compile(r"functions_framework\.(?:aio\.)?(?:http|cloud_event|typed)")
BUNDLE_FOLDER = "wheels"  # of the function, for wheels that are built from its repository
_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_HEADER = "# {} by shipwheel requirements from {}"
_WRITTEN = re.compile(
    r"# (Written|Pinned) by shipwheel requirements from (\S+)(?: \(sha256 ([0-9a-f]+)\))?"
)
# The first day of each runtime's deprecation, and of its decommissioning.
_RUNTIMES = {
    "python37": (date(2024, 1, 30), date(2025, 1, 30)),
    "python38": (date(2024, 10, 14), date(2025, 10, 14)),
    "python39": (date(2025, 10, 5), date(2026, 4, 5)),
    "python310": (date(2026, 10, 4), date(2027, 4, 4)),
    "python311": (date(2027, 10, 24), date(2028, 4, 24)),
    "python312": (date(2028, 10, 2), date(2029, 4, 2)),
    "python313": (date(2029, 10, 10), date(2030, 4, 10)),
    "python314": (date(2030, 10, 10), date(2031, 4, 10)),
}
_PREVIEW = "python315"


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function; *directory* is absolute, *files* are the names in it.

    *source* is the file that its requirements come from, *text* what that says, as a requirements
    file. *origin* is the file that the header of its requirements.txt names, and *pinned* the
    digest there, of a lock that counts. *has_project* says that a `pyproject.toml` may have
    requirements, *has_poetry* that Google's build takes Poetry where no requirements.txt is there.
    """

    directory: Path
    files: frozenset[str]
    source: str
    text: str
    origin: str = ""
    pinned: str = ""
    has_project: bool = False
    has_poetry: bool = False

    def __str__(self) -> str:
        """Return the name of its directory."""
        return self.directory.name

    @property
    def is_generated(self) -> bool:
        """Whether its requirements.txt comes from another file."""
        return self.source != REQUIREMENTS

    def header(self, pinned: str = "") -> str:
        """Return the first line of a generated requirements.txt; a lock has the digest *pinned*."""
        if not pinned:
            return _HEADER.format("Written", self.source)
        return f"{_HEADER.format('Pinned', self.source)} (sha256 {pinned})"

    def path(self, name: str = REQUIREMENTS) -> Path:
        """Return the path of one of its files."""
        return self.directory / name

    def read(self, name: str) -> str:
        """Return the text of one of its files, with its line ends; raise InputError."""
        return _read(self.directory / name)

    def main(self) -> bytes | None:
        """Return its main.py, if it has one; raise InputError."""
        return read_bytes(self.directory / MAIN) if MAIN in self.files else None


def read_function(directory: Path, *, pin: bool = False) -> Function:
    """Read the function in *directory*; *pin* says that its requirements.txt becomes a lock.

    A template comes first. A requirements.txt counts where it was not made from another file, and
    where it is the lock of one, unless it is to be made anew. Raises InputError.
    """
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 - keeps symbolic links as named
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "does not exist"
        raise InputError(
            f"The function's directory {what}: {os.fspath(directory)!r}",
            f"name a directory with a {MAIN}",
        )
    files = frozenset(os.listdir(directory))  # noqa: PTH208 - the names
    if (directory / REQUIREMENTS).is_symlink():
        raise InputError(
            f"{os.fspath(directory / REQUIREMENTS)!r} is a symbolic link, and would be replaced",
            "keep a file there, or a requirements.in that includes the other one by -r",
        )
    state, origin, pinned = _written_from(directory) if REQUIREMENTS in files else ("", "", "")
    source = _source(directory, files, "" if state == "Pinned" and not pin else origin, pin=pin)
    described = _described_by(directory) if PYPROJECT in files else set()
    return Function(
        directory=directory,
        files=files,
        source=source,
        text=source_text(directory, source),
        origin=origin,
        pinned=pinned if source == REQUIREMENTS and origin in files else "",
        has_project=bool(described),
        has_poetry="poetry" in described or "poetry.lock" in files,
    )


def source_text(directory: Path, name: str) -> str:
    """Return the requirements in the file *name* of a function, as a requirements file."""
    if name != PYPROJECT:
        return _read(directory / name)
    lines = runtime_lines(directory, read_pyproject(directory))
    return "".join(f"{line}\n" for line in lines)


def parse_main(main: bytes) -> ast.Module:
    """Return the module *main*, in whichever encoding it says; raise SyntaxError or ValueError."""
    with warnings.catch_warnings(action="ignore"):  # what it warns of is for its own tests
        try:
            return ast.parse(main)
        except (RecursionError, MemoryError):
            raise SyntaxError("nested too deeply to be read") from None


def entry_points(main: ast.Module) -> frozenset[str] | None:
    """Return the names that *main* binds at its top; None where parsing does not show them."""
    names: set[str] = set()
    for node in _top_level(main):
        if isinstance(node, _DEFINITION):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name):
            # What is written to globals() is bound, and no parser sees it.
            names.add(node.id if isinstance(node.ctx, ast.Store) else _unseen(node.id))
    return None if names & {"*", "__getattr__"} else frozenset(names - {""})


def decorated_entry_point(main: bytes) -> str:
    """Return the one function of the module *main* that the functions framework decorates.

    Empty where there are several or none, or where the module cannot be parsed.
    """
    try:
        nodes = _top_level(parse_main(main))
    except (SyntaxError, ValueError):
        return ""
    origins: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            origins |= {it.asname or it.name: f"{module}{it.name}" for it in node.names}
    found = {
        node.name
        for node in nodes
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if any(_DECORATOR.fullmatch(_origin(it, origins)) for it in node.decorator_list)
    }
    return found.pop() if len(found) == 1 else ""


def _origin(decorator: ast.expr, origins: Mapping[str, str]) -> str:
    """Return what *decorator* is, by the dotted name from which it is imported."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    first = node.id if isinstance(node, ast.Name) else ""
    return ".".join((origins.get(first, first), *names))


def _unseen(name: str) -> str:
    return "*" if name in {"globals", "exec"} else ""


def defines_function(main: ast.Module) -> bool:
    """Return whether *main* defines, or may import, any function at its top."""
    wanted = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ImportFrom, ast.Assign)
    names = entry_points(main)
    return names is None or any(isinstance(node, wanted) for node in _top_level(main))


def is_function(main: bytes, required: Collection[str], entry_point: str = "") -> bool:
    """Return whether a directory is a function, by its *main* module and its requirements.

    Evidence is the functions framework among the normalised names *required*, or among what *main*
    imports; or an *entry_point* that *main* binds, for a directory that the manifest deploys.
    """
    if FRAMEWORK in required or re.search(_FRAMEWORK_IMPORT, main):
        return True
    try:
        return bool(entry_point) and entry_point in (entry_points(parse_main(main)) or ())
    except (SyntaxError, ValueError):
        return False


def _top_level(main: ast.Module) -> list[ast.AST]:
    """Return all that is run when the module is, and so nothing inside of its functions."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [main]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (*_DEFINITION, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return found


def _source(directory: Path, files: frozenset[str], origin: str, *, pin: bool) -> str:
    if _TEMPLATE in files:
        return _TEMPLATE
    if _INPUT in files and (pin or REQUIREMENTS not in files or origin == _INPUT):
        return _INPUT
    if REQUIREMENTS in files and not (origin == PYPROJECT and PYPROJECT in files):
        return REQUIREMENTS
    if PYPROJECT in files:
        return PYPROJECT
    raise InputError(
        f"The function has no requirements: {os.fspath(directory)!r}",
        f"write a {REQUIREMENTS}, a {_INPUT}, a {_TEMPLATE} or a {PYPROJECT} there",
    )


def _described_by(directory: Path) -> set[str]:
    """Return which of "project" and "poetry", Poetry's table, `pyproject.toml` has."""
    with suppress(InputError):  # read only where it is the source
        table = read_pyproject(directory)
        return {"project"} & {*table} | {"poetry"} & {*table_in(table, "tool")}
    return set()


def _written_from(directory: Path) -> tuple[str, str, str]:
    """Return how its requirements.txt was made, from which file, and that one's digest."""
    match = _WRITTEN.match(_read(directory / REQUIREMENTS).removeprefix("\ufeff"))
    return (match[1], match[2], match[3] or "") if match else ("", "", "")


def parsed(text: str, name: str) -> RequirementsFile:
    """Return the lines of *text*; raise InputError with every line that is not valid."""
    file = parse_requirements(text)
    InputError.raise_all(
        Problem(
            f"{name}:{line.number}: not a valid requirement: {line.first!r} ({line.fault})",
            "write it as PEP 508 has it, such as 'name==1.0'",
        )
        for line in file.lines
        if line.fault
    )
    return file


def _read(path: Path) -> str:
    return read_whole(path, "let this user read it, as UTF-8", newline="")


def read_bytes(path: Path) -> bytes:
    """Return what is in the file at *path*; raise InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{os.fspath(path)!r} cannot be read: {error.strerror}", "let this user read it"
        ) from None


def is_retired(name: str, today: date) -> bool:
    """Return whether the Python *name*, such as python27 or python39, gets no more fixes."""
    oldest, minor = next(iter(_RUNTIMES)), name.removeprefix("python3")
    known = _RUNTIMES.get(name)
    if known:
        return today >= known[0]
    return name.startswith("python2") or (minor.isdigit() and int(minor) < int(oldest[7:]))


def judge_runtime(name: str, today: date) -> tuple[Level, Problem] | None:
    """Return what is wrong with the runtime *name*, such as python313; None when it is supported.

    An error is what Google refuses to deploy.
    """
    supported = [each for each, (deprecated, _) in _RUNTIMES.items() if today < deprecated]
    hint = f"choose a supported one: {', '.join(supported) or 'see the support schedule'}"
    if name == _PREVIEW:
        return "warning", Problem(f"The runtime {name!r} is in preview", hint)
    if name not in _RUNTIMES:
        return "warning", Problem(f"The runtime {name!r} is not in Google's list of 2026-11", hint)
    deprecated, decommissioned = _RUNTIMES[name]
    if today >= decommissioned:
        what = f"was decommissioned on {decommissioned}: Google refuses to deploy it"
        return "error", Problem(f"The runtime {name!r} {what}", hint)
    if today >= deprecated:
        what = f"is deprecated since {deprecated}, and refused from {decommissioned} on"
        return "warning", Problem(f"The runtime {name!r} {what}", hint)
    return None
