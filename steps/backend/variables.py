"""The variables that a build backend gets, so that what it builds depends on nothing else.

It gets what is allowed below and what its project names, and no secret of the user's; and one time
for all that it writes, which is that of its sources.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.git import ask_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# The zip format knows no earlier time than 1980-01-01, so neither does a wheel.
EARLIEST = 315532800
# A gzip header holds 32 bits of it.
LATEST = 2**32 - 1
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
_DIGITS = 18
_OUTPUT = {"dist", "build", "__pycache__"}
# What comes out must not depend on the machine.
FIXED_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}
# The variables that every backend gets, documented in docs/reference/environment.md.
_ALLOWED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|LANG|LANGUAGE|LC_\w+|XDG_\w+|NO_COLOR|FORCE_COLOR|CI"
    r"|AR|AS|CC|CPP|CXX|FC|F77|F90|LD|NM|RANLIB|STRIP|LDSHARED|BLDSHARED|MAKE|MAKEFLAGS|CL|_CL_"
    r"|(C|CPP|CXX|F|FC|LD|ARCH|RUST|RUSTDOC)FLAGS|CPATH|LIBRARY_PATH|\w+_INCLUDE_PATH"
    r"|LD_\w+|DYLD_\w+|MACOSX_DEPLOYMENT_TARGET|SDKROOT|DEVELOPER_DIR|PKG_CONFIG\w*"
    r"|(CARGO|CMAKE|CTEST|CUDA|CYTHON|DISTUTILS|HATCH|MATURIN|MESON|NINJA|NPY|OPENSSL|PBR)\w*"
    r"|(PDM_BUILD|POETRY_DYNAMIC_VERSIONING|PYO3|PYTHON_BUILD|RUST|RUSTC|RUSTUP|SETUPTOOLS)_\w+"
    r"|(SKBUILD|VERSIONINGIT|CCACHE|SCCACHE|VCPKG|JAVA|BAZEL|GO|NODE)_\w+|GOPATH|GOFLAGS"
    r"|GIT_CEILING_DIRECTORIES|GIT_CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CERT|TRUSTED_HOST)"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?i:https?|all|no)_(?i:proxy)"
    r"|PROJECT_ID|LOCATION|BUILD_ID|COMMIT_SHA|SHORT_SHA|REVISION_ID|REPO_NAME|BRANCH_NAME|TAG_NAME"
)
_SECRET_NAME = re.compile(
    r".*(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|_KEY|_PAT|_AUTH)(S?|_.*)", re.IGNORECASE
)
_LOGIN_IN_URL = re.compile(r"://[^/\s]*@")


def backend_environ(environ: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """Return what a backend gets of *environ*: what is allowed, and what is named in *more*.

    No name of a secret is allowed, and no URL with a login.
    """
    named = frozenset(more)
    return {
        name: value
        for name, value in environ.items()
        if name in named
        or (
            _ALLOWED.fullmatch(name)
            and not _SECRET_NAME.fullmatch(name)
            and not _LOGIN_IN_URL.search(value)
        )
    } | FIXED_ENVIRONMENT


def source_date_epoch(directory: Path, environ: Mapping[str, str]) -> int:
    """Return the time of the project's sources, in seconds since 1970, for SOURCE_DATE_EPOCH.

    It is what the environment says (https://reproducible-builds.org/specs/source-date-epoch/); else
    the last commit that touched the directory; else the newest file in it.
    """
    given = given_epoch(environ)
    epoch = _last_commit(directory) or _newest_file(directory) if given is None else given
    return min(max(epoch, EARLIEST), LATEST)


def given_epoch(environ: Mapping[str, str]) -> int | None:
    """Return what the environment says, or None where it says nothing.

    Raises InputError for anything but a number of seconds, as the specification asks.
    """
    given = environ.get(EPOCH_VARIABLE, "")
    if not given:
        return None
    # More digits than any time needs: Python refuses to read thousands of them.
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise InputError(
            f"{EPOCH_VARIABLE} is not a number of seconds since 1970: {given!r}",
            "set it as `git log -1 --format=%ct` prints it, or unset it",
        )
    return int(given)


def _last_commit(directory: Path) -> int:
    # Whichever user owns the clone: its code is about to run anyway.
    last_commit = ("rev-list", "-1", "--timestamp", "HEAD", "--", ".")
    answer = ask_git(directory, "-c", "safe.directory=*", *last_commit)
    return int(answer.partition(" ")[0] or 0)


def _newest_file(directory: Path) -> int:
    newest = 0.0
    for folder, subfolders, files in os.walk(directory):
        subfolders[:] = [
            name
            for name in subfolders
            if name not in _OUTPUT and not name.startswith(".") and not name.endswith(".egg-info")
        ]
        for name in files:
            newest = max(newest, os.lstat(os.path.join(folder, name)).st_mtime)  # noqa: PTH118 - a hot loop
    return int(newest)
