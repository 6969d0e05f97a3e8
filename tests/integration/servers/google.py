"""Google on loopback: a metadata server, and a proxy that is every host below pkg.dev, by TLS.

What stands behind the TLS is a plain http server of the test's, such as the emulator. A program
that is run with `environ` needs no change to be here instead of on Google Cloud.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import certifi
import trustme

HOST = "us-central1-python.pkg.dev"
API_HOST = "artifactregistry.googleapis.com"
ACCOUNT = "builder@demo.iam.gserviceaccount.com"
_PREFIX = "/computeMetadata/v1/instance/service-accounts/default/"


class Google:
    """Serve *upstream* as Artifact Registry, and *tokens* in turn, while the `with` block runs.

    With *mutual* TLS the registry asks for a client certificate, such as that in *client*.
    """

    def __init__(self, folder: Path, upstream: str, *tokens: str, mutual: bool = False) -> None:
        self.metadata_requests: list[str] = []
        self._folder = folder
        self._upstream = upstream
        self._tokens = [*tokens]
        self._mutual = mutual
        self.client = folder / "client.pem"

    @property
    def token_requests(self) -> int:
        """How often a token was asked for."""
        return sum(path.partition("?")[0].endswith("/token") for path in self.metadata_requests)

    def __enter__(self) -> Self:
        authority = trustme.CA()
        bundle = self._folder / "authorities.pem"
        bundle.write_bytes(_public_authorities() + authority.cert_pem.bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, API_HOST).configure_cert(context)
        if self._mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            authority.configure_trust(context)
        client = authority.issue_cert("client@example.com")
        self.client.write_bytes(client.private_key_and_cert_chain_pem.bytes())
        self._metadata = _serve(partial(_Metadata, self))
        self._proxy = _serve(partial(_Proxy, context, self._upstream))
        (self._folder / "home").mkdir()
        self.environ = self._environment(str(bundle))
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._metadata, self._proxy):
            server.shutdown()
            server.server_close()

    def _environment(self, bundle: str) -> dict[str, str]:
        unset = ("ARTIFACT_REGISTRY", "CLOUDSDK", "GCE_", "GOOGLE_", "SHIPWHEEL", "TWINE_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(unset)}
        metadata = f"127.0.0.1:{self._metadata.server_address[1]}"
        proxy = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        return {
            **inherited,
            "HOME": str(self._folder / "home"),
            "CLOUDSDK_CONFIG": str(self._folder / "home"),
            "GCE_METADATA_HOST": metadata,
            "GCE_METADATA_IP": metadata,
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
            "SHIPWHEEL_REGISTRY": f"https://{HOST}/demo/pypi/",
        }

    def next_token(self) -> str:
        """Return the next token; the last one for ever."""
        return self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]


def _public_authorities() -> bytes:
    """Return those that this machine trusts, so that builds find their requirements."""
    path = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return Path(path or certifi.where()).read_bytes() + b"\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _serve(handler: Any) -> _Server:
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""


class _Metadata(_Quiet):
    """The metadata server, as far as google-auth asks it."""

    def __init__(self, google: Google, *arguments: Any) -> None:
        self._google = google
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._google.metadata_requests.append(self.path)
        path = self.path.partition("?")[0]
        answers: dict[str, Any] = {
            "/": "computeMetadata/",
            "/computeMetadata/v1/project/project-id": "demo",
            "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
            _PREFIX: {"email": ACCOUNT, "aliases": ["default"], "scopes": []},
            f"{_PREFIX}email": ACCOUNT,
        }
        if path.endswith("/token"):
            answers[path] = {
                "access_token": self._google.next_token(),
                "expires_in": 3599,
                "token_type": "Bearer",
            }
        answer = answers.get(path)
        is_text = isinstance(answer, str)
        body = (answer if is_text else json.dumps(answer)).encode()  # type: ignore[union-attr]  # text is not None
        self.send_response(404 if answer is None else 200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "application/text" if is_text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Proxy(_Quiet):
    """A CONNECT proxy that is Artifact Registry itself, and passes on what is for others."""

    def __init__(self, context: ssl.SSLContext, upstream: str, *arguments: Any) -> None:
        self._context = context
        self._upstream = upstream
        super().__init__(*arguments)

    def do_CONNECT(self) -> None:
        ours = self.path in {f"{HOST}:443", f"{API_HOST}:443"}
        host, _, port = (self._upstream if ours else self.path).rpartition(":")
        self.close_connection = True
        try:
            server = socket.create_connection((host, int(port)), timeout=30)
        except OSError:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        client = self.connection
        with suppress(OSError), server:
            if ours:
                client = self._context.wrap_socket(client, server_side=True)
            with client:
                client.settimeout(30)
                answers = threading.Thread(target=_pump, args=(server, client), daemon=True)
                answers.start()
                _pump(client, server)
                answers.join(30)


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until *source* ends, then end *target*'s half too."""
    with suppress(OSError, ValueError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
