"""Looks at what was built before anybody else does: its metadata, its wheel's contents.

The rules are those of `twine check` and of check-wheel-contents, which a project configures in its
own `[tool.check-wheel-contents]`.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.requirements import InvalidRequirement, Requirement

from steps.host.errors import InputError, Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from steps.distribution.files import Distribution

_logger = logging.getLogger("shipwheel")

# What `twine check` says of a project without a readme, and of the type that it then lacks, too.
_NO_README = "`long_description` missing."
_NO_TYPE = "`long_description_content_type` missing."
# `twine check` prints what it finds, and there is one standard output.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class DistributionFinding:
    """What one of the tools found in one file."""

    filename: str
    level: Literal["warning", "error"]
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the finding on one line."""
        return f"{self.filename}: {self.message}"


def import_early() -> None:
    """Begin to import the tools, which are slow to import, and return at once."""
    threading.Thread(target=_import_tools, name="import", daemon=True).start()


def _import_tools() -> None:
    with suppress(ImportError):  # whoever needs them says so
        import check_wheel_contents.checker  # noqa: F401, PLC0415 - this is the purpose
        import twine.commands.check  # noqa: F401, PLC0415 - the same


def verify(distributions: Iterable[Distribution], directory: Path, *, strict: bool = False) -> None:
    """Check *distributions*, built from the project in *directory*.

    Errors are refused; warnings are narrated, or refused as well when *strict*.
    """
    findings = _each_once(
        finding
        for distribution in distributions
        for finding in (
            *_direct_references(distribution),
            *_metadata_findings(distribution),
            *_wheel_findings(distribution, directory),
        )
    )
    refused = [finding for finding in findings if strict or finding.level == "error"]
    for finding in findings:
        if finding not in refused:
            _logger.warning("warning: %s", finding)
    Refused.raise_all(Problem(str(finding), finding.hint) for finding in refused)


def _each_once(findings: Iterable[DistributionFinding]) -> list[DistributionFinding]:
    """Leave out what was found before: a wheel and its sdist share their metadata."""
    return [*{finding.message: finding for finding in reversed([*findings])}.values()][::-1]


def _direct_references(distribution: Distribution) -> Iterator[DistributionFinding]:
    """Yield an error per requirement on a path of this machine, which nobody else has."""
    for line in distribution.requires:
        try:
            url = Requirement(line).url or ""
        except InvalidRequirement:
            continue  # `twine check` says so
        if url.startswith("file:"):
            yield DistributionFinding(
                distribution.filename,
                "error",
                f"it requires a folder of this machine: {line!r}",
                "require a version in [project], and keep the path in the tool's own table"
                " ([tool.uv.sources], [tool.poetry.dependencies])",
            )


def _metadata_findings(distribution: Distribution) -> Iterator[DistributionFinding]:
    from twine.commands.check import check  # noqa: PLC0415 - docutils is slow to import
    from twine.exceptions import InvalidDistribution  # noqa: PLC0415 - the same

    with (
        _ONE_AT_A_TIME,
        _listening("twine.commands.check") as messages,
        redirect_stdout(io.StringIO()),
    ):
        try:
            failed = check([str(distribution.path)])
        except InvalidDistribution as error:
            failed = True
            messages.append(str(error))
    if _NO_README in messages:
        messages = [it for it in messages if _NO_TYPE not in it]
    for message in messages:
        yield DistributionFinding(
            distribution.filename,
            "error" if failed else "warning",
            " ".join(message.split()),
            "mend the metadata in pyproject.toml, or the readme that it names",
        )


def _wheel_findings(distribution: Distribution, directory: Path) -> Iterator[DistributionFinding]:
    if distribution.kind != "wheel":
        return
    from check_wheel_contents.checker import WheelChecker  # noqa: PLC0415 - pydantic is slow, too
    from check_wheel_contents.contents import WheelContents  # noqa: PLC0415 - the same
    from check_wheel_contents.errors import (  # noqa: PLC0415 - the same
        UserInputError,
        WheelValidationError,
    )

    checker = WheelChecker()
    try:
        checker.configure_options(configpath=str(directory / "pyproject.toml"))
        failures = checker.check_contents(WheelContents.from_wheel(distribution.path))
    except UserInputError as error:
        where = os.fspath(directory / "pyproject.toml")
        raise InputError(
            f"[tool.check-wheel-contents] is wrong in {where!r}: {error}", "mend that table"
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
        yield DistributionFinding(
            distribution.filename,
            "warning",
            failure.show().strip(),
            f"mend what is packed, or ignore {failure.check.name} in [tool.check-wheel-contents]",
        )


@contextmanager
def _listening(name: str) -> Iterator[list[str]]:
    """Collect what the logger *name* says, and keep it from being printed."""
    messages: list[str] = []
    source = logging.getLogger(name)
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]  # of this one
    propagate, level = source.propagate, source.level
    source.propagate = False
    source.setLevel(logging.WARNING)  # an upload in this process has silenced twine
    source.addHandler(handler)
    try:
        yield messages
    finally:
        source.removeHandler(handler)
        source.propagate = propagate
        source.setLevel(level)
