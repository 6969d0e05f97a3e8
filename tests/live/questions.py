"""The questions, each called like its row of the table: whether the assumption holds."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import canonicalize_name

from steps.host.gcloud import Call, ask_gcloud, run_gcloud
from steps.registry.credentials import KEYRING_BACKEND
from steps.registry.page import parse_page
from steps.registry.repository_api import UPLOAD
from tests.live.service import NAME, PACKAGE, READER, STRANGER, Service

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_VISIBLE_SECONDS = 120.0
_BUILD_SECONDS = 3600.0
_LARGE = 16 << 20
_PUBLIC = "idna"  # a public package, of which the private repository gets an old version
_LOCAL, _EPOCH = "2.0+local.1", "shipwheel_epoch"
_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
_RANGES = {206: "served", 200: "ignored", 500: "error"}


class NotTriedError(Exception):
    """The question takes something that was not given."""


@dataclass(frozen=True)
class Answer:
    """Whether an assumption *holds*, what was *seen*, and what of it the emulator can repeat."""

    holds: bool
    seen: str
    recorded: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """A question that the status of one answer decides, and a *text* in its body."""

    request: Callable[[Service], requests.Response]
    expected: tuple[int, ...]
    key: str = ""
    text: str = ""

    def __call__(self, service: Service) -> Answer:
        """Ask, and record the answer as *key*."""
        answer = self.request(service)
        title = re.search(r"<title>(.*?)</title>", answer.text, re.DOTALL)
        said = title[1] if title else answer.text.partition("\n")[0]
        return Answer(
            answer.status_code in self.expected and self.text in answer.text.lower(),
            service.hide(f"{answer.status_code} {said[:80]!r}"),
            {self.key: service.reply(answer)} if self.key else {},
        )


def _keyring(service: Service) -> Answer:
    source = service.login.source
    return Answer(source == KEYRING_BACKEND, f"an access token from {source}")


def _repository(service: Service) -> Answer:
    status, told = service.ask(service.name)
    kind = (told.get("format"), told.get("mode"))
    recorded = {"format": str(kind[0])} if status == 200 else {}
    return Answer(kind == ("PYTHON", "STANDARD_REPOSITORY"), f"{status} {kind}", recorded)


def _unknown(service: Service) -> Answer:
    status, told = service.ask(f"{service.name}-none")
    return Answer(status == 404, f"{status} {told.get('error', {}).get('status')}")


def _permissions(service: Service) -> Answer:
    status, told = service.ask(f"{service.name}:testIamPermissions", {"permissions": [UPLOAD]})
    return Answer(told.get("permissions") == [UPLOAD], f"{status} {told}")


def _published(word: str) -> Callable[[Service], Answer]:
    def publish(service: Service) -> Answer:
        done = service.shipwheel("publish", str(service.wheel().parents[1]), "--json")
        if done.returncode:
            return _failed(service, done.stderr)
        seen = sorted({f"{it['outcome']}, {it['result']}" for it in json.loads(done.stdout)})
        return Answer(all(word in it for it in seen), "; ".join(seen))

    return publish


def _failed(service: Service, said: str) -> Answer:
    return Answer(False, service.hide(said.strip())[-400:])  # noqa: FBT003 - it reads well


def _project_page(service: Service) -> Answer:
    answer = service.get(service.page())
    kind = answer.headers.get("Content-Type", "")
    title = re.search("<title>(.*?)</title>", answer.text, re.DOTALL)
    named = service.hide(title[1].strip().replace(PACKAGE, "{name}") if title else "")
    found = parse_page(answer.content, name=PACKAGE, url=service.page(), content_type=kind)
    return Answer(
        answer.status_code == 200 and bool(found.files),
        f"{answer.status_code} {kind!r}, title {named!r}",
        {"page_title": named, "page_content_type": kind},
    )


def _json(service: Service) -> Answer:
    kind = service.get(service.page(), headers=_JSON).headers.get("Content-Type", "")
    return Answer(kind.startswith("text/html"), kind)


def _links(service: Service) -> list[str]:
    links = re.findall('href="(.+?)"', service.get(service.page()).text)
    return [urljoin(service.page(), link) for link in links]


def _fragments(service: Service) -> Answer:
    links = _links(service)
    good = [it for it in links if re.search("#sha256=[0-9a-f]{64}$", it)]
    return Answer(good == links != [], f"{len(good)} of {len(links)} links")


def _file_names(service: Service) -> Answer:
    """Add a file whose name is not normalised, and see how it is listed."""
    _listed_after(service, "1.0")
    paths = [unquote(urlsplit(link).path) for link in _links(service)]
    expected = f"/{PACKAGE}/{service.wheel().name}"
    return Answer(any(it.endswith(expected) for it in paths), service.hide(", ".join(paths)))


def _listed_after(service: Service, version: str, name: str = NAME) -> float:
    """Upload a wheel, and return the seconds until the project's page shows it in any spelling."""
    service.post(version, name=name).raise_for_status()
    wheel, page = service.wheel(version, name), service.page(canonicalize_name(name))
    began = time.monotonic()
    while wheel.name.lower() not in unquote(service.get(page).text).lower():
        if time.monotonic() - began > _VISIBLE_SECONDS:
            raise TimeoutError(f"{wheel.name} is not listed after {_VISIBLE_SECONDS:g} s")
        time.sleep(0.2)
    return round(time.monotonic() - began, 1)


