"""gcloud, the only way to live triggers: argument lists in, answers or errors out.

Every command is echoed on stderr before it runs. None ever asks a question.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps.children import Children
from steps.errors import AccessError, InputError, ServiceError
from triggers.documents import dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger("shipwheel")

_SECONDS = 120.0
_SECONDS_PER_TRIGGER = 10.0
_LOGGED_OUT = re.compile(
    "gcloud auth login|active account|UNAUTHENTICATED|Reauthentication|invalid_grant|"
    "(?:new|valid) credentials|default credentials"
)
_DENIED = re.compile("PERMISSION_DENIED|does not have permission|impersonation permission")
_BODY = re.compile(r"^-- body start --\n(.*?)\n-- body end --$", re.MULTILINE | re.DOTALL)
_MOST_CHARACTERS = 400


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
        listed = self._call("list", "--format=json", "--log-http")
        found: list[dict[str, Any]] = json.loads(listed.stdout)
        if not _has_more(listed.stderr):
            return found
        log.warning(
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
            file.write_text(dump(documents), encoding="utf-8")
            seconds = _SECONDS + _SECONDS_PER_TRIGGER * len(documents)
            self._call("import", f"--source={file}", seconds=seconds)

    def delete_trigger(self, key: str) -> None:
        """Delete the trigger with the id *key*."""
        self._call("delete", key)

    def run_trigger(self, name: str, branch: str) -> None:
        """Start a build of the trigger *name* on *branch*."""
        self._call("run", name, f"--branch={branch}", "--format=none")

    def _trigger(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._call("describe", name, "--format=json").stdout)
        except ServiceError as error:
            if "NOT_FOUND" in error.problems[0].message:
                return None
            raise
        return found

    def _call(
        self, verb: str, *arguments: str, seconds: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run `gcloud builds triggers VERB`.

        Raises InputError without gcloud, AccessError without credentials or permission,
        ServiceError for any other failure.
        """
        where = (f"--project={self.project}", f"--region={self.region}", "--quiet")
        command = ["gcloud", "builds", "triggers", verb, *arguments, *where]
        log.info("$ %s", shlex.join(command))
        try:
            with Children(timeout=seconds) as children:
                done = children.ask(command, environ=self.environ)
        except FileNotFoundError:
            raise InputError(
                "gcloud is not installed, and live triggers are reached through it",
                "https://cloud.google.com/sdk/docs/install",
            ) from None
        except subprocess.TimeoutExpired:
            raise ServiceError(
                f"`gcloud builds triggers {verb}` took longer than {seconds:g} seconds",
                "look whether Cloud Build can be reached, and run it again",
            ) from None
        if done.returncode:
            raise self._error(verb, done.stderr)
        return done

    def _error(self, verb: str, stderr: str) -> InputError | AccessError | ServiceError:
        # Above it is what --log-http wrote, and warnings.
        said = stderr[max(stderr.rfind("\nERROR: ") + 1, 0) :]
        first = re.sub(r"^ERROR: (?:\(\S+\) )?", "", said.strip().partition("\n")[0])
        message = f"`gcloud builds triggers {verb}` failed: {first[:_MOST_CHARACTERS]}"
        if _DENIED.search(said):
            return AccessError(
                message,
                f"it takes roles/cloudbuild.builds.editor in the project {self.project!r}, and"
                " roles/iam.serviceAccountUser on the accounts that the triggers run as",
            )
        if _LOGGED_OUT.search(said):
            return AccessError(message, "log in: gcloud auth login")
        return ServiceError(message, "what was done before stays; run the same command again")


def _has_more(log_of_http: str) -> bool:
    """Return whether the last answer that gcloud logged was one page of several."""
    bodies = _BODY.findall(log_of_http)
    try:
        return bool(json.loads(bodies[-1]).get("nextPageToken"))
    except (IndexError, ValueError, AttributeError):
        return False
