"""What is found in a readme is what `twine check` finds, and is logged nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps.backend.verify import check_readme
from steps.distribution.twine_library import read_package

if TYPE_CHECKING:
    from pathlib import Path

NO_README = ("warning", "`long_description` missing.")
NO_TYPE = ("warning", "`long_description_content_type` missing. defaulting to `text/x-rst`.")
BROKEN = (
    "error",
    (
        "`long_description` has syntax errors in markup and would not be rendered:"
        " line 2: WARNING: Title underline too short."
    ),
)
HEADING = "A long heading\n======"
# Of each kind of readme: its content type, its text, what is found, and what `twine check` prints.
READMES = {
    "markdown": ("text/markdown; variant=GFM", HEADING, [], "PASSED"),
    "plain": ("text/plain", HEADING, [], "PASSED"),
    "rst": ("text/x-rst; charset=UTF-8", "*tides*", [], "PASSED"),
    "broken": ("text/x-rst", HEADING, [BROKEN], "FAILED"),
    "untyped": ("", "*tides*", [NO_TYPE], "PASSED with warnings"),
    "untyped-broken": ("", HEADING, [NO_TYPE, BROKEN], "FAILED"),
    "none": ("text/markdown", "", [NO_README], "PASSED with warnings"),
    "unknown": ("text/markdown", "UNKNOWN\n", [NO_README], "PASSED with warnings"),
}


def wheel(
    folder: Path, name: str, *fields: str, text: str = "", metadata_version: str = "2.1"
) -> Path:
    path = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    lines = [f"Name: {name}", "Version: 1.0", *fields, *(["", text] if text else [])]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{path.name.partition('-py3')[0]}.dist-info/METADATA",
            "".join(f"{line}\n" for line in (f"Metadata-Version: {metadata_version}", *lines)),
        )
    return path


def test_a_readme_is_judged_as_by_twine_check(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wheels = [
        wheel(tmp_path, name, *([f"Description-Content-Type: {kind}"] if kind else []), text=text)
        for name, (kind, text, *_) in READMES.items()
    ]

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda path: [*check_readme(read_package(path))], wheels)]

    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    short = [[(level, " ".join(text.split())) for level, text in each] for each in found]
    for name, each, (_, _, expected, _) in zip(READMES, short, READMES.values(), strict=True):
        assert [(level, text[: len(BROKEN[1])]) for level, text in each] == expected, name
    said = subprocess.run(
        [sys.executable, "-m", "twine", "--no-color", "check", *map(str, wheels)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "1000"},
    ).stdout
    verdicts = [line.rpartition(": ")[2] for line in said.splitlines() if "Checking" in line]
    assert verdicts == [verdict for *_, verdict in READMES.values()]


@pytest.mark.parametrize(
    ("version", "reason"),
    [("2.1", "'tides >' is invalid for 'requires-dist'"), ("none", "Invalid version: 'none'")],
)
def test_what_twine_does_not_send_is_refused_with_its_reason(
    version: str, reason: str, tmp_path: Path
) -> None:
    path = wheel(tmp_path, "tides", "Requires-Dist: tides >", metadata_version=version)

    with pytest.raises(ValueError, match=reason):
        read_package(path)
