"""What twine reads of a distribution, once, before anything is sent."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import rich

from steps.distribution.files import Distribution, file_sha256
from steps.host.errors import InputError
from steps.project.source import read_project
from steps.registry.address import Registry
from steps.registry.credentials import Credentials
from steps.registry.transport import Transport
from steps.release.collect import collect
from steps.release.twine_upload import TwinePackages, TwineUpload
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twine.package import PackageFile

CHANGED = "was changed after it was judged: its sha256 was {before}, and now is {now}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_project(tmp_path, "berths")


class Counted(TwinePackages):
    """Remembers what it hashed."""

    def __init__(self) -> None:
        super().__init__()
        self.hashed: list[str] = []

    def sha256(self, path: Path) -> str:
        self.hashed.append(path.name)
        return super().sha256(path)


def test_a_file_is_hashed_once_for_its_reader_and_for_twine(directory: Path) -> None:
    packages = Counted()
    make_distributions(directory)

    files = collect(read_project(directory), packages.sha256)

    sent = [packages.get(file).sha2_digest for file in files]
    assert [file.sha256 for file in files] == sent == [file_sha256(file.path) for file in files]
    assert packages.hashed == ["berths-1.0-py3-none-any.whl", "berths-1.0.tar.gz"]


@pytest.mark.parametrize(
    ("version", "why"),
    [("1.9", "'1.9' is not a valid metadata version"), ("newest", "Invalid version: 'newest'")],
)
def test_all_files_that_twine_does_not_take_are_reported_before_one_is_sent(
    directory: Path, version: str, why: str
) -> None:
    make_distributions(directory, metadata_version=version)

    with pytest.raises(InputError) as caught:
        collect(read_project(directory), TwinePackages().sha256)

    messages = [problem.message for problem in caught.value.problems]
    assert [message.partition(" cannot be uploaded: ")[0] for message in messages] == [
        "'berths-1.0-py3-none-any.whl'",
        "'berths-1.0.tar.gz'",
    ]
    assert all(why in message for message in messages)


def rewrite(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("more.py", "")


def replace_by_another_as_large(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes().replace(b"Generator: tiny", b"Generator: huge"))
    other.replace(file)


def replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def damage(file: Path) -> None:
    file.write_text("no archive")


@pytest.mark.parametrize("hashed", ["by twine", "by the build"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (rewrite, CHANGED),
        (replace_by_another_as_large, CHANGED),
        (damage, "cannot be read as a wheel: File is not a zip file"),
        (os.unlink, "is not a file any more"),
        (replace_by_folder, "is not a file any more"),
    ],
)
def test_a_file_that_changed_after_it_was_judged_is_not_sent(
    directory: Path, hashed: str, change: Callable[[Path], object], why: str
) -> None:
    wheel, _sdist = make_distributions(directory)
    packages = TwinePackages()
    if hashed == "by twine":
        packages.sha256(wheel.path)
    change(wheel.path)

    with pytest.raises(InputError) as caught:
        packages.get(wheel)

    now = file_sha256(wheel.path) if wheel.path.is_file() else ""
    assert [problem.message for problem in caught.value.problems] == [
        f"'berths-1.0-py3-none-any.whl' {why.format(before=wheel.sha256, now=now)}"
    ]


class Vanishing(TwinePackages):
    """Has the file removed as soon as it was looked at for the last time."""

    def get(self, file: Distribution) -> PackageFile:
        package = super().get(file)
        file.path.unlink()
        return package


def test_a_file_that_goes_away_as_it_is_to_be_sent_is_reported_by_shipwheel_alone(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel, _sdist = make_distributions(directory)
    registry = Registry(upload_url="http://127.0.0.1:9/demo/pypi/")
    transport = Transport(registry, Credentials(lambda: None))

    with pytest.raises(InputError) as caught:
        TwineUpload(wheel, Vanishing(), transport).post()

    assert str(caught.value) == (
        "'berths-1.0-py3-none-any.whl' cannot be read any more: No such file or directory\n"
        "  hint: build it again"
    )
    rich.print("others still print")
    assert tuple(capfd.readouterr()) == ("others still print\n", "")


SLOW_CONSOLE = """\
import sys, threading, time
from pathlib import Path
import rich.console
from steps.registry.address import Registry
from steps.registry.credentials import Credentials
from steps.registry.transport import Transport
from steps.release.twine_upload import TwinePackages, TwineUpload
from steps.project.source import read_project
from steps.release.collect import collect
from tests.unit.steps.release.test_attempt import Vanishing

make = rich.console.Console.__init__
def make_slowly(self, *args, **kwargs):
    time.sleep(0.5)
    make(self, *args, **kwargs)
rich.console.Console.__init__ = make_slowly

class Slow(Vanishing):
    def get(self, file):
        time.sleep(1)  # until each has its console
        return super().get(file)

def send(file):
    transport = Transport(Registry(upload_url="http://127.0.0.1:9/d/p/"), Credentials(lambda: None))
    packages = Slow()
    packages.sha256(file.path)
    try:
        TwineUpload(file, packages, transport).post()
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}\\n")

files = collect(read_project(Path(sys.argv[1])), TwinePackages().sha256)
threads = [threading.Thread(target=send, args=(it,)) for it in files]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_what_twine_prints_is_captured_in_every_thread(directory: Path) -> None:
    make_distributions(directory)

    command = [sys.executable, "-c", SLOW_CONSOLE, str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.stdout, ended.stderr) == ("", "InputError\nInputError\n")
