"""What the tests of `shipwheel settings` ask with, and how they read what it wrote."""

from __future__ import annotations

import base64
import configparser
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = ["--registry", "us-east4/my-project/all"]
BASE = "us-east4-python.pkg.dev/my-project/all/"
PRIVATE = "us-east4-python.pkg.dev/my-project/private/"
STANDARD = ["--standard", "us-east4/my-project/private"]
TOKEN = "ya29.it's $HOME"
KEY = {"client_email": "a@b.iam.gserviceaccount.com", "private_key": "planted-key???"}


def encoded(key: Path) -> str:
    return base64.b64encode(key.read_bytes()).decode()


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text())
    return {name: dict(parser[name]) for name in parser.sections()}


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
