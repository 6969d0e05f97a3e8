"""What `[tool.shipwheel]` of a project may say, and what is wrong with what it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from steps.host.errors import Problem, did_you_mean
from steps.project.globs import BadGlobError, can_never_match, parse_glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

KEYS = ("environment", "unversioned")


def tool_problems(table: Mapping[str, Any], directory: Path) -> Iterator[Problem]:
    """Yield what is wrong in *table*, `[tool.shipwheel]` of the project in *directory*."""
    where = f"in {os.fspath(directory / 'pyproject.toml')!r}"
    for key, value in table.items():
        if key not in KEYS:
            known = f"the keys there are: {', '.join(KEYS)}"
            message = f"[tool.shipwheel] has no key {key!r}, {where}"
            yield Problem(message, did_you_mean(key, KEYS, known))
        elif not (isinstance(value, list) and all(isinstance(it, str) for it in value)):
            example = '["NAME"]' if key == "environment" else '["tests/**"]'
            what = "names of variables" if key == "environment" else "globs of files"
            message = f"[tool.shipwheel] {key} is {value!r} {where}"
            yield Problem(message, f"list {what} there: {key} = {example}")
        elif key == "unversioned":
            yield from glob_problems(value, f"[tool.shipwheel] unversioned {where}", directory)


def glob_problems(
    globs: Iterable[str], where: str, directory: Path | None = None
) -> Iterator[Problem]:
    """Yield a problem per glob that matches no file of a project, such as of *directory*."""
    for glob in globs:
        if can_never_match(glob.rstrip("/")):
            hint = "write it from the project's directory, such as tests/**"
            yield Problem(f"{where}: {glob!r} matches no file", hint)
        elif glob.endswith("/") or (directory and (directory / glob).is_dir()):
            hint = f"write {glob.rstrip('/')}/** for all that is in it"
            yield Problem(f"{where}: {glob!r} is a directory", hint)
        else:
            try:
                parse_glob(glob)
            except BadGlobError as error:
                hint = "fix it, or escape the character with a backslash"
                yield Problem(f"{where}: the glob {glob!r} is malformed: {error}", hint)
