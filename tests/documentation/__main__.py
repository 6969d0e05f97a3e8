"""Writes the reference, and the output blocks of the documents, anew: `make docs`.

    python -m tests.documentation [--check] [DOCUMENT]...

With `--check` it changes nothing, and ends with 1 and a difference when a document shows what its
commands do not print. Some commands call gcloud: without it none is run, and it says so.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.documentation import DOCUMENTS, ROOT, reference
from tests.documentation.examples import rewrite_examples
from tests.documentation.stage import Stage


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("documents", nargs="*", type=Path, metavar="DOCUMENT", default=DOCUMENTS)
    options = parser.parse_args()
    here = shutil.which("gcloud") is not None
    if not here:
        print("The documents' commands were not run: gcloud is not here.", file=sys.stderr)
    documents = options.documents if here else []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        current = dict(zip(documents, pool.map(_run, documents), strict=True)) | reference.pages()
    stale = [_update(path, text, check=options.check) for path, text in current.items()]
    skipped = not here and "SHIPWHEEL_NO_SKIPS" in os.environ
    return int(options.check and (any(stale) or skipped))


def _run(document: Path) -> str:
    """Return the text of *document* with what its commands print now."""
    text = document.read_text(encoding="utf-8")
    if "<!-- run:" not in text:
        return text
    with Stage() as stage:
        return rewrite_examples(text, stage.run, stage.prepare)


def _update(document: Path, current: str, *, check: bool) -> bool:
    """Show how *document* differs from *current*, write that, and return whether it does."""
    old = document.read_text(encoding="utf-8") if document.exists() else ""
    if old == current:
        return False
    name = os.path.relpath(document, ROOT)
    sys.stdout.writelines(
        difflib.unified_diff(
            old.splitlines(keepends=True), current.splitlines(keepends=True), name, "what is true"
        )
    )
    if not check:
        document.write_text(current, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
