"""Build configs inside their triggers, where no pull request can change them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem
from triggers.discovery.model import ConfigFile, InlineBuild, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def build_config_paths(triggers: Iterable[Trigger]) -> list[str]:
    """Return the paths of the build configs that *triggers* name, each once."""
    named = (trigger.build.path for trigger in triggers if isinstance(trigger.build, ConfigFile))
    return list(dict.fromkeys(named))


def put_inline(
    triggers: Iterable[Trigger], configs: Mapping[str, Mapping[str, Any]]
) -> tuple[Trigger, ...]:
    """Return *triggers* with the build configs themselves in the place of their paths.

    *configs* maps the paths to their contents. Raises InputError for contents that `gcloud builds
    triggers import` would change on the way.
    """
    InputError.raise_all(
        problem for path, config in configs.items() for problem in _mangled(path, config)
    )
    return tuple(_inline(trigger, configs) for trigger in triggers)


def _inline(trigger: Trigger, configs: Mapping[str, Mapping[str, Any]]) -> Trigger:
    if not isinstance(trigger.build, ConfigFile):
        return trigger
    path = trigger.build.path
    # A change of the file changes nothing until the trigger is applied again.
    included = tuple(glob for glob in trigger.included_files if glob != path)
    return replace(trigger, build=InlineBuild(configs[path]), included_files=included)


def _mangled(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem per variable whose name the import would turn into camelCase.

    gcloud converts all keys below `build` from snake_case, those of the user's maps, too; only
    `substitutions` are spared.
    """
    available = config.get("availableSecrets")
    inline = available.get("inline") if isinstance(available, dict) else None
    places = [
        ("secrets", "secretEnv", config.get("secrets")),
        ("availableSecrets.inline", "envMap", inline),
    ]
    for where, key, secrets in places:
        for index, secret in enumerate(secrets if isinstance(secrets, list) else ()):
            variables = secret.get(key) if isinstance(secret, dict) else None
            for name in variables if isinstance(variables, dict) else ():
                if "_" in name:
                    yield Problem(
                        f"{path}: `{where}[{index}].{key}.{name}` would lose its underscores when"
                        " gcloud imports it inside a trigger",
                        "use availableSecrets.secretManager, or do without --inline",
                    )
