"""Which addresses are a registry, and where their requests go."""

from __future__ import annotations

import pytest

from steps.errors import InputError
from steps.registry import Registry, parse_registry

AR = Registry(
    upload_url="https://us-east4-python.pkg.dev/demo/pypi/",
    location="us-east4",
    project="demo",
    repository="pypi",
)


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
    ],
)
def test_every_form_of_an_artifact_registry_address_is_the_same_registry(text: str) -> None:
    assert parse_registry(text, {}) == AR


@pytest.mark.parametrize("text", ["us/example.com:demo/pypi", "us/example.com/demo/pypi"])
def test_a_domain_scoped_project_keeps_its_domain(text: str) -> None:
    registry = parse_registry(text, {})

    assert registry.project == "example.com:demo"
    assert registry.upload_url == "https://us-python.pkg.dev/example.com/demo/pypi/"


def test_the_environment_names_the_registry_when_the_option_does_not() -> None:
    assert parse_registry(None, {"SHIPWHEEL_REGISTRY": "us-east4/demo/pypi"}) == AR


def test_the_emulator_receives_what_was_meant_for_artifact_registry() -> None:
    registry = parse_registry(
        "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
    )

    assert registry.upload_url == "http://127.0.0.1:8080/demo/pypi/"
    assert registry.index_url == "http://127.0.0.1:8080/demo/pypi/simple/"
    assert registry.emulated


@pytest.mark.parametrize(
    ("text", "upload_url"),
    [
        ("https://Example.com/simple/", "https://example.com/"),
        ("https://example.com/a/b/c", "https://example.com/a/b/c/"),
        ("http://127.0.0.1:9/demo/pypi", "http://127.0.0.1:9/demo/pypi/"),
        ("http://[::1]:9/", "http://[::1]:9/"),
        ("http://localhost:9/", "http://localhost:9/"),
    ],
)
def test_another_index_of_the_same_layout_works(text: str, upload_url: str) -> None:
    assert parse_registry(text, {}) == Registry(upload_url=upload_url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pypi",
        "demo/pypi",
        "ftp://us-east4-python.pkg.dev/demo/pypi/",
        "http://us-east4-python.pkg.dev/demo/pypi/",
        "https://us-east4-python.pkg.dev:8443/demo/pypi/",
        "https://us-east4-python.pkg.dev/demo/",
        "https://us-east4-python.pkg.dev/demo/pypi/more/",
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "https://example.com/?page=1",
        "https://example.com/#simple",
        "https://example.com:port/",
        "https://[::1/",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry(text, {})

    assert caught.value.problems[0].hint


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@example.com/",
        "https://hunter2@example.com/",
        "https://user:hunter2@example.com:port/",
        "https://user:hunter2@[::1/",
        "https://user:hunter2?@example.com/",
        "user:hunter2@example.com/",
        "https://example.com/?token=hunter2",
        "https://example.com/#hunter2",
    ],
)
def test_credentials_in_the_address_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_registry(text, {})

    assert "hunter2" not in str(caught.value)


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
    with pytest.raises(InputError, match="ARTIFACT_REGISTRY_EMULATOR_HOST"):
        parse_registry("us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": value})
