"""The files that a repository needs first: the manifest, and the build configs of its triggers.

The build configs are files of this package, copied as they are; substitutions make them shared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from steps.host.errors import InputError, Problem
from steps.host.files import NewFile, link_problems, write_together
from steps.host.gcloud import BUILD_REGIONS
from triggers.cloudbuild.documents import dump, read_yaml
from triggers.manifest.manifest import MANIFEST, SCHEMA_URL, parse_manifest
from triggers.manifest.settings import DEFAULT_ACCOUNTS, DEFAULT_FUNCTION_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steps.registry.address import Registry

FOLDER = "cloudbuild"
_MULTI_REGIONS = {"us", "europe", "asia"}
_NEAREST = {
    "asia": "asia-east1",
    "australia": "australia-southeast1",
    "europe": "europe-west1",
    "africa": "europe-west1",
    "me": "europe-west1",
    "southamerica": "southamerica-east1",
}
_GITHUB_REMOTE = re.compile(
    r"(?:[a-z+]+://(?:[^@/]*@)?|[^@/]+@)github\.com(?::\d+(?=/))?[/:]"
    r"(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?/?"
)


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """What only a person knows, and the manifest begins with; *source* is the manifest's."""

    registry: Registry
    project: str
    region: str
    image: str
    source: Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """The outcome for one file."""

    path: str
    outcome: Literal["written", "replaced", "unchanged"]


def source_of_remote(url: str) -> dict[str, Any] | None:
    """Return the manifest's `source` for the git remote *url*, or None when it is not GitHub's."""
    match = _GITHUB_REMOTE.fullmatch(url.strip())
    return {"github": {"owner": match["owner"], "name": match["name"]}} if match else None


def default_region(registry: Registry, source: Mapping[str, Any]) -> str:
    """Return the triggers' region: the connection's, or one near *registry* that may build.

    A multi-region has no triggers.
    """
    connected = source.get("repository") or source.get("gitRepositoryLink") or ""
    if match := re.match("projects/[^/]+/locations/([^/]+)/", connected):
        return match[1]
    if registry.location in _MULTI_REGIONS:
        return "global"
    if registry.location in BUILD_REGIONS:
        return registry.location
    return _NEAREST.get(registry.location.partition("-")[0], BUILD_REGIONS[0])


def restricted_region(region: str) -> Iterator[Problem]:
    """Yield a problem where builds in *region* take quota that not every project has."""
    if region not in {"global", *BUILD_REGIONS}:
        yield Problem(
            f"New and small projects may not build in {region!r}, the `region` of the triggers",
            f"if yours is one, use {', '.join(BUILD_REGIONS)}; the registry may be elsewhere",
        )


def initial_files(options: InitOptions) -> dict[str, str]:
    """Return everything that `shipwheel init` writes, by path; raise InputError for bad options."""
    manifest = new_manifest(options)
    parse_manifest(read_yaml(manifest).data, "what was given")
    return {MANIFEST: manifest, **shared_build_configs()}


def new_manifest(options: InitOptions) -> str:
    """Return the text of a manifest, with comments on what else it may hold."""
    parts = [f"# yaml-language-server: $schema={SCHEMA_URL}\n"]
    parts += [f"# {comment}\n{_plain(values)}" for comment, values in _sections(options)]
    parts += [f"# {comment}\n{_commented(_plain(values))}" for comment, values in _EXAMPLES]
    return "\n".join(parts)


def _sections(options: InitOptions) -> list[tuple[str, dict[str, Any]]]:
    """Return the parts of a manifest, each with what there is to say about it."""
    registry = options.registry
    short = f"{registry.location}/{registry.project}/{registry.repository}"
    return [
        (
            "Where the triggers live. A connected repository has to be in the same region.",
            {"project": options.project, "region": options.region},
        ),
        ("Where packages are published.", {"registry": short}),
        ("Shipwheel's container image; pin it by version or by digest.", {"image": options.image}),
        (
            "The repository: github (1st generation), repository (2nd), or gitRepositoryLink.",
            {"source": dict(options.source)},
        ),
        (
            "Pull requests. Their account can only read: a pull request decides what is run.",
            {"check": _start("check")},
        ),
        (
            "Pushes that publish packages; `tag` instead of `branch` for tags.",
            {"publish": _start("publish")},
        ),
        (
            "Pushes that deploy functions, which run, and are built, as accounts of their own.",
            {"deploy": {**_start("deploy"), "function": DEFAULT_FUNCTION_ACCOUNTS}},
        ),
    ]


_EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "Packages and functions are found; leave some out, or list them with `include`.",
        {"packages": {"exclude": ["examples", "tests"]}},
    ),
    ("More files that start every build.", {"includedFiles": ["constraints.txt"]}),
    (
        "What is different for one directory.",
        {"overrides": {"packages/a": {"publish": {"approval": True}}}},
    ),
]


def shared_build_configs() -> dict[str, str]:
    """Return the shared build configs by their paths in the repository."""
    folder = resources.files("triggers") / "build_configs"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {f"{FOLDER}/{file.name}": file.read_text(encoding="utf-8") for file in files}


def write_files(root: Path, files: Mapping[str, str], *, force: bool) -> list[Written]:
    """Write *files* below *root* and return the outcome of each.

    Raises InputError, and writes nothing, when a file with other contents is there and not *force*.
    """
    there = {path: _current(root / path) for path in files}
    changed = [path for path in files if there[path] != files[path]]
    problems = link_problems((root / path for path in changed), inside=root)
    if not force:
        problems += [
            Problem(
                f"The file {path!r} is there already, with other contents",
                "--force replaces it; without, nothing at all was written",
            )
            for path in changed
            if there[path] is not None and not (root / path).is_symlink()
        ]
    InputError.raise_all(problems)
    write_together(NewFile(path=root / path, content=files[path]) for path in changed)
    return [Written(path, _outcome(there[path], text)) for path, text in files.items()]


def _outcome(before: str | None, after: str) -> Literal["written", "replaced", "unchanged"]:
    if before is None:
        return "written"
    return "unchanged" if before == after else "replaced"


def _current(path: Path) -> str | None:
    """Return the text of *path*, None where there is nothing; bytes that are not text differ."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"{str(path)!r} cannot be written: {error.strerror}", "check what is at that path"
        ) from None


def _start(kind: Literal["check", "publish", "deploy"]) -> dict[str, Any]:
    return {"branch": "main", "serviceAccount": DEFAULT_ACCOUNTS[kind]}


def _plain(values: object) -> str:
    return dump([values]).removeprefix("---\n")


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())
