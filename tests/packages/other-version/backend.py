"""A backend whose sdist is of another version than pyproject.toml says."""

import io
import tarfile
from pathlib import Path

from flit_core.buildapi import *  # noqa: F403

NAME, VERSION = "condition_other_version", "9.9"


def build_sdist(sdist_directory, config_settings=None):
    stem = f"{NAME}-{VERSION}"
    metadata = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode()
    with tarfile.open(Path(sdist_directory, f"{stem}.tar.gz"), "w:gz") as archive:
        information = tarfile.TarInfo(f"{stem}/PKG-INFO")
        information.size = len(metadata)
        archive.addfile(information, io.BytesIO(metadata))
        for path in sorted(Path().glob("*.*")):
            archive.add(path, f"{stem}/{path.name}", recursive=False)
    return f"{stem}.tar.gz"
