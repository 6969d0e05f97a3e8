"""A wheel, and the requests that a client sends to the registry emulator."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.client
import io
import select
import socket
import zipfile
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from pathlib import Path

    from requests.auth import HTTPBasicAuth

    from builder.server import Emulator

TOKEN = "ya29.planted-token"
TIMEOUT = 30


def make_wheel(folder: Path, name: str = "Tide_Tables", version: str = "1.0") -> Path:
    """Write a wheel that twine and pip accept."""
    stem = f"{name.lower()}-{version}"
    members = {
        f"{name.lower()}/__init__.py": f"VERSION = {version!r}\n",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    for member, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        csv.writer(record).writerow([member, f"sha256={digest.decode()}", len(text)])
    members[f"{stem}.dist-info/RECORD"] = record.getvalue()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return wheel


def post(
    url: str, content: tuple[str, bytes] | None, user: HTTPBasicAuth | None = None, /, **form: str
) -> requests.Response:
    fields = {":action": "file_upload", "name": "tide-tables", "version": "1.0"}
    fields |= {key.replace("action", ":action"): value for key, value in form.items()}
    files = {"content": content} if content else {"nothing": ("", b"")}
    return requests.post(url, data=fields, files=files, auth=user, timeout=TIMEOUT)


def post_wheel(emulator: Emulator, wheel: Path) -> requests.Response:
    return post(f"http://{emulator.host}/demo/pypi/", (wheel.name, wheel.read_bytes()))


def get(emulator: Emulator, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask for *path* exactly as it is written; no client tidies it first."""
    connection = http.client.HTTPConnection(emulator.host, timeout=TIMEOUT)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def early_answer(
    emulator: Emulator, path: str, token: str, filename: str, size: int
) -> tuple[bytes, int]:
    """Upload *size* bytes until an answer comes; return it and how many bytes were read."""
    host, _, port = emulator.host.partition(":")
    login = base64.b64encode(f"oauth2accesstoken:{token}".encode()).decode()
    part = f'--b\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n\r\n'
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {emulator.host}\r\nAuthorization: Basic {login}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {size}\r\n\r\n{part}"
    )
    sent = 0
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        connection.sendall(head.encode())
        while sent < size and not select.select([connection], [], [], 0.005)[0]:
            sent += connection.send(bytes(1 << 16))
        return connection.recv(1 << 16), sent


def heard(emulator: Emulator, method: str, path: str, token: str) -> tuple[bytes, bytes]:
    """Return every byte of the head, without its date, and every byte that follows it."""
    host, _, port = emulator.host.partition(":")
    login = base64.b64encode(f"oauth2accesstoken:{token}".encode()).decode()
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: {emulator.host}\r\nConnection: close\r\n"
        f"Authorization: Basic {login}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as stream:
            head, _, rest = stream.read().partition(b"\r\n\r\n")
    return b"\n".join(it for it in head.splitlines() if not it.startswith(b"Date:")), rest
