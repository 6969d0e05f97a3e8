"""A headless Chromium, driven through a pipe in its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_SECONDS = 60.0
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--mute-audio",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


class Browser:
    """One page of the browser; *problems* are what its console said, *requests* the URLs it asked.

    Messages are JSON that ends in a zero byte: the browser reads file 3, and writes file 4.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._session = ""
        self._buffer = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Start the browser with a profile of its own."""
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_read, self._writer = os.pipe()
        self._reader, to_write = os.pipe()
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                command,
                "bash",
                CHROMIUM,
                *_ARGUMENTS,
                f"--user-data-dir={self._folder.name}",
            ],
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._folder.name},
        )
        os.close(to_read)
        os.close(to_write)
        os.set_blocking(self._reader, False)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")
        return self

    def __exit__(self, *_: object) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._reader)
        os.close(self._writer)
        self._folder.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what the browser answers to one call."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writer, data) :]
        answer = self._wait(lambda it: it.get("id") == self._number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            while b"\0" in self._buffer:
                data, _, self._buffer = self._buffer.partition(b"\0")
                message: dict[str, Any] = json.loads(data)
                self._note(message)
                if wanted(message):
                    return message
            try:
                read = os.read(self._reader, 1 << 20)
            except BlockingIOError:
                time.sleep(0.005)
                continue
            if not read:
                raise AssertionError("the browser has ended")
            self._buffer += read
        raise AssertionError("the browser does not answer")

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.problems.append(json.dumps(parameters))
            case "Log.entryAdded":
                self.problems.append(parameters["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])

    def open(self, url: str) -> None:
        """Open *url*, and wait until it has loaded."""
        self.call("Page.navigate", url=url)
        self._wait(lambda it: it.get("method") == "Page.loadEventFired")

    def processor_seconds(self) -> float:
        """Return how long the page's thread has worked until now: the machine may be busy."""
        found = self.call("Performance.getMetrics")["metrics"]
        return next(float(it["value"]) for it in found if it["name"] == "TaskDuration")

    def run(self, script: str) -> Any:
        """Return the value of *script*, an expression."""
        answer = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(
        self, width: int, height: int, *, scale: float = 1, dark: bool = False, media: str = ""
    ) -> None:
        """Give the page another size, color scheme and medium."""
        phone = width < 500
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        found = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        """Press and release a key."""
        given = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self.call("Input.dispatchKeyEvent", type="keyDown", **given)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)
