"""The built-in substitutions, filled from git and the environment instead of by the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.git import ask_git
from triggers.cloudbuild.substitutions import StartedBy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from triggers.cloudbuild.build_config import Build

NO_PROJECT = "local-project"
NO_PROJECT_NUMBER = "0"
LOCATION = "global"
TRIGGER = "local"
_REMOTE = re.compile(r"[/:](?P<full>(?P<owner>[^/:]+)/(?P<name>[^/]+?))(?:\.git)?/?$")


def built_in_substitutions(
    build: Build,
    *,
    config: Path,
    source: Path,
    build_id: str,
    started_by: StartedBy,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Return the built-in substitutions that a build of *source* has; others are empty."""
    project = environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("CLOUDSDK_CORE_PROJECT")
    values = {
        "PROJECT_ID": project or NO_PROJECT,
        "PROJECT_NUMBER": NO_PROJECT_NUMBER,
        "BUILD_ID": build_id,
        "LOCATION": LOCATION,
    }
    if started_by is StartedBy.SUBMIT:
        return values
    email = f"{NO_PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    if build.service_account and "$" not in build.service_account:
        email = build.service_account.rpartition("/")[2]
    return {
        **values,
        "TRIGGER_NAME": TRIGGER,
        "TRIGGER_BUILD_CONFIG_PATH": _relative(config, source),
        "SERVICE_ACCOUNT_EMAIL": email,
        "SERVICE_ACCOUNT": f"projects/{values['PROJECT_ID']}/serviceAccounts/{email}",
        **_from_git(source),
    }


def _relative(config: Path, source: Path) -> str:
    path = config.absolute()
    top = source.absolute()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else path.name


def _from_git(source: Path) -> dict[str, str]:
    commit = _git(source, "rev-parse", "--verify", "HEAD")
    branch = _git(source, "symbolic-ref", "--short", "HEAD")
    # A trigger builds a branch or a tag, never both: a tag is only meant on a detached HEAD.
    tag = "" if branch else _git(source, "describe", "--tags", "--exact-match", "HEAD")
    remote = _REMOTE.search(_git(source, "remote", "get-url", "origin"))
    top = _git(source, "rev-parse", "--show-toplevel").rpartition("/")[2]
    return {
        "COMMIT_SHA": commit,
        "REVISION_ID": commit,
        "SHORT_SHA": commit[:7],
        "BRANCH_NAME": branch,
        "TAG_NAME": tag,
        "REF_NAME": branch or tag,
        "REPO_NAME": remote["name"] if remote else top,
        "REPO_FULL_NAME": remote["full"] if remote else "",
    }


def _git(source: Path, *arguments: str) -> str:
    """Return git's answer, nothing without one: a source need not be a checkout."""
    return ask_git(source, *arguments).strip()
