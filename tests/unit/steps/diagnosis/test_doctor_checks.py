"""The checks of the doctor: what was observed, and what is found in it."""

from __future__ import annotations

import pytest
from packaging.version import Version

from steps.diagnosis import Access, Contact, Tool
from steps.diagnosis.machine import (
    check_ca_bundles,
    check_keyring_command,
    check_named_files,
    check_proxies,
    check_tools,
)
from steps.diagnosis.registry import (
    check_clock,
    check_contact,
    check_emulator,
    check_login,
    check_read,
    check_repository,
    check_write,
)
from steps.host.errors import Problem
from steps.registry.address import shown
from steps.registry.artifact_registry import Repository, Upstream
from steps.registry.credentials import KEYRING_BACKEND
from steps.registry.repository_api import UPLOAD
from tests.unit.steps.diagnosis.observed import (
    EMULATOR,
    INDEX,
    OTHER,
    SECRET,
    SERVICE,
    found,
    observed,
    statuses,
)


@pytest.mark.parametrize(
    ("name", "version", "status"),
    [
        ("keyring", "23.9.0", "wrong"),
        ("keyring", "25.4.0", "wrong"),
        ("keyring", "25.4.1", "ok"),
        ("keyring", "25.2.0", "note"),
        ("google-auth", "2.13.0", "wrong"),
        ("google-auth", "2.41.1", "wrong"),
        ("google-auth", "2.40.3", "ok"),
        ("keyrings.google-artifactregistry-auth", "1.1.0", "wrong"),
        ("keyrings.google-artifactregistry-auth", "1.1.2", "ok"),
        ("twine", "5.1.1", "wrong"),
        ("twine", "6.1.0", "ok"),
        ("pip", "26.1.2", "note"),
        ("pip", "26.2", "ok"),
        ("git", "2.39.5", "ok"),
        ("pdm", None, "note"),
    ],
)
def test_versions_that_fail_with_artifact_registry_are_known(
    name: str, version: str | None, status: str
) -> None:
    tool = Tool(name=name, where="there", version=Version(version) if version else None)

    assert statuses(check_tools, tools=(tool,)) == ["ok", status]


@pytest.mark.parametrize(
    ("backends", "environ", "expected"),
    [
        (None, {}, ["note"]),
        ("keyring.backends.null.Keyring (priority: -1)", {}, ["wrong"]),
        (f"{KEYRING_BACKEND} (priority: 9)", {}, ["ok"]),
        (KEYRING_BACKEND, {"PYTHON_KEYRING_BACKEND": KEYRING_BACKEND}, ["ok"]),
        (
            KEYRING_BACKEND,
            {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            ["wrong", "ok"],
        ),
    ],
)
def test_the_keyring_command_has_to_know_the_backend(
    backends: str | None, environ: dict[str, str], expected: list[str]
) -> None:
    assert statuses(check_keyring_command, keyring_backends=backends, environ=environ) == expected


@pytest.mark.parametrize(
    ("registry", "contact", "expected"),
    [
        (SERVICE, Contact(status=401), ["ok"]),
        (SERVICE, Contact(status=200), ["note"]),
        (SERVICE, Contact(fault="Connection refused"), ["wrong"]),
        (EMULATOR, Contact(status=200), ["ok"]),
        (OTHER, Contact(status=200), ["ok"]),
    ],
)
def test_whatever_is_answered_the_registry_was_reached(
    registry: object, contact: Contact, expected: list[str]
) -> None:
    assert statuses(check_contact, registry=registry, contact=contact) == expected


@pytest.mark.parametrize(("registry", "expected"), [(EMULATOR, ["note"]), (SERVICE, [])])
def test_an_emulator_in_the_place_of_the_service_is_reported(
    registry: object, expected: list[str]
) -> None:
    assert statuses(check_emulator, registry=registry) == expected


@pytest.mark.parametrize(
    ("skew", "expected"),
    [
        (None, ("note", "the registry does not tell its time")),
        (2.4, ("ok", "this machine is 2.4 s behind the registry")),
        (-31.0, ("note", "this machine is 31.0 s ahead of the registry")),
        (301.0, ("wrong", "this machine is 5 min 1 s behind the registry")),
    ],
)
def test_a_clock_that_is_off_is_reported(skew: float | None, expected: tuple[str, str]) -> None:
    assert found(check_clock, contact=Contact(status=401, skew=skew)) == [expected]


@pytest.mark.parametrize(
    ("access", "status", "expected"),
    [
        (Access(source=KEYRING_BACKEND, account="me@example.com"), 401,
         ("ok", f"from {KEYRING_BACKEND}, as me@example.com")),
        (Access(source="TWINE_USERNAME and TWINE_PASSWORD"), 401,
         ("ok", "from TWINE_USERNAME and TWINE_PASSWORD, as an account that they do not name")),
        (Access(failure="no gcloud"), 401, ("wrong", "there are none: no gcloud")),
        (Access(), 401, ("wrong", "there are none, and the registry asks for a login")),
        (Access(), 200, ("ok", "there are none")),
    ],
)  # fmt: skip
def test_credentials_are_reported_by_their_source_and_account(
    access: Access, status: int, expected: tuple[str, str]
) -> None:
    assert found(check_login, access=access, contact=Contact(status=status)) == [expected]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (Access(), [("ok", f"{INDEX} can be read")]),
        (Access(problem=Problem("403", "grant it")), [("wrong", "403")]),
        # Told once, by the check of the repository.
        (Access(repository_problem=Problem("Repository not found", "make it")), []),
    ],
)  # fmt: skip
def test_reading_is_judged_by_what_the_registry_and_its_api_said(
    access: Access, expected: list[tuple[str, str]]
) -> None:
    assert found(check_read, contact=Contact(status=401), access=access) == expected
    assert found(check_read, contact=Contact(fault="no route"), access=access) == []


