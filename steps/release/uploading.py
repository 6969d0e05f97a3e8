"""Uploads distributions through twine, one attempt at a time; the index has the last word.

An answer can get lost, and a registry can refuse what it has stored: so after every upload that did
not end well the index is asked what is there. Nothing counts before the index shows it.
"""

from __future__ import annotations

import graphlib
import logging
import re
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

from requests import codes

from steps.distribution.files import file_sha256
from steps.host.errors import (
    AccessError,
    ApiUnavailable,
    InputError,
    NoRepository,
    Problem,
    Refused,
    RegistryError,
    ShipwheelError,
    readable_size,
)
from steps.host.progress import current_work, progress
from steps.registry.address import shown
from steps.registry.artifact_registry import WRITER, create_command
from steps.registry.repository_api import UPLOAD
from steps.registry.retry import ConnectionBroke, Transient, retry
from steps.release.judgement import Outcome, published_differences
from steps.release.twine_upload import TwinePackages, TwineUpload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import requests
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from steps.distribution.files import Distribution
    from steps.registry.index import Index
    from steps.registry.page import PublishedFile
    from steps.registry.transport import Transport
    from steps.release.judgement import Judgement

WORKERS = 8
_CONCURRENT_PUBLISH_SECONDS = 5.0

# The service's own sentence is not known; one about the mode has to name it somehow.
_READ_ONLY = re.compile(r"\b(remote|virtual) repositor", re.IGNORECASE)

_KEPT = (
    "run it again later; if that version was deleted, the registry keeps its files' names: bump it"
)

_logger = logging.getLogger("shipwheel")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to upload: a judgement per version of a project, and which projects each project needs.

    The files of a project are only sent once every project that it needs is in the index, and so
    are the versions of it that come before in *judgements*.
    """

    judgements: tuple[Judgement, ...]
    needs: Mapping[NormalizedName, Collection[NormalizedName]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A distribution that the index shows, with the *sha256* that it has there.

    It was *uploaded* when the registry said that it took it from us, and *found* when it was there
    by whatever way it came: an answer to us may have got lost. *lost_race* says that the registry
    refused ours at once, so that another publish of the same must have been faster; what that has
    compiled from the same source to other bytes is *rebuilt*.
    """

    distribution: Distribution
    sha256: str
    result: Literal["uploaded", "found"]
    lost_race: bool = False
    rebuilt: bool = False


def upload(
    plan: Plan,
    transport: Transport,
    index: Index,
    *,
    packages: TwinePackages | None = None,
    workers: int = WORKERS,
) -> tuple[UploadedFile, ...]:
    """Upload what *plan* says, and return each file once the index shows it.

    Wheels go before the sdist, a project after those that it needs, others side by side. After
    the first failure nothing new is begun; one error then says what went wrong and what is there.
    *packages* are those that twine has read by now.
    """
    uploader = _Uploader(transport, index, packages or TwinePackages())
    pool = ThreadPoolExecutor(workers, thread_name_prefix="upload")
    total = sum(len(it.to_upload) for it in plan.judgements)
    try:
        with progress.whole("Uploading", total, "file"):
            errors = _run(plan, uploader, pool)
    finally:
        # An interrupt does not wait for the uploads that are under way.
        pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        raise _combined(errors, uploader.uploaded)
    return tuple(uploader.uploaded)


def _order(plan: Plan) -> graphlib.TopologicalSorter[int]:
    """Return the order of the judgements of *plan*, each by its place there."""
    order = graphlib.TopologicalSorter[int]()
    for at, judgement in enumerate(plan.judgements):
        needed = plan.needs.get(judgement.project, ())
        order.add(
            at,
            *(
                place
                for place, other in enumerate(plan.judgements)
                if other.project in needed or (other.project == judgement.project and place < at)
            ),
        )
    order.prepare()
    return order


def _run(plan: Plan, uploader: _Uploader, pool: ThreadPoolExecutor) -> list[ShipwheelError]:
    order = _order(plan)
    running: dict[Future[None], int] = {}
    errors: list[ShipwheelError] = []
    while running or (order.is_active() and not errors):
        for place in () if errors else order.get_ready():
            running[pool.submit(uploader.upload_project, plan.judgements[place])] = place
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            place = running.pop(future)
            try:
                future.result()
            except ShipwheelError as error:
                errors.append(error)
            else:
                order.done(place)
        if errors:
            running = {future: place for future, place in running.items() if not future.cancel()}
    return errors


