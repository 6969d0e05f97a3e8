"""Get what a function requires: pins through uv, wheels through pip, and builds of local packages.

uv asks the registry first, and for a name that it has no other index. The public index is the one
that uv is configured to use. Nothing is built: a build hook would run with the credentials at hand.

pip downloads, in two runs: private wheels from the registry, all others as pip is configured. Every
file must have a hash of the resolution.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import uv
from packaging.utils import canonicalize_name

from steps.backend.building import build
from steps.backend.context import BuildOptions, open_build_context
from steps.function.rewriting import is_own
from steps.host.children import Children
from steps.host.errors import InputError, Problem, Refused, RegistryError
from steps.host.files import write_whole
from steps.project.dependencies import needed_requirements
from steps.project.requirements_file import parse_requirements
from steps.registry.credentials import uv_trust, without_login

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.project.requirements_file import Line
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.credentials import Credentials

BUILD_VARIABLE = "GOOGLE_VENDOR_PIP_DEPENDENCIES"
_SECONDS = 600.0
_PLATFORM = "x86_64-manylinux_2_28"
_NAME = "SHIPWHEEL"
_FROM = "# from "
# uv's exit code is the same for a line that it cannot read and for an index that does not answer.
_PLACE = re.compile(r"` at (?:position|line) \d")
_REMOTE = "Error while accessing remote"
_GLIBC = range(28, 4, -1)  # what the builders have, down to the oldest that wheels are made for
_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
    "linux_x86_64",
)


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A requirement as it was resolved; *index* is where it comes from, empty for a path or URL."""

    name: NormalizedName
    body: str
    hashes: tuple[str, ...]
    index: str = ""

    @property
    def line(self) -> str:
        """It as a logical line, with its hashes."""
        return " \\\n    ".join([self.body, *(f"--hash={it}" for it in self.hashes)])


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Resolves for Python 3.*runtime* on the platform of functions, against *registry*."""

    registry: Registry
    credentials: Credentials
    environ: Mapping[str, str]
    runtime: int

    def resolve(
        self,
        lines: Sequence[str],
        directory: Path,
        private: frozenset[NormalizedName],
        *,
        preferred: str = "",
    ) -> dict[NormalizedName, Pinned]:
        """Return all that *lines*, with paths from *directory*, need, in the order of names.

        Pins in *preferred*, a requirements file, are kept where they still do. Raises Refused when
        there is no resolution, or a *private* name would come from elsewhere, InputError for a line
        that uv cannot read; else RegistryError.
        """
        found = self._resolve(lines, directory, preferred, private)
        Refused.raise_all(
            Problem(
                f"{it.name!r} is private, and uv found it on another index only: {it.body!r}",
                "publish it, or put its wheel into the source with --bundle",
            )
            for it in found.values()
            if it.index and it.name in private and not is_own(it.index, [self.registry])
        )
        return found

    def _resolve(
        self,
        lines: Sequence[str],
        directory: Path,
        preferred: str,
        exempt: frozenset[NormalizedName],
    ) -> dict[NormalizedName, Pinned]:
        """Resolve with uv's cooldown for all but the *exempt* names and others of the registry.

        `exclude-newer` hides all files of an index that gives no upload times. Which names are in
        the registry is only known once something requires them: a run without it tells.
        """
        try:
            return self._compile(lines, directory, preferred, exempt)
        except Refused:
            unlimited = self._compile(lines, directory, preferred, None).values()
            own = frozenset(it.name for it in unlimited if is_own(it.index, [self.registry]))
            if own <= exempt:
                raise
        return self._resolve(lines, directory, preferred, exempt | own)

    def _compile(
        self,
        lines: Sequence[str],
        directory: Path,
        preferred: str,
        exempt: frozenset[NormalizedName] | None,
    ) -> dict[NormalizedName, Pinned]:
        """Run uv, with its cooldown for all names but *exempt*; None means all names."""
        names = sorted(exempt or ())
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            wanted, output = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
            write_whole(wanted, "".join(f"{line}\n" for line in lines))
            write_whole(output, preferred)
            command = [
                uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-progress", "--no-build",
                "--generate-hashes", "--no-strip-extras", "--no-header", "--no-annotate",
                "--emit-index-annotation", "--python-version", f"3.{self.runtime}",
                "--python-platform", _PLATFORM, "--index-strategy", "first-index",
                "--index", f"{_NAME.lower()}={self.registry.index_url}",
                *(["--exclude-newer", "false"] if exempt is None else []),
                *(word for name in names for word in ("--exclude-newer-package", f"{name}=false")),
                str(wanted), "--output-file", str(output),
            ]  # fmt: skip
            try:
                _run(command, directory, self._environ(), "uv did not resolve the requirements")
            except subprocess.CalledProcessError as error:
                raise self._unresolved(error) from None
            return {each.name: each for each in _read(output.read_text(encoding="utf-8"))}

    def _unresolved(
        self, error: subprocess.CalledProcessError
    ) -> InputError | Refused | RegistryError:
        said = self.credentials.hide(error.output.strip())
        message = f"uv cannot resolve the requirements:\n{said}"
        if _PLACE.search(said) and _REMOTE not in said:
            return InputError(message, "fix the line that uv names above")
        hint = "see the reason above; packages that are only there as sdists cannot be pinned"
        return (Refused if error.returncode == 1 else RegistryError)(message, hint)

    def _environ(self) -> dict[str, str]:
        """Return the environment for uv, with the login for the registry and nothing else of it."""
        given = without_login(self.environ)
        given |= uv_trust(given)
        login = self.credentials.login()
        if login:
            given[f"UV_INDEX_{_NAME}_USERNAME"] = login.username
            given[f"UV_INDEX_{_NAME}_PASSWORD"] = login.password
        return given

    def download(self, pinned: Iterable[Pinned], folder: Path) -> None:
        """Download the wheels of all *pinned* that come from an index or an URL into *folder*.

        Raises RegistryError with what pip says.
        """
        remote = [it for it in pinned if it.index or "://" in it.body.replace("file://", "")]
        private = [it for it in remote if is_own(it.index, [self.registry])]
        public = [it for it in remote if it not in private]
        given = without_login(self.environ)
        for group, environ in ((private, {**given, **self._pip_index()}), (public, given)):
            if group:
                self._download(group, folder, environ)

    def _pip_index(self) -> dict[str, str]:
        """Return the variables for the registry as pip's index, with the login, and no cooldown.

        pip refuses an index without upload times; the hashes are those of the resolution.
        """
        scheme, _, rest = self.registry.index_url.partition("://")
        login = self.credentials.login()
        quoted = [quote(it, safe="") for it in (login.username, login.password)] if login else []
        user = f"{':'.join(quoted)}@" if quoted else ""
        return {"PIP_INDEX_URL": f"{scheme}://{user}{rest}", "PIP_UPLOADED_PRIOR_TO": ""}

    def _download(self, group: Sequence[Pinned], folder: Path, environ: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as place:
            wanted = Path(place, "requirements.txt")
            write_whole(wanted, "".join(f"{it.line}\n" for it in group))
            command = [
                sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input",
                "--quiet", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:",
                "--implementation", "cp", "--python-version", f"3.{self.runtime}",
                *(word for platform in _PLATFORMS for word in ("--platform", platform)),
                "--dest", str(folder), "--requirement", str(wanted),
            ]  # fmt: skip
            try:
                _run(command, Path(place), environ, "pip did not download the requirements")
            except subprocess.CalledProcessError as error:
                said = self.credentials.hide(error.output.strip())
                raise RegistryError(
                    f"pip cannot download the requirements:\n{said}",
                    "what has no wheel for the function's platform cannot be vendored",
                ) from None


def _run(
    command: Sequence[str], directory: Path, environ: Mapping[str, str], too_slow: str
) -> None:
    """Run *command*; raise CalledProcessError, or RegistryError when it takes too long."""
    try:
        with Children(timeout=_SECONDS) as children:
            children.run(command, cwd=directory, environ=environ)
    except subprocess.TimeoutExpired:
        raise RegistryError(f"{too_slow} within {_SECONDS:g} s", "run it again") from None


def _read(text: str) -> Iterator[Pinned]:
    """Yield what uv wrote: a requirement with its hashes, and below it the index in a comment."""
    pending: Line | None = None
    for line in parse_requirements(text).lines:
        comment = line.text.strip()
        if pending is not None:
            index = comment.removeprefix(_FROM) if comment.startswith(_FROM) else ""
            yield _pinned(pending, index)
        pending = line if line.body else None
    if pending is not None:
        yield _pinned(pending, "")


def _pinned(line: Line, index: str) -> Pinned:
    name = line.name or canonicalize_name(os.path.basename(line.path or line.body).split("-")[0])  # noqa: PTH119 - of an URL, too
    return Pinned(name=name, body=line.body, hashes=line.hashes, index=index)


def bundle(
    wanted: Iterable[Requirement],
    local: Mapping[NormalizedName, Project],
    folder: Path,
    *,
    environ: Mapping[str, str],
    markers: Mapping[str, str],
) -> dict[NormalizedName, Distribution]:
    """Build the wheels of the *local* packages that *wanted* names, and of those that they need.

    They go into *folder*. Raises what steps.backend.building raises.
    """
    built: dict[NormalizedName, Distribution] = {}
    waiting = [it for it in wanted if canonicalize_name(it.name) in local]
    seen: set[tuple[str, frozenset[str]]] = set()
    with open_build_context(BuildOptions(kinds="wheel"), environ) as context:
        while waiting:
            requirement = waiting.pop(0)
            name = canonicalize_name(requirement.name)
            if (name, frozenset(requirement.extras)) in seen:
                continue
            seen.add((name, frozenset(requirement.extras)))
            if name not in built:
                (built[name],) = build(local[name], context, output=folder)
            waiting += [
                each
                for each in needed_requirements(built[name].requires, requirement.extras, markers)
                if canonicalize_name(each.name) in local
            ]
    return built
