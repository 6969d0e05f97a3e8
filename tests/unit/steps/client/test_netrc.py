from __future__ import annotations

import netrc
from typing import TYPE_CHECKING

import pytest

from steps.client.files import netrc_edit
from steps.client.model import Machine
from steps.host.errors import InputError
from steps.registry.address import parse_registry
from steps.registry.credentials import Login

if TYPE_CHECKING:
    from pathlib import Path

HOST = "us-east4-python.pkg.dev"
ENTRY = f"machine {HOST} login oauth2accesstoken password ya29.new"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{ENTRY}\n"),
        ("machine a login b password c\n", f"machine a login b password c\n{ENTRY}\n"),
        ("machine a login b password c", f"machine a login b password c\n{ENTRY}"),
        (
            f'# machine {HOST}\nmachine {HOST}\n  login x\n  password "y z"\nmachine a login b\n',
            f"# machine {HOST}\n{ENTRY}\nmachine a login b\n",
        ),
        (
            f"machine {HOST} password y login x machine a login b password c\r\n",
            f"{ENTRY} machine a login b password c\r\n",
        ),
        ("default login a password b\n", f"{ENTRY}\ndefault login a password b\n"),
        (f"machine not.{HOST} login a password b\r\n", None),
    ],
)
def test_one_entry_is_written_and_everything_else_stays(
    tmp_path: Path, before: str, after: str | None
) -> None:
    path = tmp_path / "netrc"
    path.write_text(before, newline="")
    path.chmod(0o600)
    edit = netrc_edit(
        parse_registry("us-east4/demo/pypi", {}),
        Login("oauth2accesstoken", "ya29.new", "a test"),
        Machine(environ={"NETRC": str(path)}, home=tmp_path, directory=tmp_path, platform="linux"),
    )

    changed = edit.edit(before)

    assert changed == (after if after is not None else f"{before}{ENTRY}\r\n")
    path.write_text(changed, newline="")
    assert edit.edit(changed) == changed
    found = netrc.netrc(str(path)).authenticators(HOST)
    assert found is not None
    assert (found[0], found[2]) == ("oauth2accesstoken", "ya29.new")


def test_a_broken_file_is_named_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    path.write_text("machine a login b password c\nsecret\n")
    machine = Machine(environ={}, home=tmp_path, directory=tmp_path, platform="linux")
    edit = netrc_edit(parse_registry("us-east4/demo/pypi", {}), Login("u", "p", ""), machine)

    with pytest.raises(InputError) as caught:
        edit.edit(path.read_text())

    assert str(caught.value) == (
        f"This file cannot be read: {str(path)!r}: it is not a netrc file\n"
        "  hint: fix it, and run this again; nothing was written"
    )


@pytest.mark.parametrize("password", ["a b", "a\tb", 'a"b', "a\\b", "#ab", "'ab", "a\nb"])
@pytest.mark.parametrize("named", [True, False])
def test_a_login_that_the_file_cannot_hold_is_refused_and_not_repeated(
    tmp_path: Path, password: str, named: bool
) -> None:
    names = (password, "secret") if named else ("secret", password)
    machine = Machine(environ={}, home=tmp_path, directory=tmp_path, platform="linux")

    with pytest.raises(InputError) as caught:
        netrc_edit(parse_registry("us-east4/demo/pypi", {}), Login(*names, "a test"), machine)

    assert str(caught.value) == (
        "A netrc file cannot hold this login, of a test: it has a space, a quote, a backslash, or"
        " a # first\n  hint: leave out --netrc, and take --shell"
    )


@pytest.mark.parametrize("password", ["a'b", "a#b", "ya29.a0_-~", "a+/b==", "ü€"])
def test_what_the_file_can_hold_is_read_as_it_was(tmp_path: Path, password: str) -> None:
    machine = Machine(environ={}, home=tmp_path, directory=tmp_path, platform="linux")
    edit = netrc_edit(
        parse_registry("us-east4/demo/pypi", {}), Login("me", password, "a test"), machine
    )

    (tmp_path / ".netrc").write_text(edit.edit(""), encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)

    assert netrc.netrc(str(tmp_path / ".netrc")).authenticators(HOST) == ("me", "", password)
