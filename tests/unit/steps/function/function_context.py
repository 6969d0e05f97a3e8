"""A sound function as the rules see it, for tests that change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from steps.function.context import FunctionContext, Settings
from steps.function.function import parsed, read_function
from steps.function.tokens import GitStatus, find_secrets
from steps.registry.address import parse_registry
from steps.registry.page import PublishedProject
from tests.tree import write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGISTRY = parse_registry("us-east4/demo/pypi", {})
VIRTUAL = parse_registry("us-east4/demo/virtual", {})
OWN = "https://us-east4-python.pkg.dev/demo/pypi/simple/"
OTHER = "https://us-east4-python.pkg.dev/other/pypi/simple/"
REQUIREMENTS = "functions-framework==3.10.2\nberths==1.0\n"
TODAY = date(2026, 11, 29)
MAIN = "def find(request): ...\n"


def published(**versions: str) -> dict[Any, PublishedProject]:
    return {
        name.replace("_", "-"): PublishedProject(
            name=name.replace("_", "-"),  # type: ignore[arg-type]  # a NormalizedName
            listed=tuple(map(Version, listed.split())),
            exists=bool(listed),
        )
        for name, listed in versions.items()
    }


IN_REGISTRY = published(berths="0.9 1.0", functions_framework="")
IN_INDEX = published(berths="0.9 1.0", functions_framework="3.10.2")


def context(
    folder: Path,
    files: Mapping[str, str | None] = {},
    settings: Mapping[str, Any] = {},
    **more: Any,
) -> FunctionContext:
    """Return what is known of a sound function, but for what is given."""
    texts = {"requirements.txt": REQUIREMENTS, "main.py": MAIN, **files}
    write(folder, {name: text for name, text in texts.items() if text is not None})
    function = read_function(folder)
    own = {"requirements.txt": parsed(function.text, "requirements.txt")}
    included = {
        name: parsed(text, name)
        for name, text in files.items()
        if text and name.endswith("more.txt")
    }
    known = FunctionContext(
        function=function,
        settings=Settings(registry=REGISTRY, index=VIRTUAL, **{"entry_point": "find", **settings}),
        files={**own, **included},
        main=(folder / "main.py").read_bytes() if files.get("main.py", "") is not None else None,
        in_registry=IN_REGISTRY,
        in_index=IN_INDEX,
        today=TODAY,
        secrets=tuple(find_secrets(folder, leave_out=frozenset())),
    )
    return replace(known, **more)


def requires(*lines: str) -> dict[str, str]:
    return {"requirements.txt": "".join(f"{line}\n" for line in [*REQUIREMENTS.split(), *lines])}


TRACKED = GitStatus(is_tracked=True, is_ignored=True)
SEEN = GitStatus(is_tracked=False, is_ignored=False)
HIDDEN = GitStatus(is_tracked=False, is_ignored=True)
