"""Where `shipwheel requirements` is run, and what it finds there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.integration.program import shipwheel

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from builder.server import Emulator
    from steps.distribution.files import Distribution

TOKEN = "ya29.planted-3c1f9a7e5b2d"
NOTE = (
    "note: f/requirements.txt names an emulator:"
    " run this again for the registry before you deploy\n"
)
SOUND = "functions_framework==3.0\nberths==1.0\n"


@dataclass(frozen=True)
class Place:
    """A repository *root* with a function `f`, and the two registries that it is for."""

    root: Path
    private: Emulator
    public: Emulator
    files: dict[str, tuple[Distribution, ...]]

    @property
    def environ(self) -> dict[str, str]:
        index = f"http://{self.public.host}/demo/public/simple/"
        unset = ("PIP_", "UV_", "SHIPWHEEL_", "TWINE_")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(unset)},
            "SHIPWHEEL_REGISTRY": "us-central1/demo/pypi",
            "SHIPWHEEL_VIRTUAL": "us-central1/demo/virtual",
            "ARTIFACT_REGISTRY_EMULATOR_HOST": self.private.host,
            "TWINE_USERNAME": "oauth2accesstoken",
            "TWINE_PASSWORD": TOKEN,
            # What a user would have in the configuration of uv and pip.
            "UV_DEFAULT_INDEX": index,
            "PIP_INDEX_URL": index,
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(self.root.parent / "uv"),
            "PIP_CACHE_DIR": str(self.root.parent / "pip"),
        }

    @property
    def index(self) -> str:
        url = f"http://{self.private.host}/demo/virtual/simple/"
        return f"--index-url {url}  # an emulator: not for deployment\n"

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.root / "f" / name.replace("__", ".")).write_bytes(text.encode())

    def text(self, name: str = "requirements.txt") -> str:
        return (self.root / "f" / name).read_bytes().decode()

    def tree(self) -> dict[str, bytes]:
        folder = self.root / "f"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def shipwheel(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environ, **environ}
        return shipwheel(environment, "requirements", "f", *options, cwd=self.root)

    def pin(self, key: str, text: str = "") -> str:
        """Return the lines that pin one of the distributions."""
        files = self.files[key]
        body = text or f"{files[0].name}=={files[0].version}"
        hashes = sorted(it.sha256 for it in files)
        return body + "".join(f" \\\n    --hash=sha256:{it}" for it in hashes) + "\n"
