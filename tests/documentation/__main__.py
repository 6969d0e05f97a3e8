"""Writes the output blocks of the documents anew: `make docs`.

    python -m tests.documentation [--check]

With `--check` it changes nothing, and ends with 1 and a difference when a document shows what its
commands do not print. Some commands call gcloud: without it nothing is run, and it says so.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import sys
from typing import TYPE_CHECKING

from tests.documentation import DOCUMENTS, ROOT
from tests.documentation.examples import rewrite_examples
from tests.documentation.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    if not shutil.which("gcloud"):
        print("The documents' commands were not run: gcloud is not here.", file=sys.stderr)
        return int("SHIPWHEEL_NO_SKIPS" in os.environ)
    stale = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if "<!-- run:" not in text:
            continue
        with Stage() as stage:
            current = rewrite_examples(text, stage.run, stage.prepare)
        if current != text:
            stale.append(document)
            _show(document, text, current)
            if not check:
                document.write_text(current, encoding="utf-8")
    return 1 if check and stale else 0


def _show(document: Path, old: str, new: str) -> None:
    name = str(document.relative_to(ROOT))
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, "what it prints"
    )
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    sys.exit(main())