def _redirect(service: Service) -> Answer:
    link = _links(service)[0]
    answer = service.get(link)
    target = urljoin(link, answer.headers.get("Location", ""))
    same = urlsplit(target).netloc == urlsplit(link).netloc
    bare = service.get(target, token="").status_code
    return Answer(
        answer.status_code == 307 and same and bare in {401, 403},
        f"{answer.status_code} to {'the same' if same else 'another'} host;"
        f" {len(target)} characters; {bare} there without credentials",
    )


def _ranges(service: Service) -> Answer:
    link, part = _links(service)[0], {"Range": "bytes=0-9"}
    answer = service.get(link, headers=part)
    if answer.is_redirect:
        answer = service.get(urljoin(link, answer.headers["Location"]), headers=part)
    known = _RANGES.get(answer.status_code)
    return Answer(bool(known), str(answer.status_code), {"ranges": known} if known else {})


def _token(variable: str) -> str:
    if not os.environ.get(variable):
        raise NotTriedError(f"it takes a token in {variable}")
    return os.environ[variable]


def _early(service: Service) -> Answer:
    sent, size = service.post_slowly("1.0", _LARGE)
    seen = f"answered after {sent} of {size} bytes"
    return Answer(sent < size, seen, {"early_refusal": sent < size})


def _wrong_mode(service: Service) -> Answer:
    """Ask both modes; one answer serves for both, with the mode's name left open."""
    told = {
        mode: Status(
            lambda it, mode=mode: it.post("1.1", f"-{mode}"),  # type: ignore[misc]  # a default
            tuple(range(400, 500)),
            "wrong_mode",
            f"{mode} repositor",
        )(service)
        for mode in ("remote", "virtual")
    }
    reply = told["virtual"].recorded["wrong_mode"]
    body = re.sub(r"\bvirtual\b", "{mode}", reply["body"])
    return Answer(
        all(it.holds for it in told.values()),
        "; ".join(f"{mode}: {it.seen}" for mode, it in told.items()),
        {"wrong_mode": {**reply, "body": body}},
    )


def _visible(service: Service) -> Answer:
    seconds = _listed_after(service, _LOCAL)
    return Answer(holds=True, seen=f"{seconds} s", recorded={"visible_after": seconds})


def _epoch(service: Service) -> Answer:
    _listed_after(service, "1!1.0", _EPOCH)
    page = service.page(canonicalize_name(_EPOCH))
    [link] = re.findall('href="(.+?)"', service.get(page).text)
    return Status(lambda it: it.get(urljoin(page, link)), (400,), "epoch")(service)


def _ids(path: str, wanted: str) -> Callable[[Service], Answer]:
    def ask(service: Service) -> Answer:
        status, told = service.ask(f"{service.name}/{path}?pageSize=100")
        entries = told.get(path.rpartition("/")[2], ())
        ids = [it["name"].rpartition("/")[2] for it in entries]
        found = {canonicalize_name(it) if "." not in it else unquote(it) for it in ids}
        return Answer(wanted in found, f"{status} {', '.join(ids)}")

    return ask


def _virtual(service: Service) -> Answer:
    _listed_after(service, "0.0.1", _PUBLIC)
    answer = service.get(service.page(_PUBLIC, "-virtual"))
    own, files = f"{_PUBLIC}-0.0.1-" in answer.text, answer.text.count("href=")
    return Answer(own and files > 1, f"{answer.status_code}, {files} files, private: {own}")


def _build(field_name: str, expected: object) -> Callable[[Service], Answer]:
    """Ask what the build of the trigger has as its status, or as one of its options."""

    def ask(service: Service) -> Answer:
        build = _build_of(service)
        seen = build.get(field_name, build.get("options", {}).get(field_name))
        return Answer(seen == expected, str(seen))

    return ask