def repository(mode: str, *upstreams: Upstream, format: str = "PYTHON") -> Repository:  # noqa: A002 - as the API calls it
    return Repository(name="pypi", mode=f"{mode}_REPOSITORY", format=format, upstreams=upstreams)


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (Access(may_write=True), ("ok", "uploads are allowed")),
        (Access(may_write=False, account="a@b.iam.gserviceaccount.com"),
         ("wrong", f"a@b.iam.gserviceaccount.com may not upload: it lacks {UPLOAD}")),
        (Access(unknown_reason="only Artifact Registry tells"),
         ("note", "cannot be checked without an upload: only Artifact Registry tells")),
        (Access(may_write=True, repository=repository("VIRTUAL")),
         ("note", "'pypi' is a virtual repository, which takes no uploads")),
    ],
)  # fmt: skip
def test_writing_is_judged_without_an_upload(access: Access, expected: tuple[str, str]) -> None:
    assert found(check_write, access=access) == [expected]


def test_who_only_installs_need_not_be_allowed_to_upload() -> None:
    access = Access(may_write=False)

    assert statuses(check_write, access=access, read_only=True) == ["note"]
    virtual = Access(repository=repository("VIRTUAL"))
    assert statuses(check_write, access=virtual, read_only=True) == []


def test_the_missing_role_is_named_with_the_command_that_grants_it() -> None:
    (result,) = check_write(observed(access=Access(may_write=False, account="me@example.com")))

    assert (
        "gcloud artifacts repositories add-iam-policy-binding pypi --project=demo"
        " --location=us-central1 --role=roles/artifactregistry.writer --member=user:me@example.com"
    ) in result.fix


PRIVATE = Upstream(name="own", priority=100, mode="STANDARD_REPOSITORY")
FIRST = Upstream(name="public", priority=200, mode="REMOTE_REPOSITORY")
LATER = Upstream(name="public", priority=50, mode="REMOTE_REPOSITORY")


@pytest.mark.parametrize(
    ("access", "status", "message"),
    [
        (Access(repository=repository("STANDARD")), "ok", "'pypi' is a standard repository"),
        (Access(repository=repository("REMOTE")), "ok", "'pypi' is a remote repository"),
        (Access(repository=repository("VIRTUAL", PRIVATE, LATER)), "ok",
         "'pypi' is a virtual repository of 'own' (100), 'public' (50): "),
        (Access(repository=repository("VIRTUAL", FIRST, PRIVATE)), "wrong",
         "upstream 'public', a proxy of another index, has priority 200, "),
        (Access(repository=repository("STANDARD", format="DOCKER")), "wrong",
         "'pypi' holds DOCKER packages, not Python packages"),
        (Access(repository_problem=Problem("Repository not found", "make it")), "wrong",
         "Repository not found"),
        (Access(unknown_reason="the proxy answered 403"), "note",
         "could not check that it exists, nor its mode: the proxy answered 403"),
    ],
)  # fmt: skip
def test_the_repository_is_judged_by_what_the_api_said(
    access: Access, status: str, message: str
) -> None:
    ((told, words),) = found(check_repository, access=access)

    assert (told, words[: len(message)]) == (status, message)
    assert found(check_repository, registry=OTHER) == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [("ok", "none are set")]),
        ({"HTTPS_PROXY": "http://proxy:3128"}, [("ok", "http://proxy:3128")]),
        ({"HTTPS_PROXY": f"http://me:{SECRET}@proxy:3128"}, [("ok", "http://…@proxy:3128")]),
        # A slash that should have been escaped ends the host, and the secret goes on behind it.
        ({"HTTPS_PROXY": f"http://me:a/{SECRET}@proxy:3128"}, [("ok", "http://…@proxy:3128")]),
        ({"https_proxy": f"me:{SECRET}@proxy:3128"}, [("ok", "…@proxy:3128")]),
        ({"HTTP_PROXY": "http://"}, [("wrong", "it is not the address of a proxy: 'http://'")]),
        (
            {"HTTPS_PROXY": "http://a:1", "https_proxy": f"http://me:{SECRET}@b:1"},
            [("wrong", ("it is 'http://a:1', and https_proxy is 'http://…@b:1': which one counts"
                       " differs between clients"))],
        ),
    ],
)  # fmt: skip
def test_proxies_are_reported_without_their_logins(
    environ: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert found(check_proxies, environ=environ) == expected


def test_certificates_that_differ_or_are_missing_are_reported() -> None:
    both = {"REQUESTS_CA_BUNDLE": "/a.pem", "SSL_CERT_FILE": "/b.pem"}

    assert statuses(check_ca_bundles) == ["ok"]
    assert statuses(check_ca_bundles, environ=both, ca_bundles=dict.fromkeys(both, "")) == [
        "ok",
        "ok",
        "note",
    ]
    assert found(
        check_ca_bundles,
        environ={"PIP_CERT": "/a.pem"},
        ca_bundles={"PIP_CERT": "No such file or directory"},
    ) == [
        ("wrong", "'/a.pem' cannot be used: No such file or directory"),
        ("ok", "each client has its own"),
    ]
    missing = {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json"}
    assert found(check_named_files, missing_files=missing) == [
        ("wrong", "it names a file that is not there: '/key.json'")
    ]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        (f"https://me:{SECRET}@a.b/c?{SECRET}#{SECRET}", "https://…@a.b/c…"),
        (f"https://me:{SECRET}/{SECRET}@a.b/c", "https://…@a.b/c"),
        (f"{SECRET}@a.b:1", "…@a.b:1"),
        ("https://a.b/c", "https://a.b/c"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, safe: str) -> None:
    assert shown(url) == safe
