"""Access tokens of service-account keys: a key is a login for the registry, and none for an API."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import requests

from steps.host.errors import ApiUnavailable
from steps.registry.adapter import Adapter
from steps.registry.credentials import KEY_USERNAME, RAW_KEY_USERNAME
from steps.registry.transport import anonymous

if TYPE_CHECKING:
    from steps.registry.credentials import Login

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 10.0


def key_token(login: Login) -> str:
    """Return an access token of the service-account key that *login* is; empty for another login.

    Raises ApiUnavailable when none can be fetched.
    """
    if login.username not in {KEY_USERNAME, RAW_KEY_USERNAME}:
        return ""
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - only a key pays for it
    from google.auth.transport.requests import Request  # noqa: PLC0415 - the same
    from google.oauth2.service_account import Credentials  # noqa: PLC0415 - the same

    try:
        key = login.password
        text = base64.b64decode(key).decode() if login.username == KEY_USERNAME else key
        # google-auth has types, and none for this function.
        credentials = Credentials.from_service_account_info(json.loads(text), scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        with requests.Session() as session:
            session.auth = anonymous
            for scheme in ("https://", "http://"):
                session.mount(scheme, Adapter(_SECONDS, 1))
            credentials.refresh(Request(session))
    except (GoogleAuthError, ValueError, TypeError, RecursionError) as error:
        # The library's message may repeat the key.
        raise ApiUnavailable(
            "Artifact Registry's API cannot be asked: no access token could be fetched with the"
            f" key from {login.source} ({type(error).__name__})",
            "check the key, and whether its token_uri can be reached",
        ) from None
    return str(credentials.token)
