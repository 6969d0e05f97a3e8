"""What a step sees of this machine, and what it never sees."""

from __future__ import annotations

from pathlib import Path

from builder.local.runners import (
    credentials,
    docker_environment,
    host_environment,
    step_environment,
)
from triggers.cloudbuild.build_config import Build, Options, Step

HERE = {
    "PATH": "/bin",
    "HOME": "/nowhere",
    "https_proxy": "http://proxy.test:3128",
    "SSL_CERT_FILE": "/ca.pem",
    "PIP_FIND_LINKS": "/wheels",
    "DOCKER_HOST": "unix:///d.sock",
    "TWINE_PASSWORD": "hunter2",
    "GITHUB_TOKEN": "hunter2",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "UV_PUBLISH_TOKEN": "hunter2",
    "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
    "PYTHONPATH": "/mine",
    "VIRTUAL_ENV": "/venv",
    "LD_PRELOAD": "/x.so",
}


def test_a_process_sees_how_to_reach_hosts_and_packages_and_nothing_else() -> None:
    environment = host_environment(HERE, Path("/room/tmp"))

    assert environment.pop("PATH").endswith(":/bin")
    assert environment == {
        "LANG": "C.UTF-8",
        "TMPDIR": "/room/tmp",
        "https_proxy": "http://proxy.test:3128",
        "SSL_CERT_FILE": "/ca.pem",
        "PIP_FIND_LINKS": "/wheels",
    }


def test_pip_finds_its_settings_in_the_users_home_unless_they_are_named(tmp_path: Path) -> None:
    settings = tmp_path / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.touch()
    here = {"HOME": str(tmp_path)}

    assert host_environment(here, tmp_path)["PIP_CONFIG_FILE"] == str(settings)
    named = {**here, "PIP_CONFIG_FILE": "/pip.conf"}
    assert host_environment(named, tmp_path)["PIP_CONFIG_FILE"] == "/pip.conf"


def test_docker_itself_sees_its_engine_and_logins() -> None:
    assert docker_environment(HERE) == {
        "PATH": "/bin",
        "HOME": "/nowhere",
        "DOCKER_HOST": "unix:///d.sock",
    }


def test_credentials_are_named_where_they_are_asked_for() -> None:
    assert credentials(HERE) == {
        "CLOUDSDK_CONFIG": "/nowhere/.config/gcloud",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "TWINE_PASSWORD": "hunter2",
    }


def test_the_step_s_own_variables_win_over_the_build_s_and_over_substitutions() -> None:
    options = Options(env=("A=all", "_S=all"), automap_substitutions=True, secret_env=("V",))
    build = Build(options=options)
    step = Step(name="bash", env=("A=own=1",), secret_env=("T",))
    secrets = {"T": "t", "U": "u", "V": "v"}

    assert step_environment(build, step, {"_S": "s", "_R": "r"}, secrets) == {
        "A": "own=1",
        "_S": "all",
        "_R": "r",
        "T": "t",
        "V": "v",
    }


def test_a_step_may_refuse_the_mapping_of_substitutions() -> None:
    build = Build(options=Options(automap_substitutions=True))
    step = Step(name="bash", automap_substitutions=False)

    assert step_environment(build, step, {"_S": "s"}, {}) == {}
