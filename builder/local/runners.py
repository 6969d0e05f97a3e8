"""How a step runs: as a process of this machine, or in its container.

A runner turns a step into a command, and says what it cannot do before anything has started.

A step gets what its config gives it, `HOME`, `BUILDER_OUTPUT`, and of this machine's variables
only `PATH`, the language, and how to reach hosts and packages: certificates, proxies, the settings
of pip and uv, without the credentials in these. Tokens, keys and passwords of the user's never come
along, but for variables that `--env` names; and with `--registry`, steps of the Shipwheel image get
those that name the user's own credentials, as the build's service account would be theirs in Cloud
Build.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from builder.local.directories import HOME, OUTPUTS, WORKSPACE, BuildDirectories, translate
from builder.local.execution import Command
from steps.backend.environments import BACKENDS_VARIABLE
from steps.command_line.report import OUTPUT_VARIABLE
from steps.host.children import Children
from steps.host.errors import Problem
from steps.registry.credentials import SETTINGS_FILES, url_logins, without_url_logins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triggers.cloudbuild.build_config import Build, Step

SHIPWHEEL_IMAGE = "shipwheel"
_ENGINE_TIMEOUT = 30.0  # seconds
DOCKER_SOCKET = "/var/run/docker.sock"
# Images that the host's programs can stand for: the image's entrypoint, and its command.
HOST_TOOLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bash": ((), ("bash",)),
    "cloud-sdk": ((), ("bash",)),
    "debian": ((), ("bash",)),
    "docker": (("docker",), ()),
    "gcloud": (("gcloud",), ()),
    "git": (("git",), ()),
    "google-cloud-cli": ((), ("bash",)),
    "python": ((), ("python3",)),
    "ubuntu": ((), ("bash",)),
}
_LANGUAGE = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "NO_COLOR")
_CERTIFICATES = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS", "PIP_CERT", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_INSTALLERS = (
    "PIP_CONFIG_FILE", "PIP_CONSTRAINT", "PIP_DEFAULT_TIMEOUT", "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_RETRIES",
    "PIP_TRUSTED_HOST", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_HTTP_TIMEOUT", "UV_INDEX", "UV_INDEX_STRATEGY",
    "UV_INDEX_URL", "UV_NATIVE_TLS", "UV_NO_INDEX", "UV_OFFLINE", "UV_PYTHON_DOWNLOADS",
    "UV_SYSTEM_CERTS",
)  # fmt: skip
_DOCKER = (
    "HOME", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
)  # fmt: skip
_FROM_HERE = (
    *_LANGUAGE, *_CERTIFICATES, *_PROXIES, *map(str.lower, _PROXIES), *_INSTALLERS,
    BACKENDS_VARIABLE,
)  # fmt: skip
CREDENTIALS = (
    "TWINE_USERNAME", "TWINE_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG",
    "CLOUDSDK_CORE_ACCOUNT",
)  # fmt: skip


@dataclass(frozen=True)
class ExtraVariables:
    """Variables that the command line of the local builder adds; they win over the config's."""

    every_step: dict[str, str] = field(default_factory=dict)
    shipwheel_steps: dict[str, str] = field(default_factory=dict)

    def of(self, step: Step) -> dict[str, str]:
        """Return what *step* gets."""
        return {**self.every_step, **(self.shipwheel_steps if uses_shipwheel_image(step) else {})}


def image_name(image: str) -> str:
    """Return the last component of *image*, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def uses_shipwheel_image(step: Step) -> bool:
    """Return whether *step* runs in this project's image: one whose last component says so."""
    return image_name(step.name) == SHIPWHEEL_IMAGE


