"""The registry's address: which forms are accepted, and what follows from each.

A registry has an upload URL, where files are posted, and a Simple index at `simple/` below it.
Nothing here touches the network, so an address is refused before any credential is looked up.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from steps.host.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY_VARIABLE = "SHIPWHEEL_REGISTRY"
EMULATOR_VARIABLE = "ARTIFACT_REGISTRY_EMULATOR_HOST"

_FORMS = (
    "use https://REGION-python.pkg.dev/PROJECT/REPO/ or REGION/PROJECT/REPO,"
    f" as --registry or in {REGISTRY_VARIABLE}"
)
_SHOWN_CHARACTERS = 300
# Known by their hosts, which some programs of Google list; only the words of a hint rest on it.
_REGIONS = """
africa-south1 asia asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3
asia-south1 asia-south2 asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2
europe europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2
europe-west3 europe-west4 europe-west5 europe-west6 europe-west8 europe-west9 europe-west10
europe-west12 me-central1 me-central2 me-west1 northamerica-northeast1 northamerica-northeast2
northamerica-south1 southamerica-east1 southamerica-west1 us us-central1 us-east1 us-east4 us-east5
us-south1 us-west1 us-west2 us-west3 us-west4
"""
_ARTIFACT_REGISTRY_HOST = re.compile(r"(?P<location>[a-z][a-z0-9-]*)-python\.pkg\.dev")
_WITHOUT_SCHEME = re.compile(rf"{_ARTIFACT_REGISTRY_HOST.pattern}/", re.IGNORECASE)
# A domain-scoped project is `example.com:project` to gcloud and `example.com/project` in a URL,
# unless the URL that was given has the colon: which of them the host serves is not known.
REPOSITORY_PATH = re.compile(
    r"(?P<project>(?:[a-z0-9.-]+\.[a-z]+[:/])?[a-z][a-z0-9-]*)/(?P<repository>[a-z][a-z0-9-]*)"
)
_RESOURCE = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[a-z][a-z0-9-]*)"
    r"/repositories/(?P<repository>[a-z][a-z0-9-]*)"
)
_SHORT_FORM = re.compile(rf"(?P<location>[a-z][a-z0-9-]*)/{REPOSITORY_PATH.pattern}")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A Python package registry.

    *location*, *project* and *repository* are set for Artifact Registry, emulated or not;
    *emulated* says that requests go to the emulator on this machine and need no credentials.
    """

    upload_url: str
    location: str = ""
    project: str = ""
    repository: str = ""
    emulated: bool = False

    @property
    def index_url(self) -> str:
        """The Simple index (PEP 503), with its slash."""
        return f"{self.upload_url}simple/"

    @property
    def is_artifact_registry(self) -> bool:
        """Whether this is an Artifact Registry repository, emulated or not."""
        return bool(self.repository)

    @property
    def resource(self) -> str:
        """What Google Cloud calls an Artifact Registry repository."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.repository}"

    @property
    def option(self) -> str:
        """What --registry takes for it: an emulated one is not known by its address."""
        return f"{self.location}/{self.project}/{self.repository}" if self.emulated else str(self)

    @property
    def respelt(self) -> str:
        """The address with the domain of a project written in the other way; empty without one."""
        slashed = self.project.replace(":", "/")
        if ":" not in self.project:
            return ""
        project = self.project if f"/{slashed}/" in self.upload_url else slashed
        return f"https://{self.location}-python.pkg.dev/{project}/{self.repository}/"

    def __str__(self) -> str:
        """Return the address that requests go to."""
        return self.upload_url


def parse_registry(text: str | None, environ: Mapping[str, str]) -> Registry:
    """Return the registry that *text*, or else the environment, names.

    Accepts an Artifact Registry URL with or without its slash and `simple/`, the short form
    `REGION/PROJECT/REPO`, what gcloud prints (`projects/…/locations/…/repositories/…`, or the URL
    without its scheme), and any other https index of the same layout; plain http only on a
    loopback address. Raises InputError for everything else.
    """
    given = (text or environ.get(REGISTRY_VARIABLE, "")).strip()
    if not given:
        raise InputError("No registry was named", _FORMS)
    if match := _SHORT_FORM.fullmatch(given) or _RESOURCE.fullmatch(given):
        project = match["project"].replace(":", "/")
        return _artifact_registry(match["location"], project, match["repository"], environ)
    url = _split(f"https://{given}" if _WITHOUT_SCHEME.match(given) else given)
    if match := _ARTIFACT_REGISTRY_HOST.fullmatch(url.hostname or ""):
        path = REPOSITORY_PATH.fullmatch(_base_path(url).strip("/"))
        if path is None:
            raise InputError(f"The registry address names no PROJECT/REPO: {given!r}", _FORMS)
        if url.scheme != "https" or url.port not in {None, 443}:
            raise InputError(f"Artifact Registry is only reached by https: {given!r}", _FORMS)
        return _artifact_registry(match["location"], path["project"], path["repository"], environ)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise InputError(
            f"Plain http is only for a loopback address: {given!r}",
            "use https, so that no one in between reads the credentials or changes the packages",
        )
    return Registry(upload_url=f"{url.scheme}://{url.netloc.lower()}{_base_path(url)}")


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an http(s) URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80)


def same_site(one: str, other: str) -> bool:
    """Return whether two http(s) URLs are of one host and port, be it by http or by https."""
    (scheme, host, port), (other_scheme, *other_place) = origin(one), origin(other)
    return other_place == [host, port] or (host == other_place[0] and scheme != other_scheme)


def unresolved_problem(host: str) -> Problem:
    """Return the problem of a *host* that does not resolve, with its region if it is Google's."""
    said = f"The host {host!r} does not resolve"
    match = _ARTIFACT_REGISTRY_HOST.fullmatch(host)
    if match is None:
        return Problem(said, "check the URL, and this machine's network and DNS")
    region, known = match["location"], _REGIONS.split()
    if region in known:
        return Problem(
            f"{said}, and {region!r} is a region of Artifact Registry",
            "check this machine's network and DNS, and any proxy",
        )
    return Problem(
        f"{said}: {region!r} is not a region of Artifact Registry that Shipwheel knows",
        did_you_mean(region, known, "see `gcloud artifacts locations list`"),
    )


