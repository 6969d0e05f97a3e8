"""The files that a repository needs first: the manifest, and the build configs of its triggers.

The build configs are files of this package, copied as they are; substitutions make them shared.
What a repository has may be an earlier version, with edits of its own. `earlier/` holds every
version that was ever written, as NAME.N.yaml: what differs from all of them are edits.
"""

from __future__ import annotations

import difflib
import glob
import json
import re
import tempfile
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from steps.host.documents import dump, read_yaml
from steps.host.errors import InputError, Problem
from steps.host.files import NewFile, link_problems, write_together
from steps.host.gcloud import BUILD_REGIONS
from steps.host.git import run_git
from triggers.manifest.manifest import SCHEMA_URL, parse_manifest
from triggers.manifest.settings import DEFAULT_ACCOUNTS, DEFAULT_FUNCTION_ACCOUNTS, IMAGE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.registry.address import Registry
    from triggers.manifest.manifest import Manifest

FOLDER = "cloudbuild"
_LIKE = 0.6  # of the lines
_NO_GIT = "install git, which merges the edits, or take the new version with --force"
_LONGEST_REASON = 160
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


def shared_build_configs() -> dict[str, str]:
    """Return the shared build configs by their paths in a repository."""
    folder = resources.files("triggers") / "build_configs"
    files = sorted((it for it in folder.iterdir() if it.is_file()), key=lambda file: file.name)
    return {f"{FOLDER}/{file.name}": file.read_text(encoding="utf-8") for file in files}


def is_behind(path: str, text: str) -> bool:
    """Return whether *text*, of the shared build config *path*, comes from an earlier version."""
    current = shared_build_configs().get(path)
    return current is not None and _base(path, text) != current


@dataclass(frozen=True)
class Update:
    """The shared build config *path* with our changes and the repository's own edits.

    *conflict* says that both changed the same lines; *text* then has git's conflict markers.
    """

    path: str
    text: str
    conflict: bool = False

    @property
    def problem(self) -> Problem:
        """What is said of a conflict."""
        return Problem(
            f"{self.path!r} was edited where this version of Shipwheel changes it",
            "merge it by hand as printed, or take the new version with --force; nothing was"
            " written",
        )


def update(path: str, text: str) -> Update:
    """Return *text*, which the repository has at *path*, brought up to date.

    Raises InputError where git cannot be run.
    """
    current, base = shared_build_configs()[path], _base(path, text)
    if base in {text, current}:  # no edits, or nothing to bring
        return Update(path, current if text == base else text)
    with tempfile.TemporaryDirectory() as folder:
        versions = {"yours": text, "base": base, "new": current}
        write_together(
            NewFile(path=Path(folder) / name, content=version) for name, version in versions.items()
        )
        labels = (argument for name in versions for argument in ("-L", name))
        merged = run_git(Path(folder), "merge-file", "-p", *labels, *versions, hint=_NO_GIT)
    return Update(path, merged.stdout, conflict=merged.returncode != 0)


def _base(path: str, text: str) -> str:
    """Return the version that *text* was edited from: the one that it is most like.

    A file that is like none was written by hand, and has no update.
    """
    current, lines = shared_build_configs()[path], text.splitlines()
    likeness = {
        it: difflib.SequenceMatcher(None, it.splitlines(), lines).ratio()
        for it in (current, *_earlier(path))
    }
    most = max(likeness, key=lambda it: likeness[it])
    return most if likeness[most] > _LIKE else current


def _earlier(path: str) -> list[str]:
    stem = Path(path).stem
    folder = resources.files("triggers.manifest") / "earlier"
    files = (it for it in folder.iterdir() if it.name.rsplit(".", 2)[0] == stem)
    numbered = sorted(files, key=lambda it: int(it.name.split(".")[-2]))
    return [it.read_text(encoding="utf-8") for it in numbered]


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """What the manifest begins with: *source* is the manifest's, *branch* the default branch.

    *excluded* are the directories that are left out, each with the reason, *functions* the settings
    of those that need some. *is_image* says that the repository is Shipwheel's
    own, and its trigger the one of the image.
    """

    registry: Registry
    project: str
    region: str
    image: str
    source: Mapping[str, Any]
    branch: str = "main"
    excluded: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_image: bool = False


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
    return nearest_region(registry.location)


