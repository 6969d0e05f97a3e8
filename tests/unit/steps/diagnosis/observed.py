"""What the doctor has observed, and what its checks say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import Version

from steps.diagnosis import Observations
from steps.registry.address import parse_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.diagnosis import CheckResult

SERVICE = parse_registry("us-central1/demo/pypi", {})
EMULATOR = parse_registry(
    "us-central1/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:1"}
)
OTHER = parse_registry("https://example.com/team/", {})
INDEX = "https://us-central1-python.pkg.dev/demo/pypi/simple/"
SECRET = "planted-3c1f9a"


def observed(**seen: Any) -> Observations:
    return Observations(**{"registry": SERVICE, "environ": {}, "python": Version("3.13.1"), **seen})


def found(
    check: Callable[[Observations], Iterator[CheckResult]], **seen: Any
) -> list[tuple[str, str]]:
    """Return status and message of each result; whatever is wrong says what to do."""
    findings = [*check(observed(**seen))]
    assert all(it.fix for it in findings if it.status == "wrong"), findings
    assert SECRET not in str(findings)
    assert not any("shipwheel settings --" in it.fix for it in findings)  # it takes a client
    return [(it.status, it.message) for it in findings]


def statuses(check: Callable[[Observations], Iterator[CheckResult]], **seen: Any) -> list[str]:
    return [status for status, _ in found(check, **seen)]
