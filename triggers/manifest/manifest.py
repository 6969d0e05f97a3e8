"""The manifest `shipwheel.yaml`: what a repository says about its triggers, and reading it.

The classes below are its whole definition. The JSON Schema for editors, `shipwheel.schema.json`, is
generated from them. Every key that is not given takes its value from `triggers.manifest.settings`.
A file is refused with all that is wrong in it at once, each key with its exact path.
"""

from __future__ import annotations

import json
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from steps.host.documents import brief
from steps.host.errors import Finding, InputError, Problem, did_you_mean
from steps.project.manifest import MANIFEST
from triggers.cloudbuild.files import read_mapping
from triggers.manifest.settings import (
    CheckTriggers,
    Common,
    DeployTriggers,
    KindName,
    OwnKind,
    PublishTriggers,
    Start,
)
from triggers.manifest.types import (
    WORDS,
    Directory,
    Model,
    ProjectGlob,
    ProjectId,
    Region,
    Registry,
    TriggerName,
    matching,
    problem,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

SCHEMA_URL = (
    "https://raw.githubusercontent.com/shipwheel/shipwheel/main/triggers/shipwheel.schema.json"
)

CONNECTION = "projects/[^/]+/locations/[^/]+/connections/[^/]+"


def _connected(kind: str) -> StringConstraints:
    words = f"write projects/P/locations/L/connections/C/{kind}/R"
    return matching(f"{CONNECTION}/{kind}/[^/]+", words)


class GithubRepository(Model):
    """A repository of the 1st generation: the Cloud Build GitHub app."""

    owner: Annotated[str, StringConstraints(min_length=1)]
    """The user or organisation."""
    name: Annotated[str, StringConstraints(min_length=1)]
    """The repository, without its owner."""


class Source(Model):
    """Where the code is: exactly one of the three."""

    github: GithubRepository | None = None
    """A repository of the 1st generation."""
    repository: Annotated[str, _connected("repositories")] | None = None
    """A repository of the 2nd generation: its whole resource name."""
    git_repository_link: Annotated[str, _connected("gitRepositoryLinks")] | None = None
    """A link of Developer Connect: its whole resource name."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            choices = "give exactly one of: github, repository, gitRepositoryLink"
            raise problem(f"the name of {len(given)} repositories", choices)
        return self

    @property
    def short_name(self) -> str:
        """The repository's name without owner or connection."""
        if self.github:
            return self.github.name
        return (self.repository or self.git_repository_link or "").rsplit("/", 1)[-1]


class Override(Common):
    """What is different for one package, function or group; the key is its directory."""

    name: TriggerName | None = None
    """What its triggers' names begin with, instead of its path."""
    check: CheckTriggers = Field(default_factory=CheckTriggers)
    """Its check trigger."""
    publish: PublishTriggers = Field(default_factory=PublishTriggers)
    """Its publish trigger."""
    deploy: DeployTriggers = Field(default_factory=DeployTriggers)
    """Its deploy trigger."""
    kinds: dict[KindName, Start] = Field(default_factory=dict)
    """Its triggers of the manifest's own kinds."""


class Selection(Model):
    """Which directories to include."""

    include: tuple[Directory, ...] | None = Field(default=None, strict=False)
    """Directories, or globs of them. Without it they are found in the repository."""
    exclude: tuple[Directory, ...] = Field(default=(), strict=False)
    """Directories, or globs of them, that are left out with everything below."""


class Manifest(Common):
    """A repository's packages, functions and the triggers that check, publish and deploy them."""

    project: ProjectId
    """The Google Cloud project that the triggers live in."""
    region: Region
    """The location of the triggers, or `global`. A connected repository has to be in the same."""
    registry: Registry
    """The Python repository to publish to: REGION/PROJECT/REPO, or its URL."""
    image: Annotated[str, StringConstraints(min_length=1)]
    """The address of Shipwheel's container image, with a tag or a digest."""
    source: Source
    """Where the code is."""
    name_prefix: TriggerName | None = None
    """What all triggers' names begin with: names are unique in a project, not in a repository.
    By default those of the root directory begin with the repository's name."""
    grouping: Literal["target", "directory"] = "target"
    """One trigger per package, or one per top directory, for all packages below it."""
    check: CheckTriggers = Field(default_factory=CheckTriggers)
    """Triggers that check a package in a pull request."""
    publish: PublishTriggers = Field(default_factory=PublishTriggers)
    """Triggers that publish a package after a push."""
    deploy: DeployTriggers = Field(default_factory=DeployTriggers)
    """Triggers that deploy a function after a push."""
    kinds: dict[KindName, OwnKind] = Field(default_factory=dict)
    """Your own kinds of triggers: on a schedule, by hand, or by a message, request or push."""
    packages: Selection = Field(default_factory=Selection)
    """Which directories are packages."""
    functions: Selection = Field(default_factory=Selection)
    """Which directories are functions."""
    releases: Literal["each-merge", "when-bumped"] = "each-merge"
    """Refuse a change of a package without a new version, or release it with the next version."""
    unversioned: tuple[ProjectGlob, ...] = Field(default=(), strict=False)
    """Globs from each package's directory of files whose changes need no release: `tests/**`."""
    overrides: dict[Directory, Override] = Field(default_factory=dict)
    """What is different for single directories."""

    @field_validator("source")
    @classmethod
    def _is_in_the_region(cls, source: Source, info: ValidationInfo) -> Source:
        location = (source.repository or "///").split("/")[3]
        region = info.data.get("region")
        if location and region and location != region:
            raise problem(
                f"connected in {location!r}, and `region` is {region!r}",
                f"set `region` to {location!r}: triggers run where their connection is",
            )
        return source


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in *path*; raise one InputError with everything that is wrong in it."""
    hint = f"write it with `shipwheel init`, or name it with --manifest; its name is {MANIFEST}"
    return parse_manifest(read_mapping(path, "manifest", hint), str(path))


def parse_manifest(data: Mapping[str, Any], where: str = MANIFEST) -> Manifest:
    """Return the manifest that *data*, the contents of the file *where*, describes."""
    found = manifest_findings(data)
    InputError.raise_all(Problem(f"{where}: {each.message}", each.hint) for each in found)
    return Manifest.model_validate(data)


def manifest_findings(data: object) -> list[Finding]:
    """Return everything that is wrong in *data*, the contents of a manifest, with its paths."""
    try:
        Manifest.model_validate(data)
    except ValidationError as error:
        return [_finding(details) for details in error.errors()]
    return []


def _finding(details: ErrorDetails) -> Finding:
    what, hint = _what(details)
    path = tuple(step for step in details["loc"] if step != "[key]")
    where = f"`{_path(path)}`" if path else "the manifest"
    return Finding.at(path, f"{where} {what}", hint, "SW701")


def manifest_schema() -> str:
    """Return the manifest's JSON Schema, as `shipwheel.schema.json` has it."""
    schema = Manifest.model_json_schema()
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, indent=2)


