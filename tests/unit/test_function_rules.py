"""Every code: a sound function has none, and one change to it brings that code and no other."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from steps.errors import InputError
from steps.functions import codes
from steps.functions.codes import CODES
from steps.functions.facts import Facts, Settings
from steps.functions.function import parsed, read_function
from steps.functions.ignored import InGit, ignore_files, see
from steps.functions.rules import judge
from steps.functions.secrets import find_secrets
from steps.project import Project
from steps.published import PublishedProject
from steps.registry import parse_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY = parse_registry("us-east4/demo/pypi", {})
VIRTUAL = parse_registry("us-east4/demo/virtual", {})
OWN = "https://us-east4-python.pkg.dev/demo/pypi/simple/"
OTHER = "https://us-east4-python.pkg.dev/other/pypi/simple/"
REQUIREMENTS = "functions-framework==3.10.2\nberths==1.0\n"
MAIN = "def find(request): ...\n"


def held(**versions: str) -> dict[Any, PublishedProject]:
    return {
        name.replace("_", "-"): PublishedProject(
            name=name.replace("_", "-"),  # type: ignore[arg-type]  # a NormalizedName
            listed=tuple(map(Version, listed.split())),
            exists=bool(listed),
        )
        for name, listed in versions.items()
    }


HELD = held(berths="0.9 1.0", functions_framework="")
SERVED = held(berths="0.9 1.0", functions_framework="3.10.2")


def facts(
    folder: Path,
    files: Mapping[str, str | None] = {},
    settings: Mapping[str, Any] = {},
    **more: Any,
) -> Facts:
    """Return what is known of a sound function, but for what is given."""
    for name, text in {"requirements.txt": REQUIREMENTS, "main.py": MAIN, **files}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    function = read_function(folder)
    own = {"requirements.txt": parsed(function.text, "requirements.txt")}
    included = {
        name: parsed(text, name)
        for name, text in files.items()
        if text and name.endswith("more.txt")
    }
    known = Facts(
        function=function,
        settings=Settings(registry=REGISTRY, index=VIRTUAL, **{"entry_point": "find", **settings}),
        files={**own, **included},
        main=(folder / "main.py").read_bytes() if files.get("main.py", "") is not None else None,
        held=HELD,
        served=SERVED,
        secrets=tuple(find_secrets(folder, leave_out=frozenset())),
    )
    return replace(known, **more)


def requires(*lines: str) -> dict[str, str]:
    return {"requirements.txt": "".join(f"{line}\n" for line in [*REQUIREMENTS.split(), *lines])}


LOCAL: dict[Any, Project] = {
    "berths": Project(directory=Path("/r/packages/berths"), name="berths")  # type: ignore[arg-type]
}
TRACKED = InGit(is_tracked=True, is_ignored=True)
SEEN = InGit(is_tracked=False, is_ignored=False)
HIDDEN = InGit(is_tracked=False, is_ignored=True)
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
        {"local": LOCAL, "held": held(berths=""), "served": held(berths="")},
        "requirements.txt",
        2,
        "'berths' is a package of this repository, and the registry does not hold it",
    ),
    "no such version": (
        "SW812",
        {"held": held(berths="0.8 0.9")},
        "requirements.txt",
        2,
        "The registry holds no version of 'berths' that 'berths==1.0' admits",
    ),
    "not mirrored": (
        "SW813",
        {"served": held(berths="1.0", functions_framework="")},
        "requirements.txt",
        1,
        f"{VIRTUAL} does not hold 'functions-framework', and pip asks no other index",
    ),
    "not in the virtual repository": (
        "SW813",
        {"served": held(berths="", functions_framework="1")},
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
    "a lock of something else": (
        "SW816",
        {"is_stale": True},
        "requirements.txt",
        1,
        " has changed since requirements.txt was pinned from it",
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
    "a newer Python": (
        "SW831",
        {"settings": {"runtime": 14}},
        "requirements.txt",
        0,
        "Python 3.14 is built with uv unless it is told otherwise",
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
            "hidden": frozenset({"dist/tides.whl"}),
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
    "a path from an included file": (
        "SW841",
        {"files": {**requires("-r sub/more.txt"), "sub/more.txt": "-r gone.txt\n"}},
        "sub/more.txt",
        1,
        "'gone.txt' does not exist",
    ),
    "ignored requirements": (
        "SW842",
        {"hidden": frozenset({"requirements.txt"})},
        "requirements.txt",
        0,
        "gcloud does not upload 'requirements.txt'",
    ),
    "an ignored folder": (
        "SW842",
        {"settings": {"vendor": "vendor"}, "hidden": frozenset({"vendor"})},
        "vendor",
        0,
        "gcloud does not upload 'vendor'",
    ),
    "tracked": (
        "SW851",
        {"in_git": TRACKED},
        "requirements.txt",
        0,
        "The template asks for an access token, and git tracks requirements.txt",
    ),
    "not ignored": (
        "SW852",
        {"in_git": SEEN},
        "requirements.txt",
        0,
        "The template asks for an access token, and git does not ignore requirements.txt",
    ),
}

SOUND: dict[str, dict[str, Any]] = {
    "a function": {},
    "hidden from git": {"in_git": HIDDEN},
    "uv's Python with pip": {"settings": {"runtime": 14, "package_manager": "pip"}},
    "uv's Python without anything private": {"settings": {"runtime": 14}, "held": {}, "served": {}},
    "syntax of a newer Python": {
        "files": {"main.py": "x = (:"},
        "settings": {"runtime": 99, "package_manager": "pip"},
    },
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
        "held": held(berths=""),
        "served": held(berths="", functions_framework="1"),
    },
    "another platform's": {
        "files": requires("tides ; sys_platform == 'win32'"),
        "held": held(berths="1.0", tides="1.0"),
        "served": held(berths="1.0", tides="1.0", functions_framework="1"),
    },
    "a marker that nobody can compare": {"files": requires("tides ; python_version ~= 'new'")},
    "a password that stands for one": {
        "files": {"README.md": "https://oauth2accesstoken:ACCESS_TOKEN@us-python.pkg.dev/\n"}
    },
    "all hashed": {
        "files": {"requirements.txt": f"functions-framework==3 {HASH}\nberths==1.0 {HASH}\n"}
    },
    "a placeholder for a token": {
        "files": {"a.txt": "https://oauth2accesstoken:{{ACCESS_TOKEN}}@x.pkg.dev/ ya29.x\n"}
    },
    "an extra index that becomes the index": {"files": requires(f"--extra-index-url {OWN}")},
    "a local wheel": {"files": {**requires("./tides.whl"), "tides.whl": "x"}},
}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_function_has_no_finding(tmp_path: Path, case: str) -> None:
    found = judge(facts(tmp_path, **SOUND[case]))

    assert [each.code for each in found] == (["SW821"] if "extra one" in case else [])


@pytest.mark.parametrize("case", CASES)
def test_one_change_brings_one_finding(tmp_path: Path, case: str) -> None:
    code, change, file, line, message = CASES[case]

    (found,) = judge(facts(tmp_path, **change))

    assert (found.code, found.file, found.line) == (code, file, line)
    assert message in found.message
    assert found.hint
    assert "planted" not in f"{found.message} {found.hint}".lower()


def test_a_pyproject_beside_or_instead(tmp_path: Path) -> None:
    def codes(pyproject: str, **settings: Any) -> list[tuple[str, str]]:
        known = facts(tmp_path, {"pyproject.toml": pyproject}, settings)
        return [(each.code, each.file) for each in judge(known)]

    assert codes("[tool.black]") == []
    assert codes("[") == []
    assert codes("[project]") == [("SW833", "pyproject.toml")]
    assert codes("[tool.poetry]") == [("SW833", "pyproject.toml")]
    lock = f"# Pinned by shipwheel requirements from pyproject.toml\n{REQUIREMENTS}"
    assert judge(facts(tmp_path, {"pyproject.toml": "[project]", "requirements.txt": lock})) == ()
    written = "# Written by shipwheel requirements from pyproject.toml\n"
    known = facts(tmp_path, {"pyproject.toml": "[project]", "requirements.txt": written})
    known = replace(known, files={"pyproject.toml": parsed(REQUIREMENTS, "pyproject.toml")})
    assert [each.code for each in judge(known)] == ["SW832"]
    settings = replace(known.settings, package_manager="pip")
    assert judge(replace(known, settings=settings)) == ()


@pytest.mark.parametrize(
    ("line", "example"),
    [
        ("berths", "berths==1.0"),
        ("berths<1", "berths==0.9"),
        ("berths>1", "berths==2.0rc1"),
    ],
)
def test_the_version_to_pin_is_the_one_that_pip_would_take(
    tmp_path: Path, line: str, example: str
) -> None:
    versions = held(berths="0.9 1.0 2.0rc1")
    files = {"requirements.txt": f"functions-framework\n{line}\n"}

    (found,) = judge(facts(tmp_path, files, held=versions))

    assert found.hint == f"write {example}, or have everything pinned with --pin"


def test_every_code_has_a_case() -> None:
    cases = {code for code, *_ in CASES.values()}

    assert cases | {"SW832", "SW833"} == set(CODES)


def test_the_documentation_lists_every_code() -> None:
    text = (Path(__file__).parents[2] / "steps" / "README.md").read_text()

    assert codes.table() in text


def test_findings_come_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    known = facts(tmp_path, requires("keyring", "./gone.whl"), {"entry_point": "fnd"})

    assert [(each.file, each.line) for each in judge(known)] == [
        ("main.py", 0),
        ("requirements.txt", 3),
        ("requirements.txt", 4),
    ]


def repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", folder], check=True, timeout=30)
    function = folder / "functions" / "f"
    function.mkdir(parents=True)
    return function


def test_git_tells_what_it_tracks_and_ignores(tmp_path: Path) -> None:
    function = repository(tmp_path)
    environ = {"PATH": os.environ["PATH"]}
    assert see(function, "requirements.txt", environ) == SEEN

    (function / "requirements.txt").touch()
    subprocess.run(["git", "-C", function, "add", "."], check=True, timeout=30)
    assert see(function, "requirements.txt", environ) == InGit(is_tracked=True, is_ignored=False)

    (tmp_path / ".gitignore").write_text("/functions/*/requirements.txt\n")
    assert see(function, "requirements.txt", environ) == TRACKED


def test_outside_of_git_nothing_is_kept(tmp_path: Path) -> None:
    assert see(tmp_path, "requirements.txt", {}) == HIDDEN


def test_git_that_does_not_answer_is_no_leave_to_write(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    for environ in ({"PATH": os.environ["PATH"]}, {"PATH": "/nowhere"}):
        with pytest.raises(InputError, match="git cannot tell whether it tracks"):
            see(tmp_path, "requirements.txt", environ)


def test_ignore_files_get_the_lines_that_they_lack(tmp_path: Path) -> None:
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "/requirements.txt\n",
        ".gcloudignore": ".gcloudignore\n.git\n.gitignore\n#!include:.gitignore\n"
        "!/requirements.txt\n",
    }
    (tmp_path / ".gitignore").write_text("*.pyc")
    (tmp_path / ".gcloudignore").write_text("*.txt\n")
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "*.pyc\n/requirements.txt\n",
    }
    assert ignore_files(tmp_path, upload=["requirements.txt", "vendor/"]) == {
        ".gcloudignore": "*.txt\n!/requirements.txt\n!/vendor/\n!/vendor/**\n",
    }
