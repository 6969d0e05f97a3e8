"""The variables that a build backend gets, so that what it builds depends on nothing else.

It gets what is allowed below and what its project names, and no secret of the user's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
