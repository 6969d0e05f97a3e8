"""What brings each code of a function's findings, and what comes near one and brings none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steps.project.source import Project
from tests.unit.steps.function.function_context import (
    OTHER,
    OWN,
    SEEN,
    TRACKED,
    VIRTUAL,
    published,
    requires,
)

LOCAL: dict[Any, Project] = {
    "berths": Project(directory=Path("/r/packages/berths"), name="berths")  # type: ignore[arg-type]
}


HASH = "--hash=sha256:aa"


# code: the change, the file and the line of the finding, and what its message has to say
CASES: dict[str, tuple[str, dict[str, Any], str, int, str]] = {
    "no main": ("SW801", {"files": {"main.py": None}}, "main.py", 0, "There is no main.py"),
    "broken": (
        "SW802",
        {"files": {"main.py": "x = 1\ndef f(:\n"}, "settings": {"runtime": 11}},
        "main.py",
        2,
        "main.py is not valid Python: ",
    ),
    "null": (
        "SW802",
        {"files": {"main.py": "x = '\0'\n"}, "settings": {"runtime": 11}},
        "main.py",
        0,
        "main.py is not valid Python: ",
    ),
    "other entry point": (
        "SW803",
        {"settings": {"entry_point": "fnd"}},
        "main.py",
        0,
        "main.py has no entry point 'fnd'",
    ),
    "no function": (
        "SW803",
        {"files": {"main.py": "import os\n"}, "settings": {"entry_point": ""}},
        "main.py",
        0,
        "main.py defines no function",
    ),
    "unpublished": (
        "SW811",
        {"local": LOCAL, "in_registry": published(berths=""), "in_index": published(berths="")},
        "requirements.txt",
        2,
        "'berths' is a package of this repository, and the registry does not hold it",
    ),
    "no such version": (
        "SW812",
        {"in_registry": published(berths="0.8 0.9")},
        "requirements.txt",
        2,
        "The registry holds no version of 'berths' that 'berths==1.0' admits",
    ),
    "not mirrored": (
        "SW813",
        {"in_index": published(berths="1.0", functions_framework="")},
        "requirements.txt",
        1,
        f"{VIRTUAL} does not hold 'functions-framework', and pip asks no other index",
    ),
    "not in the virtual repository": (
        "SW813",
        {"in_index": published(berths="", functions_framework="1")},
        "requirements.txt",
        2,
        f"{VIRTUAL} does not hold 'berths', and pip asks no other index",
    ),
    "of this repository, and not in the virtual one": (
        "SW813",
        {"local": LOCAL, "in_index": published(berths="", functions_framework="1")},
        "requirements.txt",
        2,
        f"{VIRTUAL} does not hold 'berths', and pip asks no other index",
    ),
    "a range": (
        "SW814",
        {"files": {"requirements.txt": "functions-framework\nberths>=0.9\n"}},
        "requirements.txt",
        2,
        "'berths>=0.9' is private and not pinned",
    ),
    "a prefix": (
        "SW814",
        {"files": {"requirements.txt": "functions-framework\nberths==1.*\n"}},
        "requirements.txt",
        2,
        "'berths==1.*' is private and not pinned",
    ),
    "one hash": (
        "SW815",
        {"files": {"requirements.txt": f"functions-framework==3 {HASH}\nberths==1.0\n"}},
        "requirements.txt",
        2,
        "'berths==1.0' has no hash, and others have",
    ),
    "one hash, in an included file": (
        "SW815",
        {
            "files": {
                "requirements.txt": f"functions-framework==3 {HASH}\n-r more.txt\n",
                "more.txt": "berths==1.0\n",
            }
        },
        "more.txt",
        1,
        "'berths==1.0' has no hash, and others have",
    ),
    "one hash, from an included file": (
        "SW815",
        {
            "files": {
                "requirements.txt": "functions-framework==3\n-r more.txt\n",
                "more.txt": f"berths==1.0 {HASH}\n",
            }
        },
        "requirements.txt",
        1,
        "'functions-framework==3' has no hash, and others have",
    ),
    "a lock of something else": (
        "SW816",
        {"is_stale": True},
        "requirements.txt",
        1,
        ", a file that it names, or the runtime has changed since requirements.txt was pinned",
    ),
    "an extra index": (
        "SW821",
        {"files": requires("--extra-index-url https://u:pw@b.example/simple/")},
        "requirements.txt",
        3,
        "--extra-index-url https://b.example/simple/: pip takes whichever",
    ),
    "an extra index of an included file": (
        "SW821",
        {"files": {**requires("-r more.txt"), "more.txt": f"--extra-index-url {OWN}\n"}},
        "more.txt",
        1,
        f"--extra-index-url {OWN}: pip takes whichever",
    ),
    "an extra index to be written": (
        "SW821",
        {"settings": {"extra": True}},
        "requirements.txt",
        0,
        "--extra-index-url is asked for",
    ),
    "its own extra index beside an extra one": (
        "SW821",
        {"files": requires(f"--extra-index-url {OWN}"), "settings": {"extra": True}},
        "requirements.txt",
        3,
        f"--extra-index-url {OWN}: pip takes whichever",
    ),
    "its own extra index, and vendored": (
        "SW821",
        {"files": requires(f"--extra-index-url {OWN}"), "settings": {"vendor": "vendor"}},
        "requirements.txt",
        3,
        f"--extra-index-url {OWN}: pip takes whichever",
    ),
    "its own extra index, with a place for a token": (
        "SW821",
        {
            "files": requires(
                f"--extra-index-url {OWN.replace('//', '//oauth2accesstoken:{{ACCESS_TOKEN}}@')}"
            )
        },
        "requirements.txt",
        3,
        f"--extra-index-url {OWN}: pip takes whichever",
    ),
    "another registry": (
        "SW822",
        {"files": requires(f"-i {OTHER}")},
        "requirements.txt",
        3,
        f"There is an index line for another registry: '{OTHER}'",
    ),
    "keyring": ("SW823", {"files": requires("keyring")}, "requirements.txt", 3, "'keyring' does"),
    "its backend": (
        "SW823",
        {"files": requires("keyrings.google-artifactregistry-auth==1.1.2")},
        "requirements.txt",
        3,
        "'keyrings-google-artifactregistry-auth' does not help",
    ),
    "an access token": (
        "SW824",
        {"files": {"sub/pip.conf": "[global]\n# ya29.a0Planted-3c1f9a7e5b2d\n"}},
        "sub/pip.conf",
        2,
        "A token or a key is written here; it is not repeated",
    ),
    "a password in an address": (
        "SW824",
        {"files": {".netrc": "x\ny\nhttps://oauth2accesstoken:planted@us-python.pkg.dev/\n"}},
        ".netrc",
        3,
        "A token or a key",
    ),
    "a key": (
        "SW824",
        {"files": {"key.json": '{"private_key": "-----BEGIN PRIVATE KEY-----\\nMII"}'}},
        "key.json",
        1,
        "A token or a key",
    ),
    "no index": (
        "SW825",
        {"files": requires("--no-index")},
        "requirements.txt",
        3,
        "--no-index makes pip ignore the index line",
    ),
    "no index of an included file": (
        "SW825",
        {"files": {**requires("-r more.txt"), "more.txt": "--pre --no-index\n"}},
        "more.txt",
        1,
        "--no-index makes pip ignore the index line",
    ),
    "a newer Python": (
        "SW831",
        {"settings": {"runtime": 14}},
        "requirements.txt",
        0,
        "Python 3.14 is built with uv by default",
    ),
    "a newer Python, with a bundle beside what is not in it": (
        "SW831",
        {"settings": {"runtime": 14, "bundle": True}},
        "requirements.txt",
        0,
        "Python 3.14 is built with uv by default",
    ),
    "a framework left to chance": (
        "SW834",
        {"files": {"requirements.txt": "berths==1.0\n"}},
        "requirements.txt",
        0,
        "'functions-framework' is not required: the build installs some version of it",
    ),
    "a framework that is not vendored": (
        "SW835",
        {"files": {"requirements.txt": "berths==1.0\n"}, "settings": {"vendor": "vendor"}},
        "requirements.txt",
        0,
        "'functions-framework' is not required, and vendored functions are built without",
    ),
    "a path outside": (
        "SW841",
        {"files": requires("-e ../../packages/tides")},
        "requirements.txt",
        3,
        "'../../packages/tides' is outside of the function's directory",
    ),
    "a path to nothing": (
        "SW841",
        {"files": requires("./tides.whl")},
        "requirements.txt",
        3,
        "'./tides.whl' does not exist",
    ),
    "a path that is ignored": (
        "SW841",
        {
            "files": {**requires("tides @ file:dist/tides.whl"), "dist/tides.whl": "x"},
            "not_uploaded": frozenset({"dist/tides.whl"}),
        },
        "requirements.txt",
        3,
        "'dist/tides.whl' is not uploaded: gcloud ignores it",
    ),
    "an included file outside": (
        "SW841",
        {"files": requires("-c ../constraints.txt")},
        "requirements.txt",
        3,
        "'../constraints.txt' is outside of the function's directory",
    ),
    "what is above": (
        "SW841",
        {"files": requires("-c ..")},
        "requirements.txt",
        3,
        "'..' is outside of the function's directory",
    ),
    "a path from an included file": (
        "SW841",
        {"files": {**requires("-r sub/more.txt"), "sub/more.txt": "-r gone.txt\n"}},
        "sub/more.txt",
        1,
        "'gone.txt' does not exist",
    ),
    "a decommissioned runtime": (
        "SW836",
        {"settings": {"runtime": 9}},
        "requirements.txt",
        0,
        "The runtime 'python39' was decommissioned on 2026-04-05: Google refuses to deploy it",
    ),
    "a deprecated runtime": (
        "SW837",
        {"settings": {"runtime": 10}},
        "requirements.txt",
        0,
        "The runtime 'python310' is deprecated since 2026-10-04, and refused from 2027-04-04 on",
    ),
    "a runtime in preview": (
        "SW837",
        {"settings": {"runtime": 15, "package_manager": "pip"}},
        "requirements.txt",
        0,
        "The runtime 'python315' is in preview",
    ),
    "an unknown runtime": (
        "SW837",
        {"settings": {"runtime": 99, "package_manager": "pip"}, "files": {"main.py": "x = (:"}},
        "requirements.txt",
        0,
        "The runtime 'python399' is not in Google's list of 2026-11",
    ),
    "ignored requirements": (
        "SW842",
        {"not_uploaded": frozenset({"requirements.txt"})},
        "requirements.txt",
        0,
        "gcloud does not upload 'requirements.txt'",
    ),
    "an ignored folder": (
        "SW842",
        {"settings": {"vendor": "vendor"}, "not_uploaded": frozenset({"vendor"})},
        "vendor",
        0,
        "gcloud does not upload 'vendor'",
    ),
    "the function itself": (
        "SW843",
        {"files": requires("-e .")},
        "requirements.txt",
        3,
        "'.' is a directory without a pyproject.toml or a setup.py, and pip refuses it",
    ),
    "a directory": (
        "SW843",
        {"files": {**requires("./tides[all]"), "tides/setup.cfg": "[metadata]\nname = tides\n"}},
        "requirements.txt",
        3,
        "'./tides' is a directory without a pyproject.toml",
    ),
    "tracked": (
        "SW851",
        {"git_status": TRACKED},
        "requirements.txt",
        0,
        "The template asks for an access token, and git tracks requirements.txt",
    ),
    "not ignored": (
        "SW852",
        {"git_status": SEEN},
        "requirements.txt",
        0,
        "The template asks for an access token, and git does not ignore requirements.txt",
    ),
}
