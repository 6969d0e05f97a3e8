"""The variables of a build: substitutions, taken from git, and the environment of each step.

A step gets what its config gives it, `HOME`, `BUILDER_OUTPUT`, and of this machine's variables
only `PATH`, the language, and how to reach hosts and packages: certificates, proxies, the settings
of pip and uv. Tokens, keys and passwords of the user's never come along, with one exception:
with `--registry`, steps of the Shipwheel image get the variables that name the user's own
credentials, as the build's service account would be theirs in Cloud Build.
"""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from steps.backend.context import BACKENDS_VARIABLE
from steps.host.git import ask_git
from triggers.cloudbuild.substitutions import StartedBy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triggers.cloudbuild.build_config import Build, Step

NO_PROJECT = "local-project"
NO_PROJECT_NUMBER = "0"
LOCATION = "global"
TRIGGER = "local"
_REMOTE = re.compile(r"[/:](?P<full>(?P<owner>[^/:]+)/(?P<name>[^/]+?))(?:\.git)?/?$")
_LANGUAGE = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "NO_COLOR")
_CERTIFICATES = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS", "PIP_CERT", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_INSTALLERS = (
    "PIP_CONFIG_FILE", "PIP_CONSTRAINT", "PIP_DEFAULT_TIMEOUT", "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_RETRIES",
    "PIP_TRUSTED_HOST", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_HTTP_TIMEOUT", "UV_INDEX", "UV_INDEX_STRATEGY",
    "UV_INDEX_URL", "UV_NATIVE_TLS", "UV_NO_INDEX", "UV_OFFLINE", "UV_PYTHON_DOWNLOADS",
    "UV_SYSTEM_CERTS",
)  # fmt: skip
_DOCKER = (
    "HOME", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
)  # fmt: skip
_FROM_HERE = (
    *_LANGUAGE, *_CERTIFICATES, *_PROXIES, *map(str.lower, _PROXIES), *_INSTALLERS,
    BACKENDS_VARIABLE,
)  # fmt: skip
CREDENTIALS = (
    "TWINE_USERNAME", "TWINE_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG",
    "CLOUDSDK_CORE_ACCOUNT",
)  # fmt: skip


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


def step_environment(
    build: Build, step: Step, substitutions: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that the config itself gives to *step*; the step's own win."""
    automap = step.automap_substitutions
    if automap is None:
        automap = build.options.automap_substitutions
    environment = dict(substitutions) if automap else {}
    for entry in (*build.options.env, *step.env):
        name, _, value = entry.partition("=")
        environment[name] = value
    names = (*build.options.secret_env, *step.secret_env)
    return environment | {name: secrets[name] for name in names}


def host_environment(environ: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """Return the variables of this machine that a step which runs as a process needs."""
    kept = {name: environ[name] for name in _FROM_HERE if name in environ}
    # The programs of this very installation first: `python`, `pip` and `twine` of the image.
    path = os.pathsep.join((sysconfig.get_path("scripts"), environ.get("PATH", os.defpath)))
    user_pip = Path(environ.get("HOME", "~")).expanduser() / ".config" / "pip" / "pip.conf"
    if user_pip.is_file():
        kept.setdefault("PIP_CONFIG_FILE", str(user_pip))
    return {"LANG": "C.UTF-8", **kept, "PATH": path, "TMPDIR": str(temporary)}


def docker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the docker command itself needs to find its engine and logins."""
    return {name: environ[name] for name in _DOCKER if name in environ} | {
        "PATH": environ.get("PATH", os.defpath)
    }


def credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name the user's own credentials."""
    found = {name: environ[name] for name in CREDENTIALS if name in environ}
    config = Path(environ.get("HOME", "~")).expanduser() / ".config" / "gcloud"
    return {"CLOUDSDK_CONFIG": str(config), **found}