def nearest_region(location: str) -> str:
    """Return *location*, or a region near it, where every project may build."""
    if location in BUILD_REGIONS:
        return location
    return _NEAREST.get(location.partition("-")[0], BUILD_REGIONS[0])


def restricted_region(region: str) -> Iterator[Problem]:
    """Yield a problem where builds in *region* take quota that not every project has."""
    if region not in {"global", *BUILD_REGIONS}:
        yield Problem(
            f"New and small projects may not build in {region!r}, the `region` of the triggers",
            f"if yours is one, use {', '.join(BUILD_REGIONS)}; the registry may be elsewhere",
        )


def new_manifest(options: InitOptions) -> tuple[str, Manifest]:
    """Return the text of a manifest, with comments on what else it may hold, and what it says.

    Raises InputError for bad options.
    """
    parts = [f"# yaml-language-server: $schema={SCHEMA_URL}\n"]
    parts += [f"# {comment}\n{_plain(values)}" for comment, values in _sections(options)]
    parts += [_exclusions(options.excluded)] if options.excluded else []
    given = read_yaml("\n".join(parts)).data
    examples = [it for it in _EXAMPLES if not (options.is_image or it[1].keys() & given.keys())]
    parts += [f"# {comment}\n{_commented(_plain(values))}" for comment, values in examples]
    text = "\n".join(parts)
    return text, parse_manifest(read_yaml(text).data, "what was given")


def _exclusions(excluded: Mapping[str, str]) -> str:
    """Return the part of a manifest that leaves directories out, each with its reason."""
    lines = ["# Left out, of packages and of functions: what cannot be read, or has a name twice."]
    for key in ("packages", "functions"):
        lines += [f"{key}:", "  exclude:"]
        for path, reason in excluded.items():
            shown = " ".join("".join(it if it.isprintable() else " " for it in reason).split())
            lines.append(f"    - {json.dumps(glob.escape(path))}  # {shown[:_LONGEST_REASON]}")
    return "\n".join(lines) + "\n"


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
        *(_image_sections(options) if options.is_image else _package_sections(options)),
    ]


def _image_sections(options: InitOptions) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            "Of this repository, nothing but the image is built.",
            {"packages": {"include": []}, "functions": {"include": []}},
        ),
        (
            "Pushes that build, test and push the image.",
            {
                "kinds": {
                    "image": {
                        "push": True,
                        "branch": _pattern(options.branch),
                        "buildConfig": "cloudbuild.yaml",
                        "serviceAccount": IMAGE_ACCOUNT,
                    }
                }
            },
        ),
    ]


def _package_sections(options: InitOptions) -> list[tuple[str, dict[str, Any]]]:
    own = {it: {"deploy": {"function": dict(given)}} for it, given in options.functions.items()}
    comment = "What single functions need: a name of their own, an entry point that is not `main`."
    return [
        *([(comment, {"overrides": own})] if own else []),
        (
            "Pull requests. Their account can only read: a pull request decides what is run.",
            {"check": _start("check", options.branch)},
        ),
        (
            "Pushes that publish packages; `tag` instead of `branch` for tags.",
            {"publish": _start("publish", options.branch)},
        ),
        (
            "Pushes that deploy functions, which run, and are built, as accounts of their own.",
            {"deploy": {**_start("deploy", options.branch), "function": DEFAULT_FUNCTION_ACCOUNTS}},
        ),
    ]


_EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "each-merge, the default, refuses a change without a new version; when-bumped waits.",
        {"releases": "when-bumped"},
    ),
    (
        "Files of each package whose changes need no release.",
        {"unversioned": ["tests/**", "README.md"]},
    ),
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


def _start(kind: Literal["check", "publish", "deploy"], branch: str) -> dict[str, Any]:
    return {"branch": _pattern(branch), "serviceAccount": DEFAULT_ACCOUNTS[kind]}


def _pattern(branch: str) -> str:
    return re.sub(r"([.+*?()\[\]{}^$|\\])", r"\\\1", branch)


def _plain(values: object) -> str:
    return dump([values]).removeprefix("---\n")


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())
