"""An Artifact Registry API on loopback for the real gcloud: repositories that can be described."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCATION = "projects/demo/locations/us-east4/repositories/"


class RepositoriesApi:
    """Answer for *repositories*, by name, while the `with` block runs; 404 for all others."""

    def __init__(self, repositories: Mapping[str, Mapping[str, Any]]) -> None:
        self._repositories = repositories
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self._repositories))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="gcloud-")))
        (folder / "token").write_text("ya29.of-nobody")
        self.environ = {
            "CLOUDSDK_CONFIG": str(folder),
            "CLOUDSDK_CORE_PROJECT": "demo",
            "CLOUDSDK_CORE_ACCOUNT": "anne@example.com",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": (
                f"http://127.0.0.1:{server.server_port}/"
            ),
        }
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def gcloud(self, *arguments: str) -> str:
        """Run the real gcloud against this server, and return what it prints."""
        return subprocess.run(
            ["gcloud", *arguments],
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": self.environ["CLOUDSDK_CONFIG"],
                **self.environ,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout


class _Handler(BaseHTTPRequestHandler):
    timeout = 30
    protocol_version = "HTTP/1.1"

    def __init__(self, repositories: Mapping[str, Mapping[str, Any]], *arguments: Any) -> None:
        self._repositories = repositories
        super().__init__(*arguments)

    def do_GET(self) -> None:
        resource = urlsplit(self.path).path.removeprefix("/v1/")
        found = self._repositories.get(resource.removeprefix(LOCATION))
        answer: dict[str, Any] = (
            {"error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}}
            if found is None
            else {"name": resource, "format": "PYTHON", **found}
        )
        body = json.dumps(answer).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""
