"""The workspace gets the files that the real gcloud would upload."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from builder.local.directories import copy_source
from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_gcloud

FILES = (
    "a", "b.log", ".hidden", "dist/x", "sub/dist/y", "keep/dist.py", "node_modules/m/index.js",
    "docs/a.md", "docs/b/c.md", "build/keep.txt", "build/other.txt", "sub/a", "with space", "x#y",
    ".git/HEAD", ".git/config",
)  # fmt: skip
CASES = {
    "no ignore file": {},
    "a gitignore": {".gitignore": "*.log\ndist/\n"},
    "an anchored pattern": {".gcloudignore": "/a\n/docs/b\n"},
    "a folder": {".gcloudignore": ".git\nbuild/\nnode_modules\n"},
    "a negation": {".gcloudignore": "build/*\n!build/keep.txt\n*.log\n"},
    "a negation below an ignored folder": {".gcloudignore": "build/\n!build/keep.txt\n"},
    "stars": {".gcloudignore": "**/dist/\ndocs/**/*.md\n"},
    "a comment, an empty line and an escape": {".gcloudignore": "# a\n\n\\#x\nx\\#y\n"},
    "an include": {".gcloudignore": "#!include:.gitignore\n.git\n", ".gitignore": "*.log\nsub/a\n"},
    "the folder itself": {".gcloudignore": "sub\n"},
    "a question mark and a class": {".gcloudignore": "?\n[b-c].log\n"},
}


@sample("case", CASES, "no ignore file", "a folder", "a negation", "stars", "an include")
def test_the_workspace_gets_what_gcloud_would_upload(case: str, tmp_path: Path) -> None:
    source, workspace = tmp_path / "source", tmp_path / "workspace"
    workspace.mkdir()
    write(source, {**dict.fromkeys(FILES, "x"), **CASES[case]})

    copy_source(source, workspace)

    listed = subprocess.run(
        ["gcloud", "meta", "list-files-for-upload", str(source)],
        env={**os.environ, "CLOUDSDK_CONFIG": str(tmp_path / "gcloud")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    arrived = [p.relative_to(workspace).as_posix() for p in workspace.rglob("*") if p.is_file()]
    assert sorted(arrived) == sorted(listed.stdout.splitlines())
