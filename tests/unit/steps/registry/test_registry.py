"""Which addresses are a registry, and where their requests go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.host.errors import InputError
from steps.registry.address import Registry, parse_registry, shown

AR = Registry(
    upload_url="https://us-east4-python.pkg.dev/demo/pypi/",
    location="us-east4",
    project="demo",
    repository="pypi",
)


HOST = "us-east4-python.pkg.dev"
ONLY_HTTPS = "Artifact Registry is only reached by https"
NO_REPOSITORY = "The registry address names no PROJECT/REPO"
MORE = "The registry address has a query or a fragment"


@pytest.mark.parametrize(
    "text",
    [
        "https://us-east4-python.pkg.dev/demo/pypi/",
        "https://us-east4-python.pkg.dev/demo/pypi",
        "https://us-east4-python.pkg.dev/demo/pypi/simple",
        "https://us-east4-python.pkg.dev/demo/pypi/simple/",
        "https://US-EAST4-python.pkg.dev:443/demo/pypi/",
        "us-east4/demo/pypi",
        " us-east4/demo/pypi\n",
        "us-east4-python.pkg.dev/demo/pypi",
        "projects/demo/locations/us-east4/repositories/pypi",
    ],
)
def test_every_form_of_an_artifact_registry_address_is_the_same_registry(text: str) -> None:
    assert parse_registry(text, {}) == AR


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("us/example.com:demo/pypi", "example.com/demo"),
        ("us/example.com/demo/pypi", "example.com/demo"),
        ("https://us-python.pkg.dev/example.com/demo/pypi/simple/", "example.com/demo"),
        ("https://us-python.pkg.dev/example.com:demo/pypi", "example.com:demo"),
    ],
)
def test_a_domain_scoped_project_keeps_its_domain_and_how_its_url_spells_it(
    text: str, path: str
) -> None:
    registry = parse_registry(text, {})

    assert registry.project == "example.com:demo"
    assert registry.upload_url == f"https://us-python.pkg.dev/{path}/pypi/"
    assert parse_registry(registry.respelt, {}).respelt == registry.upload_url


def test_the_environment_names_the_registry_when_the_option_does_not() -> None:
    assert parse_registry(None, {"SHIPWHEEL_REGISTRY": "us-east4/demo/pypi"}) == AR


def test_the_emulator_receives_what_was_meant_for_artifact_registry() -> None:
    registry = parse_registry(
        "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
    )

    assert registry == replace(AR, upload_url="http://127.0.0.1:8080/demo/pypi/", emulated=True)
    assert registry.index_url == "http://127.0.0.1:8080/demo/pypi/simple/"
    assert (str(registry), registry.is_artifact_registry) == (registry.upload_url, True)


@pytest.mark.parametrize(
    ("text", "upload_url"),
    [
        ("https://Example.com/simple/", "https://example.com/"),
        ("https://example.com/a/b/c", "https://example.com/a/b/c/"),
        (f"https://{HOST}.example.com/demo/pypi/", f"https://{HOST}.example.com/demo/pypi/"),
        ("http://127.0.0.1:9/demo/pypi", "http://127.0.0.1:9/demo/pypi/"),
        ("http://[::1]:9/", "http://[::1]:9/"),
        ("http://localhost:9/", "http://localhost:9/"),
    ],
)
def test_another_index_of_the_same_layout_works(text: str, upload_url: str) -> None:
    registry = parse_registry(text, {})

    assert registry == Registry(upload_url=upload_url)
    assert not registry.is_artifact_registry


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No registry was named"),
        ("pypi", "The registry address is not an http(s) URL: 'pypi'"),
        (
            "us-east4/demo/pypi/more",
            "The registry address is not an http(s) URL: 'us-east4/demo/pypi/more'",
        ),
        ("demo/pypi", "The registry address is not an http(s) URL: 'demo/pypi'"),
        ("ftp://example.com/", "The registry address is not an http(s) URL: 'ftp://example.com/'"),
        ("https:///pypi", "The registry address is not an http(s) URL: 'https:///pypi'"),
        (f"http://{HOST}/demo/pypi/", f"{ONLY_HTTPS}: 'http://{HOST}/demo/pypi/'"),
        (f"https://{HOST}:8443/demo/pypi/", f"{ONLY_HTTPS}: 'https://{HOST}:8443/demo/pypi/'"),
        (f"https://{HOST}/demo/", f"{NO_REPOSITORY}: 'https://{HOST}/demo/'"),
        (f"https://{HOST}/demo/pypi/more/", f"{NO_REPOSITORY}: 'https://{HOST}/demo/pypi/more/'"),
        (
            "https://example.com:port/",
            "The registry address is not a URL: 'https://example.com:port/'",
        ),
        ("https://[::1/", "The registry address is not a URL: 'https://[::1/'"),
        # What may hold a secret is not repeated.
        ("https://example.com/?token=hunter2", f"{MORE}: 'https://example.com/…'"),
        ("https://example.com/#hunter2", f"{MORE}: 'https://example.com/…'"),
        (
            "https://a:hunter2@b.com:port/",
            "The registry address is not a URL: 'https://…@b.com:port/'",
        ),
        ("https://a:hunter2@[::1/", "The registry address is not a URL: 'https://…@[::1/'"),
        ("https://a:hunter2?@b.com/", "The registry address is not a URL: 'https://…@b.com/'"),
        ("a:hunter2@b.com/", "The registry address is not an http(s) URL: '…@b.com/'"),
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry(text, {})

    assert str(caught.value) == (
        f"{message}\n"
        "  hint: use https://REGION-python.pkg.dev/PROJECT/REPO/ or REGION/PROJECT/REPO,"
        " as --registry or in SHIPWHEEL_REGISTRY"
    )


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "192.168.0.1"])
def test_plain_http_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry(f"http://{host}/", {})

    assert str(caught.value) == (
        f"Plain http is only for a loopback address: 'http://{host}/'\n"
        "  hint: use https, so that no one in between reads the credentials or changes the packages"
    )


@pytest.mark.parametrize("login", ["user:hunter2", "hunter2", ":hunter2", ""])
def test_credentials_in_the_address_are_refused_and_not_repeated(login: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry(f"https://{login}@example.com/", {})

    assert str(caught.value) == (
        "The registry address holds credentials, for host 'example.com'\n"
        "  hint: take them out and set TWINE_USERNAME and TWINE_PASSWORD instead"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a:hunter2\n@b@example.com/x?y\nz", "https://…@example.com/x…"),
        ("https://example.com/x#y?z", "https://example.com/x…"),
        ("https://example.com/x", "https://example.com/x"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address: str, expected: str) -> None:
    assert shown(address) == expected


@pytest.mark.parametrize(
    "value",
    [
        "example.com:80",
        "127.0.0.1:80/x",
        "127.0.0.1:80?x",
        "user@127.0.0.1:80",
        "http://127.0.0.1:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:port",
        "127.0.0.1:99999",
        "[::1:80",
        ":80",
    ],
)
def test_an_emulator_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry("us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": value})

    assert str(caught.value) == (
        f"ARTIFACT_REGISTRY_EMULATOR_HOST is not a loopback HOST:PORT: {value!r}\n"
        "  hint: set it as `shipwheel emulator` prints it, such as 127.0.0.1:8080"
    )
