"""Checks what was built: its metadata, and its wheel's contents.

The rules are those of `twine check`, which itself prints and logs for the whole process, so that
this calls what it calls; and those of check-wheel-contents, which a project configures in its own
`[tool.check-wheel-contents]`. No other module calls check-wheel-contents and the readme renderer.
All this takes 0.6 s to import, which a thread does while the first backend works.
"""

from __future__ import annotations

import io
import os
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from check_wheel_contents.checker import WheelChecker
from check_wheel_contents.checks import Check
from check_wheel_contents.contents import WheelContents
from check_wheel_contents.errors import UserInputError, WheelValidationError
from packaging.requirements import InvalidRequirement, Requirement
from readme_renderer import rst

from steps.distribution.twine_library import read_package
from steps.host.errors import InputError, Problem, Refused, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from twine.package import PackageFile

    from steps.distribution.files import Distribution


# Rendering these cannot fail; all else is rendered as reStructuredText.
_PLAIN = {"text/plain", "text/markdown"}
_REPORT = re.compile(r"<string>:(\d*): \(([A-Z]+)/\d\)")
# docutils keeps its roles and directives once for the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class DistributionFinding:
    """What one of the tools found in one file.

    *public* says that it only matters on the page that a public registry shows of a project.
    """

    filename: str
    level: Literal["warning", "error"]
    message: str
    hint: str
    public: bool = False

    def __str__(self) -> str:
        """Return the finding on one line."""
        return f"{self.filename}: {self.message}"


def verify(
    distributions: Iterable[Distribution], directory: Path, *, strict: bool = False
) -> tuple[str, ...]:
    """Check *distributions*, built from the project in *directory*.

    Errors are refused; warnings are logged, or refused as well when *strict*. Returned are those
    that are to be said once for all projects, since they mean nothing in a private registry.
    """
    found: dict[str, DistributionFinding] = {}
    for distribution in distributions:
        for finding in (
            *_direct_references(distribution),
            *_metadata_findings(distribution),
            *_wheel_findings(distribution, directory),
        ):
            found.setdefault(finding.message, finding)  # a wheel and its sdist share their metadata
    refused = [it for it in found.values() if strict or it.level == "error"]
    warned = [it for it in found.values() if it not in refused]
    warn(*(it for it in warned if not it.public))
    Refused.raise_all(Problem(str(finding), finding.hint) for finding in refused)
    return tuple(it.message for it in warned if it.public)


def _direct_references(distribution: Distribution) -> Iterator[DistributionFinding]:
    """Yield an error per requirement on a path of this machine, which no other machine has."""
    for line in distribution.requires:
        try:
            url = Requirement(line).url or ""
        except InvalidRequirement:
            continue  # twine says so
        if url.startswith("file:"):
            yield DistributionFinding(
                distribution.filename,
                "error",
                f"it requires a folder of this machine: {line!r}",
                "require a version in [project], and keep the path in the tool's own table"
                " ([tool.uv.sources], [tool.poetry.dependencies])",
            )


def _metadata_findings(distribution: Distribution) -> Iterator[DistributionFinding]:
    hint = "fix the metadata in pyproject.toml, or the readme that it names"
    try:
        for level, message in check_readme(read_package(distribution.path)):
            said = " ".join(message.split())
            public = level == "warning"
            yield DistributionFinding(distribution.filename, level, said, hint, public=public)
    except ValueError as error:
        yield DistributionFinding(
            distribution.filename, "error", " ".join(str(error).split()), hint
        )


def check_readme(package: PackageFile) -> Iterator[tuple[Literal["warning", "error"], str]]:
    """Yield what `twine check` finds in the readme of *package*."""
    metadata = package.metadata_dictionary()
    readme = metadata.get("description", "")
    if not readme or readme.rstrip() == "UNKNOWN":
        yield "warning", "`long_description` missing."
        return
    content_type = metadata.get("description_content_type")
    if content_type is None:
        yield "warning", "`long_description_content_type` missing. defaulting to `text/x-rst`."
    if (content_type or "").partition(";")[0].strip().lower() in _PLAIN:
        return
    reports = io.StringIO()
    with _ONE_AT_A_TIME:
        rendered = rst.render(readme, stream=reports)
    if rendered is None:
        found = _REPORT.sub(r"line \1: \2:", reports.getvalue())
        yield (
            "error",
            f"`long_description` has syntax errors in markup and would not be rendered: {found}",
        )


def _wheel_findings(distribution: Distribution, directory: Path) -> Iterator[DistributionFinding]:
    if distribution.kind != "wheel":
        return
    checker = WheelChecker()
    config = directory / "pyproject.toml"
    try:
        checker.configure_options(**({"configpath": str(config)} if config.exists() else {}))
        failures = checker.check_contents(WheelContents.from_wheel(distribution.path))
    except UserInputError as error:
        where = os.fspath(directory / "pyproject.toml")
        raise InputError(
            f"[tool.check-wheel-contents] is wrong in {where!r}: {error}", "fix that table"
        ) from None
    except WheelValidationError as error:
        yield DistributionFinding(
            distribution.filename,
            "error",
            f"it is not a valid wheel: {error}",
            "its build backend wrote it: upgrade that, or report it there",
        )
        return
    for failure in failures:
        forgotten = failure.check is Check.W008 and _has_modules(directory, distribution.name)
        yield DistributionFinding(
            distribution.filename,
            "error" if forgotten else "warning",
            failure.show().strip(),
            f"fix what is packed, or ignore {failure.check.name} in [tool.check-wheel-contents]",
        )


def _has_modules(directory: Path, project: str) -> bool:
    """Return whether there is what an empty wheel should hold: a metapackage has no modules."""
    name = project.replace("-", "_")
    patterns = ("src/**/*.py", f"{name}/**/*.py", f"{name}.py")
    return any(next(directory.glob(pattern), None) for pattern in patterns)
