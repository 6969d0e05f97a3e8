from __future__ import annotations

import pytest

from steps.function.template import fill_in, holds_token, put_token
from steps.host.errors import AccessError, InputError
from steps.registry.address import parse_registry
from steps.registry.credentials import Credentials, Login, LookUpFailed

RECIPE = (
    "--extra-index-url https://oauth2accesstoken:{{ACCESS_TOKEN}}@{{REGION}}-python.pkg.dev"
    "/{{ PROJECT }}/{{REPO}}/simple/\n"
)
REGISTRY = parse_registry("us-east4/demo/pypi", {})


def credentials(username: str, password: str) -> Credentials:
    return Credentials(lambda: Login(username, password, "a test"))


def test_everything_but_the_token_is_filled_in_first() -> None:
    text = fill_in(RECIPE, REGISTRY, "t")

    assert text == (
        "--extra-index-url https://oauth2accesstoken:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev"
        "/demo/pypi/simple/\n"
    )
    assert holds_token(text)
    assert put_token(text, credentials("oauth2accesstoken", "ya29.a/b")) == text.replace(
        "{{ACCESS_TOKEN}}", "ya29.a%2Fb"
    )


def test_a_domain_scoped_project_is_written_as_a_url_has_it() -> None:
    registry = parse_registry("us-east4/example.com:demo/pypi", {})

    assert fill_in("{{PROJECT}}", registry, "t") == "example.com/demo"


def test_what_goes_to_artifact_registry_goes_to_the_emulator() -> None:
    registry = parse_registry(
        "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
    )

    assert fill_in(RECIPE, registry, "t") == (
        "--extra-index-url http://oauth2accesstoken:{{ACCESS_TOKEN}}@127.0.0.1:8080"
        "/demo/pypi/simple/\n"
    )


def test_placeholders_that_there_are_not_are_named_with_the_near_miss() -> None:
    with pytest.raises(InputError) as caught:
        fill_in("{{REGION}}\n{{ACCES_TOKEN}} {{ zone }}\n{{}}", REGISTRY, "requirements.txt.tmpl")

    assert [(it.message, it.hint) for it in caught.value.problems] == [
        (
            "requirements.txt.tmpl:2: there is no placeholder '{{ACCES_TOKEN}}'",
            "did you mean {{ACCESS_TOKEN}}?",
        ),
        (
            "requirements.txt.tmpl:2: there is no placeholder '{{zone}}'",
            "these are: ACCESS_TOKEN, REGION, PROJECT, REPO",
        ),
        (
            "requirements.txt.tmpl:3: there is no placeholder '{{}}'",
            "these are: ACCESS_TOKEN, REGION, PROJECT, REPO",
        ),
    ]


def test_another_registry_has_no_region() -> None:
    with pytest.raises(InputError, match=r"t:1: the registry has no value for '\{\{REGION\}\}'"):
        fill_in("{{REGION}}", parse_registry("https://index.example/", {}), "t")


def test_a_key_is_no_access_token() -> None:
    def fails() -> Login:
        raise LookUpFailed("no gcloud")

    for given, why in (
        (credentials("_json_key_base64", "c2VjcmV0"), "the user name is '_json_key_base64'"),
        (Credentials(lambda: None), "nothing names one"),
        (Credentials(fails), "no gcloud"),
    ):
        with pytest.raises(AccessError) as caught:
            put_token("{{ACCESS_TOKEN}}", given)
        assert caught.value.problems[0].message == (
            f"There is no access token for {{{{ACCESS_TOKEN}}}}: {why}"
        )
