"""Resolves and pins a function's requirements through uv, private names by the registry only.

uv asks the registry first, and for a name that it has no other index. The public index is the one
that uv is configured to use. Nothing is built: a build hook would run with the credentials at hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uv
from packaging.utils import canonicalize_name

from steps.function.index_line import is_own
from steps.host.children import Children
from steps.host.errors import InputError, Problem, Refused, RegistryError
from steps.host.files import write_whole
from steps.project.requirements_file import parse_requirements
from steps.registry.credentials import uv_trust, without_login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.project.requirements_file import Line
    from steps.registry.address import Registry
    from steps.registry.credentials import Credentials

_SECONDS = 600.0
_PLATFORM = "x86_64-manylinux_2_28"
_NAME = "SHIPWHEEL"
_FROM = "# from "
# uv's exit code is the same for a line that it cannot read and for an index that does not answer.
_PLACE = re.compile(r"` at (?:position|line) \d")
_REMOTE = "Error while accessing remote"
_HINT = "see the reason above; packages that are only there as sdists cannot be pinned"


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A requirement as it was resolved; *index* is where it comes from, empty for a path or URL."""

    name: NormalizedName
    body: str
    hashes: tuple[str, ...]
    index: str = ""

    def line(self, body: str = "") -> str:
        """Return it as a logical line, with *body* in the place of its own."""
        return " \\\n    ".join([body or self.body, *(f"--hash={it}" for it in self.hashes)])


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
        is_private: Callable[[NormalizedName], bool],
        *,
        preferred: str = "",
    ) -> dict[NormalizedName, Pinned]:
        """Return all that *lines*, with paths from *directory*, need, in the order of names.

        Pins in *preferred*, a requirements file, are kept where they still do. Raises Refused when
        there is no resolution, or a private name would come from elsewhere, InputError for a line
        that uv cannot read; else RegistryError.
        """
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            wanted, output = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
            write_whole(wanted, "".join(f"{line}\n" for line in lines))
            write_whole(output, preferred)
            self._compile(wanted, output, directory)
            found = {each.name: each for each in _read(output.read_text(encoding="utf-8"))}
        Refused.raise_all(self._strangers(found.values(), is_private))
        return found

    def _compile(self, wanted: Path, output: Path, directory: Path) -> None:
        command = [
            uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-progress", "--no-build",
            "--generate-hashes", "--no-strip-extras", "--no-header", "--no-annotate",
            "--emit-index-annotation", "--python-version", f"3.{self.runtime}",
            "--python-platform", _PLATFORM, "--index-strategy", "first-index",
            "--index", f"{_NAME.lower()}={self.registry.index_url}",
            str(wanted), "--output-file", str(output),
        ]  # fmt: skip
        try:
            with Children(timeout=_SECONDS) as children:
                children.run(command, cwd=directory, environ=self._environ())
        except subprocess.CalledProcessError as error:
            said = self.credentials.hide(error.output.strip())
            message = f"uv cannot resolve the requirements:\n{said}"
            if _PLACE.search(said) and _REMOTE not in said:
                raise InputError(message, "mend the line that uv names above") from None
            raise (Refused if error.returncode == 1 else RegistryError)(message, _HINT) from None
        except subprocess.TimeoutExpired:
            raise RegistryError(
                f"uv did not resolve the requirements within {_SECONDS:g} s", "run it again"
            ) from None

    def _environ(self) -> dict[str, str]:
        """Return the environment for uv, with the login for the registry and nothing else of it."""
        given = without_login(self.environ)
        given |= uv_trust(given)
        login = self.credentials.login()
        if login:
            given[f"UV_INDEX_{_NAME}_USERNAME"] = login.username
            given[f"UV_INDEX_{_NAME}_PASSWORD"] = login.password
        return given

    def _strangers(
        self, found: Iterable[Pinned], is_private: Callable[[NormalizedName], bool]
    ) -> Iterator[Problem]:
        for each in found:
            if each.index and is_private(each.name) and not is_own(each.index, [self.registry]):
                yield Problem(
                    f"{each.name!r} is private, and uv found it on another index only:"
                    f" {each.body!r}",
                    "publish it, or put its wheel into the source with --bundle",
                )


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