def _what(details: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong at the place, and what to do about it."""
    value, context = details["input"], details.get("ctx", {})
    said = f"is {brief(value)}"
    known = {
        "missing": ("is missing", "add it; `shipwheel init` shows where"),
        "extra_forbidden": ("is not a key of the manifest", _near_miss(details["loc"] or ("",))),
        "shipwheel": (f"is {context.get('message')}", context.get("hint", "")),
        "model_type": (said, "write it as a mapping, `{key: value}`"),
        "literal_error": (said, f"choose one of {context.get('expected')}"),
        "string_pattern_mismatch": (
            said,
            WORDS.get(str(context.get("pattern")), ""),
        ),
        "string_type": (
            f"has to be text, and is {brief(value)}",
            f'put it in quotes: "{value}"' if isinstance(value, int | float) else "",
        ),
    }
    return known.get(details["type"], (said, details["msg"]))


def _near_miss(location: Sequence[int | str]) -> str:
    siblings = _keys_beside(Manifest, location)
    return did_you_mean(str(location[-1]), siblings, f"the keys here are: {', '.join(siblings)}")


def _keys_beside(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the keys that *model* has where *location* is."""
    owner: type[BaseModel] | None = model
    for part in location[:-1]:
        fields = owner.model_fields.values() if owner else ()
        named = [each for each in fields if each.alias == part]
        # The key of a map, or an index, is not a field: the model stays the one of its values.
        owner = _model_in(named[0].annotation) if named else owner
    return [str(each.alias) for each in owner.model_fields.values()] if owner else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_in(argument) for argument in typing.get_args(annotation)]
    return next((found for found in inner if found), None)


def _path(location: Sequence[int | str]) -> str:
    """Return *location* as people write it: `overrides["packages/a"].tags[0]`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.replace("_", "a").isalnum():
            path += f".{step}" if path else step
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    return path
