"""`shipwheel bump`: a new version, written where it lives, and what has to follow it."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.client.files import Change, difference
from steps.command_line.arguments import selected, with_build_options, with_rules, with_transport
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import all_option, json_option, projects_argument
from steps.command_line.program import run_alone
from steps.command_line.report import print_table
from steps.host.children import each
from steps.host.errors import Problem, Refused, warn
from steps.host.files import NewFile, write_together
from steps.project.repository import neighbours, repository_root, walk
from steps.registry.index import Index
from steps.release.gate import decide, next_pre
from steps.release.release import check_aside
from steps.version.bounds import Bounds
from steps.version.locks import LOCKS, Lock, concerns, find_locks, lock_anew
from steps.version.places import find_place
from steps.version.plan import (
    UNTAGGED,
    Bump,
    BumpPlan,
    Files,
    VersionGroup,
    current_version,
    make_plan,
    next_version,
    requirement_files,
    sharing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.version import Version

    from steps.backend.context import BuildOptions
    from steps.project.source import Project
    from steps.registry.transport import Transport
    from steps.release.gate import Rules

_logger = logging.getLogger("shipwheel")
_HEADINGS = ("PROJECT", "OLD", "NEW", "WRITTEN IN", "WHY")


@click.command(cls=ShipwheelCommand)
@projects_argument
@all_option
@click.option(
    "--to",
    metavar="patch|minor|major|rc|dev|VERSION",
    help="The part of the version to raise, the kind of pre-release, or the version itself.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Bump every project that `shipwheel check` would refuse as not bumped, to the next patch"
    " release unless --to is given; by default of all below the current directory.",
)
@click.option(
    "--bounds",
    type=click.Choice([it.value for it in Bounds]),
    help="Write this bound into the requirements of all dependents: >=NEW, ~=NEW or ==NEW. By"
    " default, only a bound that excludes the new version is changed.",
)
@click.option(
    "--functions",
    is_flag=True,
    help="Also change requirements of functions that exclude the new version.",
)
@click.option("--no-lock", is_flag=True, help="Do not change uv.lock and poetry.lock.")
@click.option("--dry-run", is_flag=True, help="Print the diff, and write nothing.")
@with_transport
@with_rules
@with_build_options
@json_option
def command(
    *,
    directories: tuple[Path, ...],
    every: bool,
    to: str | None,
    changed: bool,
    bounds: str | None,
    functions: bool,
    no_lock: bool,
    dry_run: bool,
    transport: Transport,
    rules: Rules,
    first_release: bool,
    build_options: BuildOptions,
    as_json: bool,
) -> None:
    """Write a project's next version where it is defined, and update what has to follow it.

    If a requirement of another project in the repository excludes the new version, its bound is
    changed, and that project gets a patch release. uv.lock and poetry.lock are updated. The result
    passes `shipwheel check`. If the version comes from git tags, the tag to create is printed.
    No commit and no tag is made.

    \b
    Example:
      shipwheel bump packages/tides --to minor \\
        --registry us-central1/my-project/pypi
      shipwheel bump --changed --dry-run \\
        --registry us-central1/my-project/pypi
    """
    if to is None and not changed:
        raise click.UsageError("Give --to with what to bump to, or --changed.")
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    gate = _Gate(index, rules)
    projects = selected(directories, every or (changed and not directories))
    if changed:
        projects = _unbumped(projects, index, rules, build_options)
    projects = sharing(projects, neighbours(projects))
    targets = gate.targets(projects, "patch" if to is None else to)
    files = _files(projects, functions=functions)
    plan = make_plan(targets, gate.follow, files, Bounds(bounds) if bounds else None)
    locks = () if no_lock else _locks(plan, files)
    texts = {**plan.texts, **_locked(locks, plan.texts, files)}
    changes = [_change(path, text) for path, text in texts.items()]
    if not dry_run:
        write_together(NewFile(path=path, content=text) for path, text in texts.items())
    if as_json:
        click.echo(json.dumps(_as_object(plan, locks, changes, dry_run=dry_run), indent=2))
    elif dry_run:
        click.echo(difference(changes), nl=False)
    else:
        _print(plan)
    _tell(plan, locks, changes, dry_run=dry_run)


@dataclass(frozen=True)
class _Gate:
    """What may be written: what the registry's versions let through."""

    index: Index
    rules: Rules

    def targets(self, projects: Sequence[Project], to: str) -> dict[Project, Version]:
        """Return the new version of each of *projects*; raise Refused with what would do."""
        currents = each(_current, projects, workers=1)  # or all that is wrong at once
        published = self.index.read_many(it.name for it in projects if it.name)
        found: dict[Project, Version] = {}
        problems: list[Problem] = []
        for it, current in zip(projects, currents, strict=True):
            found[it] = next_version(to, current)
            versions = published[it.name].versions if it.name else ()
            verdict = decide(found[it], versions, self.rules, static=True)
            if not verdict.allowed:
                problems.append(
                    Problem(f"{it} cannot be bumped to {found[it]}: {verdict.reason}", verdict.hint)
                )
        Refused.raise_all(problems)
        return found

    def follow(self, groups: Sequence[VersionGroup]) -> tuple[Version, ...]:
        """Return the next version of each group of dependents that share one.

        It is of the kind of the current one, and greater than all that are published.
        """
        published = self.index.read_many(chain.from_iterable(it.names for it in groups))

        def following(group: VersionGroup) -> Version:
            current = group.current or UNTAGGED
            version = next_pre(current) if current.is_prerelease else next_version("patch", current)
            versions = {it for name in group.names for it in published[name].versions}
            verdict = decide(version, versions, self.rules, static=True)
            if verdict.allowed:
                return version
            if verdict.suggestions:
                return verdict.suggestions[0]
            said = f"{group.names[0]} cannot be bumped to {version}: {verdict.reason}"
            raise Refused(said, verdict.hint)

        return each(following, groups, workers=1)