def _build_of(service: Service) -> dict[str, Any]:
    """Run the trigger, unless it was run, and return the build once it has ended."""
    if not service.trigger:
        raise NotTriedError("it takes a trigger")
    kept = service.folder / "build.json"
    if not kept.exists():
        where = (f"--region={service.region}", f"--project={service.project}")
        takes = "it takes roles/cloudbuild.builds.editor"
        run = (service.trigger, f"--branch={service.branch}", *where)
        call = Call(verb="builds triggers run", arguments=run, takes=takes)
        key = ask_gcloud(call, os.environ)["metadata"]["build"]["id"]
        describe = Call(verb="builds describe", arguments=(key, *where), takes=takes)
        end = time.monotonic() + _BUILD_SECONDS
        build = ask_gcloud(describe, os.environ)
        while build["status"] in {"PENDING", "QUEUED", "WORKING"} and time.monotonic() < end:
            time.sleep(10)
            build = ask_gcloud(describe, os.environ)
        kept.write_text(json.dumps(build))
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def _function(service: Service) -> Answer:
    if not service.function:
        raise NotTriedError("it takes a function")
    folder = service.folder / "function"
    folder.mkdir()
    (folder / "main.py").write_text("def main(request):\n    return 'ok'\n")
    (folder / "requirements.txt").write_text(f"functions-framework\n{PACKAGE}==1.0\n")
    done = service.shipwheel("requirements", str(folder), "--virtual", service.url("-virtual"))
    if done.returncode:
        return _failed(service, done.stderr or done.stdout)
    flags = (
        *("--gen2", "--runtime=python313", "--entry-point=main", "--trigger-http"),
        *("--no-allow-unauthenticated", f"--source={folder}", f"--region={service.region}"),
        *("--set-build-env-vars=GOOGLE_PYTHON_PACKAGE_MANAGER=pip", f"--project={service.project}"),
    )
    takes = "it takes roles/cloudfunctions.developer and roles/iam.serviceAccountUser"
    call = Call(verb="functions deploy", arguments=(service.function, *flags), takes=takes)
    run_gcloud(call, os.environ, seconds=900)
    return Answer(holds=True, seen="built and deployed")


def _deleted(service: Service) -> Answer:
    for version in ("1.0", _LOCAL):
        done = service.shipwheel("versions", PACKAGE, "--delete", version, "--yes")
        if done.returncode:
            return _failed(service, done.stderr)
    judged = Status(lambda it: it.get(it.page()), (200, 404), "deleted_project")(service)
    empty = ".whl" not in judged.recorded["deleted_project"]["body"]
    return replace(judged, holds=judged.holds and empty)


def _after_deletion(service: Service) -> Answer:
    again = service.post("1.0").status_code
    status = service.post("3.0").status_code
    return Answer(status == 200, f"{status}; of a version that was deleted {again}")


QUESTIONS: dict[str, Callable[[Service], Answer]] = {
    "keyring-token": _keyring,
    "api-repository": _repository,
    "api-unknown-repository": _unknown,
    "api-permissions": _permissions,
    "upload": _published("uploaded"),
    "republish": _published("identical"),
    "root-page": Status(lambda it: it.get(f"{it.url()}simple/"), (404,), "root_page"),
    "unknown-package": Status(lambda it: it.get(it.page("none")), (404,), "unknown_package"),
    "unknown-repository": Status(
        lambda it: it.get(it.page(suffix="-none")), (403, 404), "unknown_repository"
    ),
    "unknown-project": Status(lambda it: it.get(it.page(project=f"{it.project}-0")), (403, 404)),
    "not-normalised": Status(lambda it: it.get(it.page(NAME)), (404,)),
    "project-page": _project_page,
    "json-page": _json,
    "sha256-fragment": _fragments,
    "file-name": _file_names,
    "file-redirect": _redirect,
    "ranges": _ranges,
    "no-credentials": Status(lambda it: it.get(it.page(), token=""), (401, 403), "no_credentials"),
    "bad-credentials": Status(lambda it: it.get(it.page(), token="no"), (401,), "bad_credentials"),
    "other-user": Status(lambda it: it.get(it.page(), user="somebody"), (401,)),
    "may-not-read": Status(
        lambda it: it.get(it.page(), token=_token(STRANGER)), (403,), "may_not_read"
    ),
    "may-not-upload": Status(
        lambda it: it.post("1.1", token=_token(READER)), (403,), "may_not_upload"
    ),
    "existing-file": Status(
        lambda it: it.post("1.0"), (400, 409), "existing_file", "already exist"
    ),
    "early-refusal": _early,
    "wrong-mode": _wrong_mode,
    "visible-after": _visible,
    "local-version": Status(lambda it: it.get(it.page()), (200,), text="local"),
    "epoch": _epoch,
    "package-id": _ids("packages", PACKAGE),
    "version-id": _ids(f"packages/{PACKAGE}/versions", _LOCAL),
    "virtual-versions": _virtual,
    "trigger-runs": _build("status", "SUCCESS"),
    "loose": _build("substitutionOption", "ALLOW_LOOSE"),
    "dynamic": _build("dynamicSubstitutions", expected=True),
    "function-netrc": _function,
    "deleted-project": _deleted,
    "after-deletion": _after_deletion,
}
"""In the order in which they are asked: some change what is there."""
