"""Whatever is read from elsewhere, however it is broken, ends in an expected error or in none.

Each input has a seed, so that what fails once fails again: it is in the name of the test. A new
kind of input is a row of `INPUTS`: what makes a sound one, and what reads it.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import tempfile
import zipfile
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steps.backend.hooks import normalise_sdist
from steps.distribution.archive import open_sdist
from steps.distribution.contents import compare
from steps.distribution.files import check_built, read_whole
from steps.host.errors import ShipwheelError
from steps.project.manifest import MANIFEST
from tests.tiny import make_distributions, make_project
from tests.unit.fuzzing import Input, damaged, failures, some_seeds
from triggers.cloudbuild.conditions import read_conditions
from triggers.cloudbuild.files import read_build_config, read_mappings
from triggers.cloudbuild.substitutions import (
    StartedBy,
    broken_after_substitution,
    resolve,
    substitute_build,
)
from triggers.live.plan import normal_form
from triggers.rendering.repository import open_repository
from triggers.rules.linter import lint

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from steps.distribution.files import Distribution


@cache
def sound(folder: Path) -> tuple[Distribution, ...]:
    """Return the wheel and the sdist of a tiny project."""
    return make_distributions(make_project(folder, "tides"))


def broken_wheel(dice: random.Random, folder: Path) -> bytes:
    content = sound(folder)[0].path.read_bytes()
    if dice.random() < 0.5:
        return damaged(dice, content)
    # A field of a header: offsets, sizes, lengths, methods and flags lead a reader astray.
    data = bytearray(content)
    starts = [i for i in range(len(data)) if data[i : i + 2] == b"PK" and data[i + 2] < 8]
    for _ in range(dice.randint(1, 3)):
        at = dice.choice(starts) + dice.randrange(4, 46, 2)
        value = dice.choice([0, 1, 8, 12, 14, 99, 0x7FFF, 0xFFFF, dice.randrange(65536)])
        data[at : at + 2] = struct.pack("<H", value)
    return bytes(data)


def broken_wheel_metadata(dice: random.Random, folder: Path) -> bytes:
    """Write a wheel that is a sound zip, with broken texts in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(sound(folder)[0].path) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if dice.random() < 0.6:
                content += dice.choice(HEADERS)
                content = damaged(dice, content) if dice.random() < 0.5 else content
            new.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


HEADERS = [
    b"Summary: caf\xe9\n",
    b"\ncaf\xe9\n",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n",
    b"Content-Transfer-Encoding: base64\n\n***\n",
    b"Content-Type: text/plain; charset=none\n\n\xff\n",
    b"Summary: =?utf-8?b?***?= \xff\n",
    b"Version: " + b"1" * 5000 + b"\n",
    b"Requires-Python: >=" + b"9" * 5000 + b"\n",
    b"Requires-Dist: a " + b"(" * 3000 + b"\n",
    b"Project-URL: a\nProject-URL: a\n",
    b"\x00\n",
]


def broken_sdist(dice: random.Random, folder: Path) -> bytes:
    content = gzip.decompress(sound(folder)[1].path.read_bytes())
    if dice.random() < 0.3:
        return damaged(dice, gzip.compress(content, 1))
    return gzip.compress(damaged(dice, content), 1)


def odd_sdist(dice: random.Random, _folder: Path) -> bytes:
    """Write an sdist with odd headers, whose checksums are right."""
    buffer = io.BytesIO()
    for kind in dice.choices(b"0123456789gxXLKDSVN\0", k=dice.randint(1, 5)):
        buffer.write(header(dice, bytes([kind])))
        if dice.random() < 0.7:
            buffer.write(dice.choice(RECORDS).ljust(512, b"\0")[:512])
    return gzip.compress(buffer.getvalue() + bytes(dice.choice([0, 512, 1024])), 1)