def _combined(errors: Sequence[ShipwheelError], there: Sequence[UploadedFile]) -> ShipwheelError:
    problems = [problem for error in errors for problem in error.problems]
    if there:
        names = ", ".join(uploaded_file.distribution.filename for uploaded_file in there)
        problems.append(
            Problem(
                f"Already in the registry: {names}",
                "fix the cause and run the same command again; it uploads what is missing",
            )
        )
    return type(errors[0])(problems[0], more=problems[1:])


class _Uploader:
    """Uploads the files of one project after another; threads share it."""

    def __init__(self, transport: Transport, index: Index, packages: TwinePackages) -> None:
        self._transport = transport
        self._index = index
        self._packages = packages
        self._sources: dict[tuple[NormalizedName, Version], Distribution] = {}
        self.uploaded: list[UploadedFile] = []

    def upload_project(self, judgement: Judgement) -> None:
        if judgement.source:
            self._sources[judgement.project, judgement.version] = judgement.source
        files = sorted(judgement.to_upload, key=lambda file: (file.kind != "wheel", file.filename))
        lost_race = False
        for file in files:
            with progress.work(file.filename, "uploading", size=file.size) as work:
                uploaded_file = (
                    lost_race and self._wait_for_concurrent_publish(file)
                ) or self._upload_file(file)
                work.result = f"{uploaded_file.result.capitalize()} {file.filename}"
            lost_race = uploaded_file.lost_race
            self.uploaded.append(uploaded_file)

    def _upload_file(self, file: Distribution) -> UploadedFile:
        attempt = TwineUpload(file, self._packages, self._transport)

        def once() -> UploadedFile | None:
            try:
                response = attempt.post()
            except Transient as fault:
                if found := self._find_in_index(file):
                    return found
                if isinstance(fault, ConnectionBroke):
                    raise self._explained(fault) from None
                raise
            if response.ok and not response.is_redirect:
                return None
            missing = response.status_code == codes.not_found  # the repository, with its index
            if not missing and (found := self._find_in_index(file)):
                return replace(found, lost_race=not attempt.maybe_stored)
            raise self._refusal(file, response)

        what = f"Upload of {file.filename!r}"
        found = retry(once, what=what, retry_for=self._transport.retry_for)
        return found or self._confirm(file)

    def _wait_for_concurrent_publish(self, file: Distribution) -> UploadedFile | None:
        """Give another publish, which was faster, the time to finish what it has begun."""
        _logger.info("Another publish was faster; looking for its %s", file.filename)
        end = time.monotonic() + min(_CONCURRENT_PUBLISH_SECONDS, self._transport.retry_for)
        while time.monotonic() < end:
            if found := self._find_in_index(file):
                return replace(found, lost_race=True)
            time.sleep(_CONCURRENT_PUBLISH_SECONDS / 10)
        return None

    def _refusal(self, file: Distribution, response: requests.Response) -> Exception:
        """Return what an answer means when the index does not show the file."""
        answer = self._transport.describe(response)
        # Artifact Registry: 400 "Requested entity already exists."; others answer 409.
        if response.status_code == codes.conflict or "already exist" in response.text.lower():
            return Transient(f"{answer}, and the index does not show it yet", hint=_KEPT)
        try:
            self._require_uploadable()
        except ShipwheelError as error:
            return error
        if match := _READ_ONLY.search(response.text):
            return InputError(
                f"{self._transport.registry} is a {match[1].lower()} repository, which takes no"
                f" uploads: {file.filename!r} was answered {answer}",
                "upload to the standard repository",
            )
        return RegistryError(
            f"The registry does not take {file.filename!r}: {answer}{_redirect_target(response)}",
            self._refusal_hint(file, response),
        )

    def _refusal_hint(self, file: Distribution, response: requests.Response) -> str:
        status = response.status_code
        if response.is_redirect:
            return "name the URL that takes uploads as --registry, if you trust it"
        if status == codes.not_found:
            return f"check the registry's URL{self._or_create()}"
        if status == codes.request_entity_too_large:
            size = readable_size(file.path.stat().st_size)
            return (
                f"the file has {size}: make it smaller, or raise the limit of the registry"
                " or of the proxy before it"
            )
        if status == codes.unprocessable_entity:
            return "fix what it says of the metadata of the file, and build it again"
        if status == codes.insufficient_storage:
            return "free space in the registry, or raise its quota; then run the same command again"
        return "what it says is the reason; only a standard repository takes uploads"

    def _require_uploadable(self) -> None:
        """Raise what is wrong with the repository, as far as Artifact Registry's API tells."""
        if self._index.api:
            with suppress(ApiUnavailable, AccessError):  # an upload takes neither
                self._index.api.require_uploadable()

    def _or_create(self) -> str:
        registry = self._transport.registry
        if registry.respelt:
            return f", or write its project in the other way: --registry {registry.respelt}"
        return f", or create it: {create_command(registry)}" if self._index.api else ""

    def _explained(self, fault: Transient) -> Transient:
        """Ask something small, and return *fault* with the answer; or raise the reason it gives.

        A registry may refuse an upload before it has read it, and close the connection: the
        sender never reads the refusal.
        """
        try:
            if api := self._index.api:
                with suppress(ApiUnavailable):
                    if not api.may_upload():
                        raise self._transport.denied(WRITER, f"it lacks {UPLOAD}")
                    self._require_uploadable()
                    return Transient(f"{fault}; the account may upload to the repository")
            # A form without a file stores nothing.
            url = self._transport.registry.upload_url
            small = self._transport.send("POST", url, data={":action": "file_upload"})
        except Transient:
            return fault
        answer = self._transport.describe(small)
        if small.status_code == codes.not_found:
            raise NoRepository(
                f"Repository not found: {url!r} was answered {answer}",
                f"check the registry's address{self._or_create()}",
            )
        return Transient(f"{fault}; a small request was answered {answer}")

    def _confirm(self, file: Distribution) -> UploadedFile:
        """Return once the index shows what was uploaded."""

        def once() -> UploadedFile:
            if found := self._find_in_index(file):
                return found
            raise Transient("the registry took it, and the index does not show it yet")

        current_work().doing = "waiting for the index"
        what = f"Confirmation of {file.filename!r}"
        found = retry(once, what=what, retry_for=self._transport.retry_for)
        return replace(found, result="uploaded")

    def _find_in_index(self, file: Distribution) -> UploadedFile | None:
        """Return the file if the index shows it; raise Refused if that holds something else."""
        for published in self._index.read(file.name).files:
            if published.filename == file.filename:
                return self._compared(file, published)
        return None

    def _compared(self, file: Distribution, published: PublishedFile) -> UploadedFile:
        """Return *published*, which holds the same as *file* or is refused.

        Where only what a compiler wrote differs, the sources decide, as when a project is judged.
        """
        found = UploadedFile(distribution=file, sha256=file.sha256, result="found")
        if published.sha256 == file.sha256:
            return found
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            stored = self._index.download(published, Path(folder))
            sha256 = file_sha256(stored)
            found_differences = published_differences(file, published, lambda _: stored)
            differences = [it for it in found_differences if not it.unversioned]
        if differences and not (all(it.rebuilt for it in differences) and self._same_source(file)):
            raise self._conflict(file, [str(difference) for difference in differences])
        return replace(found, sha256=sha256, rebuilt=bool(differences))

    def _same_source(self, file: Distribution) -> bool:
        """Return whether the index shows, or soon does, our sdist of the version of *file*."""
        source = self._sources.get((file.name, file.version))
        return bool(source and self._wait_for_concurrent_publish(source))

    def _conflict(self, file: Distribution, differences: Sequence[str]) -> Refused:
        ours = [
            uploaded_file.distribution.filename
            for uploaded_file in self.uploaded
            if uploaded_file.result == "uploaded"
            and (uploaded_file.distribution.name, uploaded_file.distribution.version)
            == (file.name, file.version)
        ]
        listed = "".join(f"\n  {line}" for line in differences)
        message = (
            f"{Outcome.CHANGED}: another publish has put a different {file.filename!r} into the"
            f" registry meanwhile{listed}"
        )
        if not ours:
            return Refused(message, "bump the version, and publish that")
        return Refused(
            f"{message}\n  {file.name} {file.version} is now a mixture of two builds: "
            f"{', '.join(ours)} came from this one",
            f"delete it, and publish a new version: gcloud artifacts versions delete {file.version}"
            f" --package={file.name}",
        )


def _redirect_target(response: requests.Response) -> str:
    """Say where an answer leads: an upload is not sent there, for it carries credentials."""
    if not response.is_redirect:
        return ""
    target = urljoin(response.url, response.headers["Location"])
    return f", a redirect to {shown(target)!r}, which an upload does not follow"
