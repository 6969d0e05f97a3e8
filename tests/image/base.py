"""A base image without an image registry: Debian's own packages, by debootstrap.

It stands for the slim Python image that the Dockerfile takes by default, and carries what this
machine needs to reach hosts (apt's configuration, the certificates), so that the image itself
does not have to.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.engine import Docker

# What the page on the image calls it with a mirror of Docker Hub: every build here takes that name.
TAG = "us-central1-docker.pkg.dev/my-project/docker-hub/library/python:3.13-slim"
# Its Python is 3.13, as that of the image which the Dockerfile takes by default.
_RELEASE = "trixie"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def can_make_base() -> bool:
    """Return whether this machine can make a base image itself."""
    return os.geteuid() == 0 and shutil.which("debootstrap") is not None


def make_base(docker: Docker, folder: Path) -> str:
    """Make the base image and return its tag; *folder* is removed again."""
    root = folder / "root"
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE]
    _run(*command, str(root), _mirror())
    shutil.copy(f"/{_CERTIFICATES}", root / _CERTIFICATES)
    (root / "etc/apt/apt.conf.d/99machine").write_text(_apt_settings())
    for name in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / name)
    archive = folder / "base.tar"
    _run("tar", "--directory", str(root), "--create", "--file", str(archive), ".")
    docker("import", "--change", f"ENV SSL_CERT_FILE=/{_CERTIFICATES}", str(archive), TAG)
    shutil.rmtree(folder)
    return TAG


def _mirror() -> str:
    """Return the mirror that this machine's apt takes its own release from: it has them all."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    fields = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    targets = _run("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    found = [line.split()[2] for line in targets.splitlines() if f"Debian {codename} " in line]
    assert found, f"apt is configured with no mirror of Debian {codename!r}"
    return found[0]


def _apt_settings() -> str:
    """Return how this machine's apt reaches its mirrors: proxies, time-outs, checks of dates."""
    lines = _run("apt-config", "dump").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("Acquire::"))


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, f"{command[0]} failed:\n{ended.stdout[-3000:]}{ended.stderr}"
    return ended.stdout