NUMBERS = [
    b"0",
    b"17",
    b"777",
    b"-1",
    b"9" * 11,
    b"\x80" + b"\xff" * 11,
    b"\xff" * 12,
    b"\x80" + bytes(10) + b"\x05",
    b"0x10",
    b" ",
]
RECORDS = [
    b"16 size=1000000\n",
    b"20 path=tides-1.0/x\n",
    b"99999999999999999999 size=1\n",
    b"11 size=-1\n",
    b"13 mtime=inf\n",
    b"13 mtime=nan\n",
    b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n",
    b"25 GNU.sparse.map=x,y,z\n25 GNU.sparse.size=-99\n",
    b"27 GNU.sparse.realsize=-5\n",
    b"tides-1.0/" + b"x" * 400,
    b"../../x\0",
    b"0 \n",
    b"30 hdrcharset=BINARY\n19 path=\xff\xfe\xfd\n",
]


def header(dice: random.Random, kind: bytes) -> bytes:
    """Return the header of a tar member as an attacker may write it."""
    name = dice.choice([b"tides-1.0/x", b"tides-1.0/PKG-INFO", b"tides-1.0", b"x", b"", b"/x"])
    fields = [dice.choice(NUMBERS).ljust(size, b"\0")[:size] for size in (8, 8, 8, 12, 12)]
    link = dice.choice([b"", b"x", b"tides-1.0/x", b"../..", b"/etc/passwd"])
    magic = dice.choice([b"ustar\x0000", b"ustar  \0", bytes(8)])
    tail = dice.choice([bytes(247), dice.randbytes(247), b"\xff" * 247, b"\x80" * 247])
    data = name.ljust(100, b"\0") + b"".join(fields) + b" " * 8 + kind + link.ljust(100, b"\0")
    data = (data + magic + tail)[:512].ljust(512, b"\0")
    return data[:148] + b"%06o\0 " % sum(data) + data[156:]


def read_wheel(folder: Path, content: bytes) -> None:
    read_archive(folder, content, sound(folder)[0])


def read_sdist(folder: Path, content: bytes) -> None:
    read_archive(folder, content, sound(folder)[1])
    path = folder / "broken" / sound(folder)[1].filename
    with tempfile.TemporaryDirectory() as top, suppress(ShipwheelError):
        with open_sdist(path) as archive:
            archive.unpack(Path(top))
        normalise_sdist(path, 0)


def read_archive(folder: Path, content: bytes, ours: Distribution) -> None:
    """Read it in all the ways in which a file of our own and a published one is read."""
    path = folder / "broken" / ours.filename
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    for read in (read_whole, check_built, partial(compare, ours)):
        with suppress(ShipwheelError):
            read(path)


