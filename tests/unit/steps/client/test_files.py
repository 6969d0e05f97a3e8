from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from steps.client.files import difference, plan_changes, write_changes
from steps.client.model import FileEdit
from steps.host.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "password = planted\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str, *, personal: bool = True) -> None:
    write_changes(plan_changes([FileEdit(path=path, edit=lambda _: text, personal=personal)]))


@pytest.fixture(autouse=True)
def _lax() -> object:
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_new_file_with_a_secret_is_its_owners_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    real = os.open

    def watch(path: str, flags: int, permissions: int = 0o777) -> int:
        number = real(path, flags, permissions)
        opened.append(stat.S_IMODE(os.fstat(number).st_mode))
        return number

    monkeypatch.setattr(os, "open", watch)
    path = tmp_path / "new/.pypirc"

    write(path, SECRET)

    assert (mode(path), opened) == (0o600, [0o600])


def test_a_new_file_without_a_secret_is_as_the_umask_has_it(tmp_path: Path) -> None:
    write(tmp_path / "pip.conf", "[global]\n")

    assert mode(tmp_path / "pip.conf") == 0o644


def test_a_lax_file_is_tightened_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ".pypirc"
    path.write_text(f"{SECRET}old\n")
    path.chmod(0o640)

    write(path, f"{SECRET}new\n")

    assert (mode(path), path.read_text()) == (0o600, f"{SECRET}new\n")
    assert [*tmp_path.iterdir()] == [path]


def test_a_lax_file_is_tightened_when_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / ".pypirc"
    path.write_text(SECRET)
    path.chmod(0o644)

    write(path, SECRET)

    assert (mode(path), path.read_text()) == (0o600, SECRET)
    before = path.stat().st_ino
    write(path, SECRET)
    assert path.stat().st_ino == before


def test_permissions_stay_where_no_secret_is(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(SECRET)
    path.chmod(0o664)

    write(path, f"{SECRET}new\n", personal=False)

    assert mode(path) == 0o664


def test_a_file_stays_whose_it_was(tmp_path: Path) -> None:
    path = tmp_path / ".pypirc"
    path.write_text("old")
    if os.geteuid() == 0:
        os.chown(path, 12345, 12346)
    before = path.stat()

    write(path, SECRET)

    after = path.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target, link = tmp_path / "dotfiles/pypirc", tmp_path / ".pypirc"
    target.write_text("old")
    link.symlink_to("dotfiles/pypirc")

    write(link, SECRET)

    assert link.is_symlink()
    assert (target.read_text(), mode(target)) == (SECRET, 0o600)


def test_a_link_to_nothing_makes_what_it_names(tmp_path: Path) -> None:
    link = tmp_path / ".pypirc"
    link.symlink_to("dotfiles/pypirc")

    write(link, SECRET)

    assert (tmp_path / "dotfiles/pypirc").read_text() == SECRET


def test_all_files_that_cannot_be_read_are_named_and_none_is_written(tmp_path: Path) -> None:
    names = ("binary", "folder", "loop", "marked", "null")
    binary, folder, loop, marked, null = (tmp_path / it for it in names)
    loop.symlink_to("loop")
    null.symlink_to("/dev/null")
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe")
    marked.write_text("[a]\n", encoding="utf-8-sig")
    edits = [
        FileEdit(path=path, edit=lambda _: "new", personal=True)
        for path in (tmp_path / "good", loop, folder, binary, null, marked)
    ]

    with pytest.raises(InputError) as caught:
        plan_changes(edits)

    mark = "it begins with a byte order mark: save it as UTF-8 without one"
    assert [problem.message for problem in caught.value.problems] == [
        f"This file cannot be read: {str(loop)!r} (its links lead to themselves)",
        f"This file cannot be read: {str(folder)!r} (Is a directory)",
        f"This file cannot be read: {str(binary)!r} (it is not text in UTF-8)",
        f"This file cannot be read: {str(null)!r} (it is a device or a pipe)",
        f"This file cannot be read: {str(marked)!r} ({mark})",
    ]
    assert sorted(it.name for it in tmp_path.iterdir()) == [*names]


def test_a_file_that_cannot_be_written_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "file/bad"
    good.write_text("old")
    changes = plan_changes(
        FileEdit(path=path, edit=lambda _: "new", personal=True) for path in (good, bad)
    )
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(InputError, match=f"^'{bad}' cannot be written: "):
        write_changes(changes)

    assert good.read_text() == "old"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["file", "good"]


def test_a_difference_has_no_secret_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / ".pypirc"
    path.write_text("[a]\npassword = planted-old\n[b]\npassword: planted-other\n")
    after = (
        "[a]\npassword = planted-new\nurl = https://me:planted-url@host/\n"
        "[b]\npassword: planted-other\nmachine h login a password planted-last"
    )

    text = difference(plan_changes([FileEdit(path=path, edit=lambda _: after, personal=True)]))

    assert text == (
        f"--- {path}\n+++ {path}\n"
        "@@ -2 +2,2 @@\n-password = [hidden]\n+password = [hidden]\n"
        "+url = https://me:[hidden]@host/\n"
        "@@ -4,0 +6 @@\n+machine h login a password [hidden]\n\\ No newline at end of file\n"
    )