def _split(given: str) -> SplitResult:
    """Return the parts of an http(s) URL without credentials, query or fragment."""
    try:
        url = urlsplit(given)
        url.port  # noqa: B018 - raises ValueError when it is not a number
    except ValueError:  # its message may repeat all of the address
        message = f"The registry address is not a URL: {shown(given)!r}"
        raise InputError(message, _FORMS) from None
    if url.username is not None:  # an empty one has a password behind it
        # The address itself is not repeated: it holds a secret.
        raise InputError(
            f"The registry address holds credentials, for host {url.hostname!r}",
            "take them out and set TWINE_USERNAME and TWINE_PASSWORD instead",
        )
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise InputError(f"The registry address is not an http(s) URL: {shown(given)!r}", _FORMS)
    if url.query or url.fragment:
        raise InputError(
            f"The registry address has a query or a fragment: {shown(given)!r}", _FORMS
        )
    return url


def shown(address: str) -> str:
    """Return an address as a log may show it: escaped, cut, and without what may be secret.

    That is its login, query and fragment.
    """
    without_login = re.sub(r"^(https?://)?.*@", r"\1…@", address, flags=re.DOTALL)
    public = re.sub(r"[?#].*", "…", without_login, flags=re.DOTALL)
    start = public if len(public) <= _SHOWN_CHARACTERS else f"{public[:_SHOWN_CHARACTERS]}…"
    return "".join(it if it.isprintable() else quote(it, errors="replace") for it in start)


def _base_path(url: SplitResult) -> str:
    """Return the path that files are posted to, with its slash and without `simple/`."""
    path = url.path.rstrip("/")
    return path.removesuffix("/simple") + "/"


def _artifact_registry(
    location: str, project: str, repository: str, environ: Mapping[str, str]
) -> Registry:
    emulator = environ.get(EMULATOR_VARIABLE, "")
    origin = _emulator_origin(emulator) if emulator else f"https://{location}-python.pkg.dev"
    return Registry(
        upload_url=f"{origin}/{project}/{repository}/",
        location=location,
        project=project.replace("/", ":"),
        repository=repository,
        emulated=bool(emulator),
    )


def _emulator_origin(value: str) -> str:
    try:
        url = urlsplit(f"//{value}")
        complete = is_loopback(url.hostname or "") and url.netloc == value and bool(url.port)
    except ValueError:  # the port is not a number, or a bracket is missing
        complete = False
    if not complete or "@" in value:
        raise InputError(
            f"{EMULATOR_VARIABLE} is not a loopback HOST:PORT: {value!r}",
            "set it as `shipwheel emulator` prints it, such as 127.0.0.1:8080",
        )
    return f"http://{value}"