@dataclass(frozen=True)
class ProcessRunner:
    """Runs steps of our image, and with *host_tools* those of the usual builders, as processes."""

    directories: BuildDirectories
    host: dict[str, str]
    host_tools: bool
    extra: ExtraVariables

    def refusals(self, build: Build) -> list[tuple[int, Problem]]:
        """Name the steps that need an image, a program or a mount that is not here."""
        found = []
        for index, step in enumerate(build.steps):
            problem = self._no_image(step, index) or self._no_program(step, index)
            problem = problem or self._no_mount(build, step, index)
            if problem:
                found.append((index, problem))
        return found

    def _no_image(self, step: Step, index: int) -> Problem | None:
        if uses_shipwheel_image(step) or (self.host_tools and image_name(step.name) in HOST_TOOLS):
            return None
        message = f"{step.label(index)} needs the image {step.name!r}, and no container runs here"
        if image_name(step.name) in HOST_TOOLS:
            hint = "--docker runs it in its container, --host-tools as this machine's program"
            return Problem(message, hint)
        return Problem(message, "--docker runs it in its container")

    def _no_program(self, step: Step, index: int) -> Problem | None:
        program = self._arguments(step, index)[0]
        if "/" in program or shutil.which(program, path=self.host["PATH"]):
            return None
        message = f"{step.label(index)} runs {program!r}, which is not on PATH"
        return Problem(message, "install it, or run the step in its container with --docker")

    def _no_mount(self, build: Build, step: Step, index: int) -> Problem | None:
        texts = (*step.args, *step.env, step.script, step.dir, step.entrypoint)
        for volume in (*build.options.volumes, *step.volumes):
            path = volume.path.rstrip("/")
            mounts = {path: self.directories.volume(volume.name)}
            if all(translate(text, mounts) == text for text in texts):
                message = f"{step.label(index)} has a volume at {path!r}, which it never names"
                hint = "a process cannot be given another file system: use --docker"
                return Problem(message, hint)
        return None

    def _arguments(self, step: Step, index: int) -> tuple[str, ...]:
        if step.script:
            return (str(self.directories.script(index)),)
        if step.entrypoint:
            return (step.entrypoint, *step.args)
        if uses_shipwheel_image(step):
            return (sys.executable, "-I", "-m", "builder", *step.args)
        entrypoint, command = HOST_TOOLS.get(image_name(step.name), ((), (step.name,)))
        if image_name(step.name) == "bash" and step.args and step.args[0].startswith("-"):
            entrypoint = command  # its image hands options to bash
        return (*entrypoint, *(step.args or command))

    def command(self, build: Build, index: int, environment: Mapping[str, str]) -> Command:
        """Return the process of step *index*, with the container's paths translated."""
        step = build.steps[index]
        mounts = self.directories.mounts(build, step, index)
        if step.script:
            self.directories.write_script(index, translate(step.script, mounts))
        own = {name: translate(value, mounts) for name, value in environment.items()}
        places = {
            "HOME": str(self.directories.home),
            OUTPUT_VARIABLE: str(self.directories.outputs(index)),
        }
        arguments = tuple(translate(part, mounts) for part in self._arguments(step, index))
        folder = translate(posixpath.join(WORKSPACE, step.dir), mounts)
        full = {**self.host, **places, **own, **self.extra.of(step)}
        program = shutil.which(arguments[0], path=full["PATH"]) or arguments[0]
        return Command((program, *arguments[1:]), full, Path(folder))