def _current(project: Project) -> Version:
    return current_version(project, find_place(project)) or UNTAGGED


def _unbumped(
    projects: Sequence[Project], index: Index, rules: Rules, build_options: BuildOptions
) -> tuple[Project, ...]:
    """Return the projects that `check` refuses for their version."""
    judged = check_aside(projects, index, rules, build_options)
    pairs = zip(projects, judged, strict=True)
    return tuple(project for project, it in pairs if not (it.allowed or it.invented))


def _files(projects: Sequence[Project], *, functions: bool) -> Files:
    packages = {it.directory: it for it in neighbours(projects)}
    roots = dict.fromkeys(repository_root(it.directory) or it.directory for it in projects)
    found = (requirement_files(it, packages, functions=functions) for it in roots)
    return Files(paths=dict(chain.from_iterable(found)), packages=packages, roots=tuple(roots))


def _locks(plan: BumpPlan, files: Files) -> tuple[Lock, ...]:
    """Return the lock files that the plan may change: none if all there is to do is to tag."""
    if not plan.texts:
        return ()
    names = [it.project for it in plan.bumps]
    paths = [
        Path(folder, name)
        for root in files.roots
        for folder, found in walk(root)
        for name in LOCKS
        if name in found
        if concerns(files.text(Path(folder, name)), Path(folder), plan.texts, names)
    ]
    return find_locks(paths, os.environ)


def _locked(locks: Sequence[Lock], texts: Mapping[Path, str], files: Files) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for root in files.roots:
        inside = {path: text for path, text in texts.items() if path.is_relative_to(root)}
        own = [it for it in locks if it.path.is_relative_to(root)]
        found |= lock_anew(own, root, inside, os.environ)
    return found


def _change(path: Path, text: str) -> Change:
    return Change(
        path=Path(_shown(path)),
        target=path,
        before=path.read_bytes().decode(),
        after=text,
        mode=None,
        tightened=False,
        personal=False,
        warnings=(),
    )


def _shown(path: Path) -> str:
    return os.path.relpath(path)


def _print(plan: BumpPlan) -> None:
    rows = [(it.project, str(it.old or "-"), str(it.new), _place(it), it.why) for it in plan.bumps]
    if rows:
        print_table(_HEADINGS, rows)


def _place(bump: Bump) -> str:
    return f"git tag {bump.tag}" if bump.tag else _shown(bump.file or Path())


def _as_object(
    plan: BumpPlan, locks: Sequence[Lock], changes: Sequence[Change], *, dry_run: bool
) -> dict[str, Any]:
    return {
        "written": not dry_run,
        "projects": [
            {
                "project": it.project,
                "old": str(it.old) if it.old else None,
                "new": str(it.new),
                "file": _shown(it.file) if it.file else None,
                "tag": it.tag or None,
                "why": it.why,
            }
            for it in plan.bumps
        ],
        "requirements": [
            {"file": _shown(it.file), "old": it.old, "new": it.new} for it in plan.moves
        ],
        "files": [str(it.path) for it in changes],
        "left": [*plan.skipped, *(it.missing for it in locks if not it.program)],
        "diff": difference(changes),
    }


def _tell(
    plan: BumpPlan, locks: Sequence[Lock], changes: Sequence[Change], *, dry_run: bool
) -> None:
    if not plan.bumps:
        _logger.info("Nothing to bump: `shipwheel check` refuses none of these for its version")
    warn(*plan.skipped, *(it.missing for it in locks if not it.program))
    for it in changes:
        _logger.info("%s: %s", it.path, "would be written" if dry_run else "written")
    for tag in dict.fromkeys(it.tag for it in plan.bumps if it.tag):
        _logger.info("Next, when this is merged: git tag %s, and push it", tag)


if __name__ == "__main__":
    run_alone(command, "bump")