SOUND_YAML = {
    "manifest": """
project: demo
region: europe-west1
registry: europe-west1/demo/pypi
image: europe-west1-docker.pkg.dev/demo/docker/shipwheel:1
source: {github: {owner: acme, name: mono}}
substitutions: {_A: x}
tags: [a]
publish: {branch: main, approval: true}
overrides: {packages/a: {deploy: {timeout: 60s}}}
""",
    "build config": """
steps:
- {name: bash, args: [a, $_A], env: [A=b], waitFor: ['-'], allowExitCodes: [1], timeout: 60s}
- {name: bash, script: echo, volumes: [{name: vol, path: /v}], secretEnv: [S]}
substitutions: {_A: '${_B:-x}', _B: '${_C//a*/b}'}
options: {diskSizeGb: 100, logging: NONE, pool: {name: p}, env: [A=$_A]}
availableSecrets: {secretManager: [{versionName: v, env: S}], inline: [{envMap: {A: x}}]}
artifacts: {objects: {location: gs://b, paths: [a]}, pythonPackages: [{repository: r, paths: [a]}]}
images: [a]
""",
    "trigger": """
name: a
github: {owner: acme, name: mono, push: {branch: ^main$}}
filename: cloudbuild.yaml
includedFiles: ['a/**', b]
substitutions: {_A: x}
approvalConfig: {approvalRequired: true}
build: {steps: [{name: bash}], secrets: [{kmsKeyName: k, secretEnv: {A: eA==}}]}
""",
}
ODD_YAML = [
    "2024-02-30", "2024-13-45T99:99:99", "9" * 5000, "0x" + "f" * 5000, "1:" * 400 + "1", "1e999",
    ".inf", ".nan", "!!int ''", "!!float x", "!!timestamp x", "!!bool x", "!!binary '*'",
    "!!binary aGk=", "!!null x", "!!python/object:os.system {}", "!!python/name:os.system ''",
    "!!set {a}", "!!omap [a: 1]", "!!pairs [a]", "!x y", "[" * 900 + "]" * 900,
    "{a: " * 900 + "}" * 900, "&a [*a]", "&a {<<: *a}", "{<<: [1]}", "{[]: a}", "{? {} : a}",
    "*none", "''", "~", "y", "-1", "[]", "{}", "'\\0'", '"\\ud800"', '"\\0"', "$_A" * 999,
    "'${_A:" + "9" * 5000 + "}'", "'" + "${_A:-" * 400 + "}" * 400 + "'", "'${_A//*x*y/z}'",
    "[" + ", ".join(["&b [x, x]", *["*b"] * 200]) + "]",
]  # fmt: skip


def broken_yaml(kind: str, dice: random.Random, _folder: Path) -> bytes:
    """Put odd values, or odd keys, in the place of some words of a sound file."""
    text = SOUND_YAML[kind]
    if dice.random() < 0.2:
        return damaged(dice, text.encode())
    for _ in range(dice.randint(1, 4)):
        words = [*re.finditer(r"(?<![\w$'{])[\w$./^-]+(?=:? |[,}\]\n])", text)]
        word = dice.choice(words)
        text = text[: word.start()] + dice.choice(ODD_YAML) + text[word.end() :]
    return text.encode()


def read_yaml_file(kind: str, folder: Path, content: bytes) -> None:
    """Read it as every command reads it that is given such a file."""
    name = {"manifest": MANIFEST, "build config": "cloudbuild.yaml"}.get(kind, "triggers.yaml")
    path = folder / kind / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    readers: dict[str, list[Callable[[], object]]] = {
        "manifest": [partial(open_repository, path)],
        "build config": [partial(read_build, content, way) for way in StartedBy],
        "trigger": [partial(read_triggers, path)],
    }
    linted: Callable[[], object] = partial(lint, path.parent / MANIFEST, [path], frozenset(), str)
    for read in [*readers[kind], linted]:
        with suppress(ShipwheelError):
            read()


def read_triggers(path: Path) -> None:
    for message in read_mappings(path, "file of triggers", ""):
        read_conditions(message)
        normal_form(message)


def read_build(content: bytes, started_by: StartedBy) -> None:
    submitted = started_by is StartedBy.SUBMIT
    build = read_build_config(content.decode("utf-8", "replace"), "f", submitted=submitted).build
    values = resolve(build, {}, {}, started_by).values
    for _finding in broken_after_substitution(substitute_build(build, values)):
        pass


INPUTS = {
    **{
        kind: Input(partial(broken_yaml, kind), partial(read_yaml_file, kind))
        for kind in SOUND_YAML
    },
    "wheel": Input(broken_wheel, read_wheel),
    "texts in a wheel": Input(broken_wheel_metadata, read_wheel),
    "sdist": Input(broken_sdist, read_sdist),
    "headers in an sdist": Input(odd_sdist, read_sdist),
}


@some_seeds
@pytest.mark.parametrize("kind", INPUTS)
def test_a_broken_input_is_an_error_that_is_expected(
    kind: str, seeds: range, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert failures(kind, INPUTS[kind], tmp_path_factory.mktemp("fuzz"), seeds) == {}
