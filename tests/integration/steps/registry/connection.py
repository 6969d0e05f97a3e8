"""A connection to a registry, and what was asked over it."""

from __future__ import annotations

from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login
from steps.registry.transport import Transport
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry

LOGIN = Login("oauth2accesstoken", "ya29.planted-token", "the test")
BASIC = "Basic b2F1dGgyYWNjZXNzdG9rZW46eWEyOS5wbGFudGVkLXRva2Vu"


def connect(host: str, login: Login | None = LOGIN, *, retry_for: float = 5) -> Transport:
    registry = Registry(upload_url=f"http://{host}/demo/pypi/")
    return Transport(registry, Credentials(lambda: login), retry_for=retry_for)


def redirect(location: str) -> Fault:
    return Fault(answer=Answer(302, headers=(("Location", location),)))


def authorizations(registry: FaultyRegistry) -> list[str | None]:
    return [request.headers.get("Authorization") for request in registry.requests]
