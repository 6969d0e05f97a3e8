"""What `setup.cfg` and `setup.py` say, read without running them: only what is literal counts.

A keyword of `setup()` wins over the same field in `setup.cfg`, as with setuptools.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steps.project.dependencies import names_of_extras, parse_dependency, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steps.project.dependencies import Dependency, Kind

# Keywords of setup() that let a plugin replace the version.
_VERSION_PLUGINS = {"pbr", "setup_requires", "use_incremental", "use_scm_version", "vcversioner",
                    "version_config"}  # fmt: skip
# What leads a tool that reads versions from git to the repository, and is no source.
GIT_KEYS = ("root", "fallback_root", "relative_to")
_UPWARDS = re.compile(r"(?:\.\./)+[^\s,;'\"]*")
_FOLDERS = 100  # no path has more
_CALL = re.compile(r"\bsetup\s*\(")


@dataclass(frozen=True, kw_only=True)
class SetupFiles:
    """The literal fields of both files; *version* is empty where something may replace it."""

    name: str = ""
    version: str = ""
    dependencies: tuple[Dependency, ...] = ()


def read_setup(directory: Path) -> SetupFiles:
    """Return what the setup files in *directory* say, as far as they can be read."""
    config = parse_config(read_text(directory / "setup.cfg"))
    script = setup_arguments(read_text(directory / "setup.py"))
    return SetupFiles(
        name=str(script.get("name") or config.get("metadata", "name", fallback="")).strip(),
        version=_version(config, script),
        dependencies=(
            *setup_dependencies(directory, script),
            *setup_dependencies(directory, config_options(config)),
        ),
    )


def setup_dependencies(directory: Path, options: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """Return what *options*, of `setup()` or of `[options]` in setup.cfg, require."""
    extras = options.get("extras_require")
    named = {str(it): lines for it, lines in extras.items()} if isinstance(extras, dict) else {}
    kinds: list[tuple[Kind, object, frozenset[str]]] = [
        ("runtime", options.get("install_requires"), frozenset()),
        ("build", options.get("setup_requires"), frozenset()),
        # An extra without a name is always installed, under the condition behind its colon.
        *(
            ("extra" if it[:1] != ":" else "runtime", lines, names_of_extras(it.partition(":")[0]))
            for it, lines in named.items()
        ),
    ]
    return tuple(
        replace(parse_dependency(line, directory, kind), extras=names)
        for kind, lines, names in kinds
        for line in _lines(lines)
    )


def config_options(config: configparser.ConfigParser) -> dict[str, Any]:
    """Return `[options]` of *config*, a setup.cfg, with the extras as `setup()` has them."""
    names = ("options", "options.extras_require")
    options, extras = (dict(config.items(it)) if config.has_section(it) else {} for it in names)
    return {**options, "extras_require": extras}


def calls_setup(directory: Path) -> bool:
    """Return whether `setup.py` in *directory* calls `setup()`: it may be any module."""
    return bool(_CALL.search(read_text(directory / "setup.py")))


def is_configured(directory: Path) -> bool:
    """Return whether `setup.cfg` in *directory* describes a project, and not only tools."""
    config = parse_config(read_text(directory / "setup.cfg"))
    return config.has_section("metadata") or config.has_section("options")


def parse_config(text: str) -> configparser.ConfigParser:
    """Return what *text*, a setup.cfg, says; nothing where it cannot be read."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return config


def setup_arguments(text: str) -> dict[str, Any]:
    """Return the keywords of `setup()` in *text*, a setup.py; None is what is not literal.

    A name is looked up among the literals that the module assigns to it once.
    """
    tree = parse_module(text)
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                name = target.id
                constants[name] = None if name in constants else _literal(node.value, {})
    found: dict[str, Any] = {}
    for call in _setup_calls(tree):
        for keyword in call.keywords:
            name = keyword.arg or "**"
            value = _literal(keyword.value, constants)
            found[name] = value if found.get(name, value) == value else None
    return found


