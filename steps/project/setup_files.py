"""What `setup.cfg` and `setup.py` say, read without running them: only what is literal counts.

A keyword of `setup()` wins over the same field in `setup.cfg`, as with setuptools.
"""

from __future__ import annotations

import ast
import configparser
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.project.dependencies import parse_dependency, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steps.project.dependencies import Dependency, Kind

# Keywords of setup() that let a plugin replace the version.
_VERSION_PLUGINS = {"pbr", "setup_requires", "use_incremental", "use_scm_version", "vcversioner",
                    "version_config"}  # fmt: skip
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
            *setup_dependencies(directory, dict(_options(config))),
        ),
    )


def setup_dependencies(directory: Path, options: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """Return what *options*, of `setup()` or of `[options]` in setup.cfg, require."""
    kinds: tuple[tuple[Kind, str], ...] = (
        ("runtime", "install_requires"),
        ("build", "setup_requires"),
    )
    return tuple(
        parse_dependency(line, directory, kind)
        for kind, key in kinds
        for line in _lines(options.get(key))
    )


def config_options(text: str) -> dict[str, str]:
    """Return `[options]` of *text*, a setup.cfg."""
    return dict(_options(parse_config(text)))


def _options(config: configparser.ConfigParser) -> list[tuple[str, str]]:
    return config.items("options") if config.has_section("options") else []


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
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
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
    lines = value.splitlines() if isinstance(value, str) else value
    for line in lines if isinstance(lines, list | tuple) else ():
        if isinstance(line, str) and line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
