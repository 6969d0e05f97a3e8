"""gcloud, the only way to live triggers: argument lists in, answers or errors out."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps.host.documents import dump
from steps.host.errors import ServiceError
from steps.host.files import write_whole
from steps.host.gcloud import SECONDS, Call, ask_gcloud, parse_answer, run_gcloud

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_logger = logging.getLogger("shipwheel")

_SECONDS_PER_TRIGGER = 10.0
_BODY = re.compile(r"^-- body start --\n(.*?)\n-- body end --$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Gcloud:
    """The triggers of a *project* in a *region*."""

    project: str
    region: str
    environ: Mapping[str, str]

    def triggers(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the live triggers, those of *names* for certain.

        gcloud lists one page of them only and does not say so. What it received tells whether
        there are more; then every name that is missing is asked for.
        """
        call = self._call_of("list", "--format=json", "--log-http")
        listed = run_gcloud(call, self.environ)
        found: list[dict[str, Any]] = parse_answer(call, listed) or []
        if not _has_more(listed.stderr):
            return found
        _logger.warning(
            "warning: gcloud lists %d triggers, and there are more: those that are gone from the"
            " repository may be missing here, and each of the others is asked for",
            len(found),
        )
        missing = [name for name in names if name not in {it.get("name") for it in found}]
        return [*found, *filter(None, map(self._trigger, missing))]

    def import_triggers(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Create or replace triggers by their names, in one import."""
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            file = Path(folder) / "triggers.yaml"
            write_whole(file, dump(documents))
            seconds = SECONDS + _SECONDS_PER_TRIGGER * len(documents)
            self._run("import", f"--source={file}", seconds=seconds)

    def delete_trigger(self, key: str) -> None:
        """Delete the trigger with the id *key*."""
        self._run("delete", key)

    def run_trigger(self, name: str, branch: str) -> None:
        """Start a build of the trigger *name* on *branch*."""
        self._run("run", name, f"--branch={branch}", "--format=none")

    def _trigger(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = ask_gcloud(self._call_of("describe", name), self.environ)
        except ServiceError as error:
            if "NOT_FOUND" in error.problems[0].message:
                return None
            raise
        return found

    def _run(self, verb: str, *arguments: str, seconds: float = SECONDS) -> None:
        run_gcloud(self._call_of(verb, *arguments), self.environ, seconds=seconds)

    def _call_of(self, verb: str, *arguments: str) -> Call:
        """Return the call of `gcloud builds triggers VERB`."""
        return Call(
            verb=f"builds triggers {verb}",
            arguments=(*arguments, f"--project={self.project}", f"--region={self.region}"),
            takes=f"it takes roles/cloudbuild.builds.editor in the project {self.project!r}, and"
            " roles/iam.serviceAccountUser on the accounts that the triggers run as",
        )


def _has_more(log_of_http: str) -> bool:
    """Return whether the last answer that gcloud logged was one page of several."""
    bodies = _BODY.findall(log_of_http)
    try:
        return bool(json.loads(bodies[-1]).get("nextPageToken"))
    except (IndexError, ValueError, AttributeError):
        return False
