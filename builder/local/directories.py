"""The directories of a build: the copy of the source, home, outputs and volumes of its steps.

The source is copied so that no step can change the checkout, and only what `gcloud builds submit`
would upload of it, see steps/host/gcloud.py.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.command_line.report import MAX_BYTES
from steps.host.errors import OF_THE_MACHINE, InputError
from steps.host.files import open_regular, write_whole
from steps.host.gcloud import IGNORE_FILE, uploaded

if TYPE_CHECKING:
    from triggers.cloudbuild.build_config import Build, Step

WORKSPACE = "/workspace"
HOME = "/builder/home"
OUTPUTS = "/builder/outputs"


@dataclass(frozen=True)
class BuildDirectories:
    """The directories of one build, all of them below *root*."""

    root: Path

    @property
    def workspace(self) -> Path:
        """What the steps share, `/workspace`."""
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        """The steps' home, `/builder/home`."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """Where steps that run as processes keep temporary files."""
        return self.root / "tmp"

    def outputs(self, index: int) -> Path:
        """Return what `$BUILDER_OUTPUT` is for step *index*."""
        return self.root / "outputs" / str(index)

    def script(self, index: int) -> Path:
        """Return the file that holds the `script` of step *index*."""
        return self.root / "scripts" / str(index)

    def volume(self, name: str) -> Path:
        """Return the directory of the volume *name*."""
        return self.root / "volumes" / name

    def mounts(self, build: Build, step: Step, index: int) -> dict[str, Path]:
        """Return what is found where in the container of *step*: path there, path here."""
        mounts = {WORKSPACE: self.workspace, HOME: self.home, OUTPUTS: self.outputs(index)}
        for volume in (*build.options.volumes, *step.volumes):
            mounts[volume.path.rstrip("/")] = self.volume(volume.name)
        return mounts

    def make(self, build: Build) -> None:
        """Make the directories, and the files of the scripts."""
        for folder in (self.workspace, self.home, self.temporary, self.root / "scripts"):
            folder.mkdir()
        for index, step in enumerate(build.steps):
            self.outputs(index).mkdir(parents=True)
            for volume in (*build.options.volumes, *step.volumes):
                self.volume(volume.name).mkdir(parents=True, exist_ok=True)

    def write_script(self, index: int, text: str) -> Path:
        """Write the script of step *index*, with the service's default shell, and return it."""
        path = self.script(index)
        write_whole(path, text if text.startswith("#!") else f"#!/bin/sh\n{text}", mode=0o755)
        return path

    def output(self, index: int) -> str:
        """Return the first 4 KB that step *index* left in the file `$BUILDER_OUTPUT/output`."""
        with suppress(OSError), open_regular(self.outputs(index) / "output") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
        return ""


def translate(text: str, mounts: dict[str, Path]) -> str:
    """Return *text* with every path of the container replaced by the path here."""
    if not mounts:
        return text
    names = "|".join(re.escape(path) for path in sorted(mounts, key=len, reverse=True))
    # A path is one only where it begins and ends as one: not in `x/workspace` or `/workspaces`.
    pattern = rf"(?<![\w./-])(?:{names})(?![\w.-])"
    return re.sub(pattern, lambda match: str(mounts[match[0]]), text)


def copy_source(source: Path, workspace: Path) -> int:
    """Copy the files of *source* that submit would upload into *workspace*; return how many.

    Raises InputError when the source, or a file that it includes, cannot be read.
    """
    count = 0
    source = source.resolve()
    # The folder of the workspace is not part of the source.
    temporary = Path(tempfile.gettempdir()).resolve()
    for path in uploaded(source, leave_out=temporary):
        target = workspace / path
        original = source / path
        try:
            if original.is_dir() and not original.is_symlink():
                target.mkdir()  # it comes before what is in it
                continue
            if original.is_symlink():
                target.symlink_to(_link(original, target, source))
            elif original.is_file():  # not a socket or a pipe
                shutil.copy2(original, target)
        except OSError as error:
            if error.errno in OF_THE_MACHINE:
                raise
            message = f"Cannot copy {str(original)!r} into the workspace: {error.strerror}"
            raise InputError(message, f"leave it out in {IGNORE_FILE}") from None
        count += 1
    return count


def _link(original: Path, target: Path, source: Path) -> Path:
    """Return where *target*, the copy of the link *original*, leads: never into *source*.

    Through a link into the checkout, or to a folder that it is in, a step could write there.
    """
    link = original.readlink()
    try:
        leads_to = (target.parent / link).resolve()
    except RuntimeError:  # links in a circle, up to Python 3.12
        return link
    if leads_to.is_relative_to(source):
        workspace = target.parents[len(original.relative_to(source).parts) - 1]
        return workspace / leads_to.relative_to(source)
    if source.is_relative_to(leads_to):
        message = (
            f"{str(original)!r} is a link to {str(leads_to)!r}, a folder that the source is in"
        )
        raise InputError(message, f"leave it out in {IGNORE_FILE}")
    return link
