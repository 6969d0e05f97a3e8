"""The rules of the names in a build config that only substitution completes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.host.documents import Path
    from triggers.cloudbuild.build_config import Build

_TAG = r"[\w][\w.-]{0,127}"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
# The reference of a container image: a host with a port, parts, then a tag or a digest.
_IMAGE = re.compile(
    rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    rf"(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
# Names in full: how the service spells them, and what is one.
ACCOUNT = re.compile(r"projects/[^/\s]+/serviceAccounts/[^/\s]+")
_POOL = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/workerPools/[^/\s]+")
_VERSION = re.compile(r"projects/[^/\s]+/(?:locations/[^/\s]+/)?secrets/[^/\s]+/versions/[^/\s]+")
_PYTHON_REPOSITORY = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^/\s]+/[^/\s]+/?")


def broken_after_substitution(build: Build) -> Iterator[Finding]:
    """Yield what the service refuses in the names that only substitution completes."""
    for index, step in enumerate(build.steps):
        if not _IMAGE.fullmatch(step.name):
            message = f'invalid build step name "{step.name}"'
            yield Finding.at(("steps", index, "name"), message, code="SW313")
    images: list[tuple[Path, tuple[str, ...]]] = [
        (("images",), build.images),
        (("artifacts", "images"), build.artifacts.images),
    ]
    for path, i, image in ((p, i, image) for p, names in images for i, image in enumerate(names)):
        if not _IMAGE.fullmatch(image):
            why = " contains uppercase letters" if _IMAGE.fullmatch(image.lower()) else ""
            yield Finding.at((*path, i), f'invalid image name "{image}"{why}', code="SW313")
    for i, tag in enumerate(build.tags):
        if tag and not re.fullmatch(_TAG, tag):
            message = f'invalid build tag "{tag}": must match format "^({_TAG})$"'
            yield Finding.at(("tags", i), message, code="SW313")
    if build.artifacts.objects:
        yield from location_faults(build.artifacts.objects.location)
    for i, package in enumerate(build.artifacts.python_packages):
        if package.repository and not _PYTHON_REPOSITORY.fullmatch(package.repository):
            message = f"the repository {package.repository!r} is not one of Artifact Registry"
            path = ("artifacts", "pythonPackages", i, "repository")
            hint = "write https://REGION-python.pkg.dev/PROJECT/REPO"
            yield Finding.at(path, message, hint, "SW310")
    yield from _short_names(build)


def _short_names(build: Build) -> Iterator[Finding]:
    """Yield the resources that are not named in full."""
    pool = build.options.pool
    names: list[tuple[Path, str, re.Pattern[str], str, str]] = [
        (
            ("serviceAccount",), build.service_account, ACCOUNT,
            "service account", "projects/PROJECT/serviceAccounts/EMAIL",
        ),
        *(
            (
                path, name, _POOL,
                "worker pool", "projects/PROJECT/locations/REGION/workerPools/POOL",
            )
            for path, name in (
                (("options", "pool", "name"), pool.name if pool else ""),
                (("options", "workerPool"), build.options.worker_pool),
            )
        ),
        *(
            (
                ("availableSecrets", "secretManager", i, "versionName"), secret.version_name,
                _VERSION, "secret's version", "projects/PROJECT/secrets/SECRET/versions/VERSION",
            )
            for i, secret in enumerate(build.available_secrets.secret_manager)
        ),
    ]  # fmt: skip
    for path, name, form, what, example in names:
        if name and not form.fullmatch(name):
            message = f"the {what} {name!r} is not a full resource name"
            yield Finding.at(path, message, f"write {example}", "SW317")


def location_faults(location: str) -> Iterator[Finding]:
    """Yield why artifacts cannot be copied to *location*."""
    path: Path = ("artifacts", "objects", "location")
    if not location:
        message = "invalid .artifacts field: .artifacts.location field is empty"
        yield Finding.at(path, message, code="SW310")
    elif not location.startswith("gs://"):
        message = f'invalid .artifacts.location value "{location}"'
        message += "; Google Cloud Storage URLs must begin with 'gs://'"
        yield Finding.at(path, message, code="SW310")