def parse_module(text: str) -> ast.Module:
    """Return *text* as a module of Python, an empty one where it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def paths_outside(file: Path) -> Iterator[str]:
    """Yield the paths that lead out of the directory of *file*, a setup.cfg or a setup.py."""
    if file.suffix == ".cfg":
        yield from _UPWARDS.findall(read_text(file))
        return
    nodes = [*ast.walk(parse_module(read_text(file)))]
    named = [(it.arg, it.value) for it in nodes if isinstance(it, ast.keyword)]
    for it in nodes:
        if isinstance(it, ast.Dict):
            keys = (getattr(key, "value", None) for key in it.keys)
            named += zip(keys, it.values, strict=True)
    done = {each for key, it in named if key in GIT_KEYS for each in ast.walk(it)}
    names: dict[str, str] = {}
    with suppress(RecursionError):  # of what no person writes
        for it in nodes:
            if isinstance(it, ast.Assign) and isinstance(it.targets[0], ast.Name):
                names[it.targets[0].id] = _joined(it.value, names)
        for node in (it for it in nodes if it not in done):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _UPWARDS.findall(node.value)
            elif (path := os.path.normpath(_joined(node, names))).startswith(".."):
                done |= {*ast.walk(node)}
                yield from [path] if path.rsplit("/", 1)[-1] != ".." else []


def _joined(node: ast.AST, names: Mapping[str, str]) -> str:
    """Return the path that *node* of a setup.py makes from its directory, `.` for any other node.

    *names* are the paths that it gave names, as in `here = Path(__file__).parent`.
    """
    parts = ["."]
    match node:
        case ast.Name("__file__"):
            parts = ["setup.py"]
        case ast.Constant(str(text)):
            parts = [text]
        case ast.Name(name) if name in names:
            parts = [names[name]]
        case ast.BinOp(first, ast.Div(), second):
            parts = [_joined(first, names), _joined(second, {})]
        case (
            ast.Call(ast.Attribute(_, "join"), [first, *rest])
            | ast.Call(ast.Attribute(first, "joinpath"), rest)
            | ast.Call(_, [ast.Constant(str()) as first, _, *_] as rest)
        ):  # the last as in `read("..", "README.md")`
            parts = [_joined(first, names), *(_joined(it, {}) for it in rest if it is not first)]
        case ast.Attribute(_, "pardir"):
            parts = [".."]
        case ast.Attribute(of, "parent") | ast.Call(
            ast.Name("dirname") | ast.Attribute(_, "dirname"), [of]
        ):
            parts = [_joined(of, names), ".."]
        case ast.Subscript(ast.Attribute(of, "parents"), ast.Constant(int(count))) if (
            count < _FOLDERS
        ):
            parts = [_joined(of, names), *[".."] * (count + 1)]
        case ast.Call(_, [of]) | ast.Call(ast.Attribute(of, _), []):
            parts = [_joined(of, names)]
    return "/".join(parts)


def _setup_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            if (function.id if isinstance(function, ast.Name) else name) == "setup":
                yield node


def _literal(node: ast.expr, constants: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.List | ast.Tuple):
        return [value for item in node.elts if (value := _literal(item, constants)) is not None]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _version(config: configparser.ConfigParser, script: Mapping[str, Any]) -> str:
    """Return the version, unless a plugin, a tag or what is not literal may change it."""
    tagged = any(
        config.get("egg_info", key, fallback="").strip() not in {"", "0", "false"}
        for key in ("tag_build", "tag_date", "tag_svn_revision")
    )
    if tagged or _VERSION_PLUGINS & script.keys() or ("**" in script and "version" not in script):
        return ""
    if "version" in script:
        return script["version"] if isinstance(script["version"], str) else ""
    return static_version(config)


def static_version(config: configparser.ConfigParser) -> str:
    """Return the version in a setup.cfg, unless that says where else it is."""
    version = config.get("metadata", "version", fallback="").strip()
    return "" if version.startswith(("attr:", "file:")) else version


def _lines(value: object) -> Iterator[str]:
    """Yield the requirements in *value*, a text of lines or a list."""
    text = value.strip() if isinstance(value, str) else ""
    lines = text.split("\n" if "\n" in text else ";") if text else value  # as setuptools splits
    for line in lines if isinstance(lines, list | tuple) else ():
        wanted = f" {line}".partition(" #")[0].strip() if isinstance(line, str) else ""
        if wanted:
            yield wanted
