"""Private names that also exist on the public index: the way into dependency confusion.

Only a warning rests on this, so it may not know. It never raises for what the public index
does, and never takes longer than its timeout.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests
from requests import codes

from steps.host.errors import InputError, Problem, RegistryError
from steps.registry.adapter import anonymous
from steps.registry.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName

    from steps.registry.address import Registry

PUBLIC_INDEX_VARIABLE = "SHIPWHEEL_PUBLIC_INDEX"
SECONDS = 3.0
_WORKERS = 16
# What a mirror answers that does not know HEAD.
_NO_HEAD = {codes.method_not_allowed, codes.not_implemented}


@dataclass(frozen=True)
class PublicNames:
    """The names that exist on the public index, and those of which it is not known."""

    found: tuple[NormalizedName, ...] = ()
    unknown: tuple[NormalizedName, ...] = ()

    def conflicts(self) -> list[Problem]:
        """Return a problem per name that exists there, too."""
        return [
            Problem(
                f"The public index has a package {name!r}, too",
                "a client that asks both may install that one: give yours another name, reserve"
                " the name, or let clients read the private index only; --no-public-names does not"
                " look",
            )
            for name in self.found
        ]

    def require_known(self) -> None:
        """Raise RegistryError where it is not known of a name."""
        if self.unknown:
            raise RegistryError(
                f"It is not known whether the public index has {', '.join(self.unknown)}",
                "run it again when the public index answers, or without --strict-names",
            )


class PublicIndex:
    """Asks the public index, while other work goes on, for each name once.

    Raises InputError when *url* is not an http(s) URL.
    """

    def __init__(self, url: str = "", *, seconds: float = SECONDS) -> None:
        self._url = _checked(url) if url else default_url()
        self._seconds = seconds
        self._asked: dict[NormalizedName, Future[bool | None]] = {}
        self._queue: SimpleQueue[NormalizedName] = SimpleQueue()
        self._workers = 0
        self._down = False

    def ask(self, names: Iterable[NormalizedName]) -> None:
        """Begin to ask for *names*."""
        for name in names:
            if name not in self._asked:
                self._asked[name] = Future()
                self._queue.put(name)
                self._start_worker()

    def answers(self, more: Iterable[NormalizedName] = ()) -> PublicNames:
        """Return what is known by now, or within the timeout; what is not answered is unknown.

        It is asked for *more* names, too.
        """
        self.ask(more)
        wait(self._asked.values(), timeout=self._seconds)
        self._down = True
        known = {
            name: future.result() if future.done() else None for name, future in self._asked.items()
        }
        return PublicNames(
            found=tuple(name for name, exists in known.items() if exists),
            unknown=tuple(name for name, exists in known.items() if exists is None),
        )

    def _start_worker(self) -> None:
        """Start a worker; a daemon, for a look-up of the host's address may hang for long."""
        if self._workers < _WORKERS:
            self._workers += 1
            threading.Thread(target=self._work, name="public-index", daemon=True).start()

    def _work(self) -> None:
        while True:
            name = self._queue.get()
            self._asked[name].set_result(self._exists(name))

    def _exists(self, name: NormalizedName) -> bool | None:
        """Return whether *name* exists; None when that is unknown."""
        if self._down:
            return None
        url = urljoin(self._url, f"{name}/")
        try:
            status = self._status("HEAD", url)
            if status in _NO_HEAD:
                status = self._status("GET", url)
        except (requests.RequestException, ValueError):  # such as a host that cannot be one
            self._down = True  # one unanswered request is enough to know
            return None
        return {codes.ok: True, codes.not_found: False}.get(status)

    def _status(self, method: str, url: str) -> int:
        """Return how *url* is answered; the page itself, which may be long, is not read."""
        with requests.request(
            method,
            url,
            timeout=self._seconds,
            auth=anonymous,
            allow_redirects=True,
            stream=True,
        ) as response:
            return response.status_code


def choose_public_index(
    registry: Registry, url: str | None, wanted: bool | None
) -> PublicIndex | None:
    """Return the public index at *url* or by default, or None where it is not to be asked.

    Unless that is *wanted*, or not, an index is asked that is named, or beside one *registry* that
    is not on this machine. Raises InputError when *url* is not an http(s) URL.
    """
    if wanted is None:
        wanted = bool(url) or not is_loopback(urlsplit(registry.upload_url).hostname or "")
    return PublicIndex(url or "") if wanted else None


def default_url() -> str:
    """Return the Simple index of the public registry that twine knows."""
    from steps.distribution.twine_library import PUBLIC_REGISTRY  # noqa: PLC0415 - slow to import

    return urljoin(PUBLIC_REGISTRY, "simple/")


def _checked(url: str) -> str:
    """Return *url* with the slash that keeps its last part when a name is joined to it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            f"The public index's address is not an http(s) URL: {url!r}",
            f"name its Simple index, as --public-index or in {PUBLIC_INDEX_VARIABLE}",
        )
    return url if url.endswith("/") else f"{url}/"