@dataclass(frozen=True)
class DockerRunner:
    """Runs every step in its container, on the network of this machine.

    The host's network lets a step reach the registry emulator on loopback. Values of variables
    travel through the environment of the docker command, never on its command line.
    """

    directories: BuildDirectories
    client: dict[str, str]
    build_id: str
    extra: ExtraVariables

    @property
    def _socket(self) -> str:
        """Where the engine listens, for the steps that use Docker themselves."""
        scheme, _, path = self.client.get("DOCKER_HOST", "").partition("://")
        return path if scheme == "unix" else DOCKER_SOCKET

    def refusals(self, build: Build) -> list[tuple[int, Problem]]:
        """Return one problem for all steps when no engine answers."""
        try:
            with Children(timeout=_ENGINE_TIMEOUT) as children:
                answer = children.ask(
                    ["docker", "version", "--format", "{{.Server.Version}}"], environ=self.client
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = str(error)
        else:
            if answer.returncode == 0:
                return []
            reason = answer.stderr.strip()
        message = f"No Docker engine answers: {reason}"
        problem = Problem(message, "start one, or run without --docker")
        return [(index, problem) for index in range(len(build.steps))]

    def command(self, build: Build, index: int, environment: Mapping[str, str]) -> Command:
        """Return the `docker run` of step *index*."""
        step = build.steps[index]
        mounts: dict[str, Path] = self.directories.mounts(build, step, index)
        own = {**environment, **self.extra.of(step)}
        entrypoint = step.entrypoint
        if step.script:
            entrypoint = "/builder/script"
            mounts[entrypoint] = self.directories.write_script(index, step.script)
        container = f"shipwheel-{self.build_id[:8]}-step-{index}"
        arguments = ["docker", "run", "--rm", "--name", container, "--network", "host"]
        for inside, here in mounts.items():
            arguments += ["--volume", f"{here}:{inside}"]
        arguments += ["--volume", f"{self._socket}:{DOCKER_SOCKET}"]
        arguments += ["--workdir", posixpath.join(WORKSPACE, step.dir)]
        arguments += ["--env", f"HOME={HOME}", "--env", f"{OUTPUT_VARIABLE}={OUTPUTS}"]
        for name, value in sorted(own.items()):
            # What the docker command reads itself cannot travel through its environment.
            arguments += ["--env", f"{name}={value}" if name in self.client else name]
        if entrypoint:
            arguments += ["--entrypoint", entrypoint]
        arguments += [step.name, *step.args]
        cleanup = ("docker", "rm", "--force", container)
        full = {**own, **self.client}
        return Command(tuple(arguments), full, self.directories.workspace, cleanup)


Runner = ProcessRunner | DockerRunner


def step_environment(
    build: Build, step: Step, substitutions: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that the config itself gives to *step*; the step's own win."""
    automap = step.automap_substitutions
    if automap is None:
        automap = build.options.automap_substitutions
    environment = dict(substitutions) if automap else {}
    for entry in (*build.options.env, *step.env):
        name, _, value = entry.partition("=")
        environment[name] = value
    names = (*build.options.secret_env, *step.secret_env)
    return environment | {name: secrets[name] for name in names}


def machine_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of this machine that say how to reach hosts and packages."""
    kept = {name: environ[name] for name in _FROM_HERE if name in environ}
    user_pip = Path(environ.get("HOME", "~")).expanduser() / ".config" / "pip" / "pip.conf"
    if user_pip.is_file():
        kept.setdefault("PIP_CONFIG_FILE", str(user_pip))
    return kept


def host_environment(environ: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """Return the variables of this machine that a step which runs as a process needs."""
    kept = {
        name: without_url_logins(value)
        for name, value in machine_variables(environ).items()
        if name not in SETTINGS_FILES or not url_logins(name, value)
    }
    # The programs of this very installation first: `python`, `pip` and `twine` of the image.
    path = os.pathsep.join((sysconfig.get_path("scripts"), environ.get("PATH", os.defpath)))
    return {"LANG": "C.UTF-8", **kept, "PATH": path, "TMPDIR": str(temporary)}


def docker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the docker command itself needs to find its engine and logins."""
    return {name: environ[name] for name in _DOCKER if name in environ} | {
        "PATH": environ.get("PATH", os.defpath)
    }


def credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name the user's own credentials."""
    found = {name: environ[name] for name in CREDENTIALS if name in environ}
    config = Path(environ.get("HOME", "~")).expanduser() / ".config" / "gcloud"
    return {"CLOUDSDK_CONFIG": str(config), **found}
