"""Functions that no rule has anything to say of."""

from __future__ import annotations

from typing import Any

from tests.unit.steps.function.function_context import (
    HIDDEN,
    OTHER,
    OWN,
    published,
    requires,
)
from tests.unit.steps.function.rule_cases import HASH, LOCAL

SOUND: dict[str, dict[str, Any]] = {
    "a function": {},
    "hidden from git": {"git_status": HIDDEN},
    "uv's Python with pip": {"settings": {"runtime": 14, "package_manager": "pip"}},
    "uv's Python without anything private": {
        "settings": {"runtime": 14},
        "in_registry": {},
        "in_index": {},
    },
    "uv's Python, all private ones bundled": {
        "settings": {"runtime": 14, "bundle": True},
        "local": LOCAL,
    },
    "uv's Python, vendored": {"settings": {"runtime": 14, "vendor": "vendor"}},
    "no entry point named": {"settings": {"entry_point": ""}},
    "a class as the entry point": {"files": {"main.py": "class find: ...\n"}},
    "names that nobody can tell": {"files": {"main.py": "from harbour import *\n"}},
    "another index beside an extra one": {
        "files": requires(f"-i {OTHER}", "--extra-index-url https://b.example/"),
        "settings": {"extra": True},
    },
    "unpinned, and about to be pinned": {
        "files": {"requirements.txt": "functions-framework\nberths\n"},
        "settings": {"pin": True},
    },
    "unpublished, and bundled": {
        "settings": {"bundle": True},
        "local": LOCAL,
        "in_registry": published(berths=""),
        "in_index": published(berths="", functions_framework="1"),
    },
    "another platform's": {
        "files": requires("tides ; sys_platform == 'win32'"),
        "in_registry": published(berths="1.0", tides="1.0"),
        "in_index": published(berths="1.0", tides="1.0", functions_framework="1"),
    },
    "a marker that nobody can compare": {"files": requires("tides ; python_version ~= 'new'")},
    "a password that stands for one": {
        "files": {"README.md": "https://oauth2accesstoken:ACCESS_TOKEN@us-python.pkg.dev/\n"}
    },
    "one hash, and about to be pinned": {
        "files": {"requirements.txt": f"functions-framework==3 {HASH}\nberths==1.0\n"},
        "settings": {"pin": True},
    },
    "not mirrored, beside an extra one": {
        "in_index": published(berths="1.0", functions_framework=""),
        "settings": {"extra": True},
    },
    "not mirrored, and vendored": {
        "in_index": published(berths="1.0", functions_framework=""),
        "settings": {"vendor": "vendor"},
    },
    "of this repository, and published": {"local": LOCAL},
    "a path to what is bundled": {
        "files": requires("-e /r/packages/berths"),
        "settings": {"bundle": True},
        "local": LOCAL,
    },
    "no such version, and bundled": {
        "settings": {"bundle": True},
        "local": LOCAL,
        "in_registry": published(berths="0.8"),
    },
    "no index, and nothing to ask one for": {
        "files": {
            "requirements.txt": "--no-index\n./functions_framework-3-py3-none-any.whl\n",
            "functions_framework-3-py3-none-any.whl": "x",
        }
    },
    "not mirrored, and bundled": {
        "settings": {"bundle": True},
        "local": LOCAL,
        "in_index": published(berths="", functions_framework="1"),
    },
    "another index, and vendored": {
        "files": requires(f"-i {OTHER}"),
        "settings": {"vendor": "vendor"},
    },
    "all hashed": {
        "files": {"requirements.txt": f"# all\nfunctions-framework==3 {HASH}\nberths==1.0 {HASH}\n"}
    },
    "a placeholder for a token": {
        "files": {"a.txt": "https://oauth2accesstoken:{{ACCESS_TOKEN}}@x.pkg.dev/ ya29.x\n"}
    },
    "an index line for an emulator": {
        "files": requires("-i http://127.0.0.1:1/p/r/simple/  # an emulator: not for deployment")
    },
    "an extra index that becomes the index": {"files": requires(f"--extra-index-url {OWN}")},
    "no index, and a folder of wheels": {"files": requires("--no-index", "-f wheels")},
    "no index, and the same at length": {"files": requires("--no-index", "--find-links wheels")},
    "no index, and vendored": {
        "files": requires("--no-index"),
        "settings": {"vendor": "vendor"},
    },
    "a local project": {"files": {**requires("-e ./tides"), "tides/setup.py": ""}},
    "a local project of today": {"files": {**requires("-e ./tides"), "tides/pyproject.toml": ""}},
    "a local wheel": {"files": {**requires("./tides.whl"), "tides.whl": "x"}},
}
