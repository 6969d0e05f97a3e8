"""What is in the layers of an image, deleted files included."""

from __future__ import annotations

import json
import re
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.image.engine import Docker

_SECRET_NAMES = re.compile(
    r"(^|/)(\.netrc|\.pypirc|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(key|p12|pfx)"
    r"|application_default_credentials\.json|\.docker/config\.json|pip\.conf|\.env)$"
)
_KEY = b"PRIVATE KEY-----"
_PROGRAM = b"\x7fELF"
# What every secret of a kind begins with, which is quick to look for, and what it looks like.
_SECRET_CONTENTS = {
    _KEY: rb"PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}",  # not a parser's constant
    b'"private_key_id"': rb'"private_key_id": *"\w{40}',
    b"ya29.": rb"\bya29\.[\w-]{20}",
    b"AKIA": rb"\bAKIA[0-9A-Z]{16}\b",
    b"ghp_": rb"\bghp_\w{36}",
    b"pypi-AgE": rb"\bpypi-AgE[\w-]{20}",
    b"oauth2accesstoken:": rb"oauth2accesstoken:[^\s@{$<]{6,}@",
}
_CACHES = re.compile(
    r"^(tmp|root|source|builder|workspace)/.|(^|/)\.cache/|^var/lib/apt/lists/.|^var/cache/(apt|ldconfig)/."
    r"|^var/log/.|\.deb$|(^|/)pip-[\w-]+/"
)


def findings(docker: Docker, image: str, base: str, folder: Path) -> list[str]:
    """Return what looks like a secret or a cache in the layers of *image* above those of *base*.

    Each is `what: path`; *folder* is for the saved image.
    """
    known = set(_layer_ids(docker, base))
    archive = folder / "image.tar"
    docker("save", "--output", str(archive), image)
    found = []
    with tarfile.open(archive) as saved:
        manifest = saved.extractfile("manifest.json")
        assert manifest
        names = json.load(manifest)[0]["Layers"]
        ids = _layer_ids(docker, image)
        for name, layer in zip(names, ids, strict=True):
            if layer not in known:
                with tarfile.open(fileobj=saved.extractfile(name)) as files:
                    found += [*_search(files)]
    archive.unlink()
    return found


def _layer_ids(docker: Docker, image: str) -> list[str]:
    ids: list[str] = json.loads(
        docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
    )
    return ids


def _search(files: tarfile.TarFile) -> Iterator[str]:
    for member in files:
        if member.isdir() or "/.wh." in f"/{member.name}":  # a mark that something was deleted
            continue
        if _SECRET_NAMES.search(member.name):
            yield f"secret: {member.name}"
        if _CACHES.search(member.name):
            yield f"cache: {member.name}"
        stream = files.extractfile(member) if member.isfile() else None
        contents = stream.read() if stream else b""
        for start, pattern in _SECRET_CONTENTS.items():
            if start == _KEY and contents.startswith(_PROGRAM):
                continue  # libraries of cryptography carry the keys of their self-tests
            if start in contents and re.search(pattern, contents):
                yield f"secret: {member.name} with {start.decode()}"
