"""Which certificates are used, and which cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from steps.host.errors import InputError
from steps.registry.credentials import Certificates, find_certificates, uv_trust

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Write an authority, a client and a `.pypirc`; return the paths of the first two."""
    monkeypatch.setenv("HOME", str(tmp_path))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    client = authority.issue_cert("client@example.com")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    (tmp_path / ".pypirc").write_text(
        "[distutils]\nindex-servers = demo open\n"
        "[demo]\nrepository: https://example.com/\n"
        "ca_cert: ~/authority.pem\nclient_cert: ~/client.pem\n"
        "[open]\nrepository: https://example.com/\n"
    )
    return {name: str(tmp_path / f"{name}.pem") for name in ("authority", "client")}


def test_nothing_is_named_by_default(pem: dict[str, str]) -> None:
    assert pem
    assert find_certificates({}) == find_certificates({}, "open") == Certificates()


def test_the_section_names_them_and_the_environment_comes_first(pem: dict[str, str]) -> None:
    assert find_certificates({}, "demo") == Certificates(pem["authority"], pem["client"])
    environ = {"TWINE_CERT": pem["client"]}
    assert find_certificates(environ, "demo") == Certificates(pem["client"], pem["client"])


def test_authorities_may_be_a_folder(tmp_path: Path) -> None:
    assert find_certificates({"TWINE_CERT": str(tmp_path)}) == Certificates(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "it does not hold what it should"),
        (b"no certificate", "it does not hold what it should"),
    ],
)
def test_files_that_cannot_be_used_are_reported_together(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)
    environ = {"TWINE_CERT": str(path), "TWINE_CLIENT_CERT": str(path)}

    with pytest.raises(InputError) as caught:
        find_certificates(environ)

    authorities, client = map(str, caught.value.problems)
    assert authorities == (
        f"The registry's CA bundle cannot be read from {str(path)!r}: {why}\n"
        "  hint: name a PEM file in TWINE_CERT, or as ca_cert in .pypirc"
    )
    assert client == (
        f"The client certificate cannot be read from {str(path)!r}: {why}\n"
        "  hint: name a PEM file that holds it and its key, which has no password, in"
        " TWINE_CLIENT_CERT, or as client_cert in .pypirc"
    )


def test_a_key_with_a_password_is_refused_and_no_one_is_asked_for_it(
    pem: dict[str, str], tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only here

    text = (tmp_path / "client.pem").read_bytes()
    key = serialization.load_pem_private_key(text, None)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"planted"),
    )
    certificate = text[text.index(b"-----BEGIN CERTIFICATE") :]
    (tmp_path / "client.pem").write_bytes(secret + certificate)

    with pytest.raises(InputError, match="which has no password"):
        find_certificates({"TWINE_CLIENT_CERT": pem["client"]})


def test_uv_trusts_whom_the_machine_trusts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle, folder = tmp_path / "ca.pem", tmp_path / "certs"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert uv_trust({}) == {}
    folder.mkdir()
    assert uv_trust({}) == {}
    (folder / "a.pem").touch()
    assert uv_trust({}) == {"UV_SYSTEM_CERTS": "1"}
    (folder / "a.pem").unlink()
    bundle.touch()
    assert uv_trust({}) == {"UV_SYSTEM_CERTS": "1"}
    assert uv_trust({"UV_SYSTEM_CERTS": "false"}) == uv_trust({"UV_NATIVE_TLS": "0"}) == {}
