"""One build config: what the service accepts, what then goes wrong, and what is out of date.

Commands of old tutorials, in build configs and templates, are the recipe that Shipwheel replaces.
Texts are judged, and nothing is run: each pattern is narrow enough to pass over what only looks
alike, such as a comment, or an installation in a build that publishes nothing.
"""

from __future__ import annotations

import base64
import re
import shlex
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from steps.function.function import is_retired, judge_runtime
from steps.host.errors import Finding
from triggers.cloudbuild.build_rules import encrypted_values
from triggers.cloudbuild.substitutions import (
    BUILT_IN,
    SUBSTITUTION_KEY,
    StartedBy,
    broken_after_substitution,
    other_texts,
    references,
    resolve,
    substitute_build,
    template_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.host.documents import Path
    from triggers.cloudbuild.build_config import Build, Step
    from triggers.rules.sources import ConfigSource

_EXPANSION = re.compile(r"(?<!\$)(?:\$\$)*\$\{(#?)([A-Z_][A-Z0-9_]*)([^A-Z0-9_}][^}]*|)\}")
_SCRIPT_REFERENCE = re.compile(r"(?<![\\$])\$(?:\{([A-Z_][A-Z0-9_]*)|([A-Z_][A-Z0-9_]*))")
_SHELL = re.compile(
    r"(?:^|[/\s])(?:busybox|(?:ba|da|a|z|k)?sh|pwsh|powershell)(?:$|[:@\s])|^-\w*c$"
)
# The value of a built-in substitution where names are judged.
_STAND_INS = {**dict.fromkeys(BUILT_IN, "x"), "SERVICE_ACCOUNT": "projects/x/serviceAccounts/x"}
_ESCAPED = re.compile(r"(?<!\$)\$\$(?:[A-Za-z_]\w*|\{[^}]*\}?)")
_DOLLARS = re.compile(r"(?<!\$)\$\$[A-Za-z_{(]")
TEMPLATE = "requirements.txt.tmpl"
_TEMPLATE_HINT = (
    f"remove the line, rename {TEMPLATE} to requirements.in and delete requirements.txt:"
    " `shipwheel requirements DIRECTORY` writes it with the registry's URL, and a build needs"
    " no token"
)
_COMMENT = re.compile(r"^[ \t]*#.*$|(?<=[ \t])#[ \t].*$", re.MULTILINE)
_TOKEN = re.compile(r"\{\{ *ACCESS_TOKEN *\}\}")


def substitutions_resolve(config: ConfigSource) -> Iterator[Finding]:
    """SW314, SW315, SW405: what is known without the trigger."""
    resolution = resolve(config.build, {}, {}, StartedBy.TRIGGER)
    yield from resolution.findings
    for note in resolution.notes:
        # What is missing, a trigger or `submit` may give; cross_rules knows triggers.
        key = str(note.path[-1])
        if note.code == "SW408":
            yield note
        elif note.code == "SW503" and SUBSTITUTION_KEY.fullmatch(key):
            yield replace(note, code="SW405")


def names_are_well_formed(config: ConfigSource) -> Iterator[Finding]:
    """SW310, SW313, SW317: of names with substitutions, those that defaults complete."""
    build = config.build
    values = resolve(build, {}, _STAND_INS, StartedBy.TRIGGER).values
    substituted = substitute_build(build, values)
    before, after = dict(template_texts(build)), dict(template_texts(substituted))
    for finding in broken_after_substitution(substituted):
        written, read = before.get(finding.path, ""), after.get(finding.path, "")
        keys = references(written)
        # A default is often a placeholder for what is given: an image is not judged by it.
        is_default = finding.code == "SW313" and any(map(SUBSTITUTION_KEY.fullmatch, keys))
        if all(map(values.get, keys)) and not is_default and "$" not in read:
            message = finding.message
            for quote in "\"'":
                message = message.replace(f"{quote}{read}{quote}", f"{quote}{written}{quote}")
            yield replace(finding, message=message)


def expansions_are_in_values(config: ConfigSource) -> Iterator[Finding]:
    """SW401: only `$KEY` and `${KEY}` are replaced in a step; the rest reaches the program."""
    known = BUILT_IN | config.build.substitutions.keys()
    for path, text in template_texts(config.build):
        # Behind the last } none ends: looking for it from each ${ would take quadratic time.
        for match in _EXPANSION.finditer(text, 0, text.rfind("}") + 1):
            length, key, operation = match.groups()
            if (length or operation) and (key in known or key.startswith("_")):
                message = (
                    f"{'$' + match[0].lstrip('$')!r} is left as it is: only ${{{key}}} is replaced"
                )
                hint = "put the expansion into a value of `substitutions`, and refer to that"
                yield Finding.at(path, message, hint, "SW401")


def scripts_read_variables(config: ConfigSource) -> Iterator[Finding]:
    """SW402, SW403: a script's text is run as it is."""
    build = config.build
    known = BUILT_IN | build.substitutions.keys()
    for index, step in enumerate(build.steps):
        path = ("steps", index, "script")
        own, assigned = _variables(build, step), _assigned(step.script)
        for key in dict.fromkeys(a or b for a, b in _SCRIPT_REFERENCE.findall(step.script)):
            is_key = key in known or re.match("_[A-Z]", key)
            if is_key and own is not None and key not in own and key not in assigned:
                message = f"${{{key}}} in a script is a variable of the shell, and not set"
                hint = f"add `env: ['{key}=${{{key}}}']`, or automapSubstitutions"
                yield Finding.at(path, message, hint, "SW402")
        if match := _DOLLARS.search(step.script):
            message = f"{match[0]!r} in a script begins with the shell's process id"
            yield Finding.at(
                path, message, "write a single $: nothing is substituted here", "SW403"
            )


def _variables(build: Build, step: Step) -> set[str] | None:
    """Return the variables that *step* is given, None when these are all substitutions."""
    maps = step.automap_substitutions
    if build.options.automap_substitutions if maps is None else maps:
        return None
    plain = {entry.partition("=")[0] for entry in (*build.options.env, *step.env)}
    return plain | {*build.options.secret_env, *step.secret_env}


def _assigned(script: str) -> set[str]:
    """Return the variables that *script* gives a value itself."""
    after = re.findall(r"(?m)^(?>.*?\b(?:for|read|local|declare|export)\b)(.*)", script)
    return {*re.findall(r"\b(\w+)=", script), *re.findall(r"\w+", "\n".join(after))}


def substitutions_are_where_they_are_made(config: ConfigSource) -> Iterator[Finding]:
    """SW404: in other fields, the text reaches the service as it is."""
    known = BUILT_IN | config.build.substitutions.keys()
    for path, text in other_texts(config.build):
        for key in (key for key in references(text) if key in known):
            message = f"${{{key}}} in {path[-1]}: it is not known that a substitution is made here"
            yield Finding.at(path, message, "write it out", "SW404")


def variables_have_a_shell(config: ConfigSource) -> Iterator[Finding]:
    """SW410: `$$NAME` becomes `$NAME`, which only a shell reads (cloud-builders#312, #761)."""
    for index, step in enumerate(config.build.steps):
        words = (step.entrypoint or step.name, *step.args)
        if any(_SHELL.search(word) for word in words):
            continue
        for i, text in enumerate(step.args):
            if match := _ESCAPED.search(text):
                message = f"{match[0]!r} reaches the program as {match[0][1:]!r}: it is not a shell"
                hint = "run it with `entrypoint: bash` and `-c`, or in a `script`"
                yield Finding.at(("steps", index, "args", i), message, hint, "SW410")


def encrypted_values_are_base64(config: ConfigSource) -> Iterator[Finding]:
    """SW316: gcloud decodes them before it sends anything."""
    for path, values in encrypted_values(config.build):
        for name, value in values.items():
            try:
                base64.urlsafe_b64decode(value)
            except ValueError:
                message = f"the encrypted value of {name!r} is not base64"
                hint = "encrypt it with gcloud kms, then base64 -w 0"
                yield Finding.at((*path, name), message, hint, "SW316")


def spelling_is_the_schemas(config: ConfigSource) -> Iterator[Finding]:
    """SW406: gcloud and the service take both spellings, the JSON Schema of editors does not."""
    for path in config.document.lines:
        key = path[-1] if len(path) > 1 and path[0] in {"steps", "options"} else ""
        if isinstance(key, str) and re.fullmatch("[a-z]+(_[a-z]+)+", key):
            message = f"{key!r} is refused by the published JSON Schema"
            camel = re.sub("_([a-z])", lambda match: match[1].upper(), key)
            yield Finding.at(path, message, f"write {camel!r}", "SW406")


@dataclass(frozen=True)
class _Habit:
    """A command of the old recipe, what is wrong with it, and what replaces it."""

    code: str
    pattern: re.Pattern[str]
    message: str
    hint: str


def _up_to(word: str) -> str:
    """Return the pattern of a command up to its first *word*: from no other one is more found."""
    return rf"(?<![^\n;&|])(?>[^\n;&|]*?\b{word})"


_HABITS = (
    _Habit(
        "SW901",
        re.compile(r"--skip-existing\b"),
        "--skip-existing also skips a version that was changed and not bumped",
        "`shipwheel publish DIRECTORY` skips a version with the same contents, and refuses others",
    ),
    _Habit(
        "SW902",
        re.compile(_up_to(r"setup\.py\b") + r"[^\n;&|]*?\s(?:sdist|bdist\w*|upload|register)\b"),
        "commands of setup.py are deprecated, and build with whatever is installed",
        "`shipwheel publish DIRECTORY` builds and uploads it, `shipwheel build DIRECTORY` only"
        " builds",
    ),
    _Habit(
        "SW904",
        re.compile(
            r"(?:>\s*|\btee\s+(?:-a\s+)?|" + _up_to(r"(?:cp|mv)\s") + r"[^\n;&|]*\s)"
            r"[\"']?[^\s\"'<>|;&]*\.pypirc\b"
        ),
        "the step writes a .pypirc",
        "remove it; `shipwheel publish` uploads as the build's service account",
    ),
    _Habit(
        "SW904",
        re.compile(
            r"\b(?:oauth2accesstoken|_json_key_base64):[^\s@]{1,5000}@[^\s/]{0,99}python\.pkg\.dev"
        ),
        "the step writes a token into a URL",
        "remove it; `shipwheel publish` and `shipwheel settings` need none in a file",
    ),
    _Habit(
        "SW904",
        re.compile(
            _up_to(r"(?:twine\s+upload|(?:uv|poetry)\s+publish)\b")
            + r"[^\n;&|]*\s(?:-[pt]|--password|--token)\b"
            r"|\bpoetry\s+config\s+http-basic\.\S+\s+\S+\s+\S"
        ),
        "the step gives a password on the command line, where logs and processes show it",
        "remove it; `shipwheel publish` uploads as the build's service account",
    ),
    _Habit("SW905", _TOKEN, "the step fills a token into a file", _TEMPLATE_HINT),
    _Habit(
        "SW906",
        re.compile(
            r"(?m:^)(?>.*?pkg\.dev).*(?:--extra-index-url|PIP_EXTRA_INDEX_URL=)"
            r"|(?m:^)(?>.*?(?:--extra-index-url|PIP_EXTRA_INDEX_URL=)).*pkg\.dev"
            r"|(?:--extra-index-url[ =]|PIP_EXTRA_INDEX_URL=)\s*[\"']?(?:https?://)?\$"
        ),
        "an extra index may install a stranger's higher version: dependency confusion",
        "`shipwheel setup` makes a virtual repository over yours and the public one, and"
        " `shipwheel settings pip --registry REGION/PROJECT/REPO-all` names it as the only index",
    ),
)
_RUNTIME = re.compile(r"--runtime[= ]\s*[\"']?(python3?\d+)\b")
_PUBLISHES = re.compile(
    r"\btwine\b|\bsetup\.py\b|\s-m\s+build\b|python\.pkg\.dev"
    r"|\b(?:poetry|flit|hatch|pdm|uv)\s+publish\b"
)
_INSTALL = re.compile(r"\bpip(?:3(?:\.\d+)?)?\s+install\b([^\n;&|]*)")
# The options of pip that a value follows; what they name is judged where it is written.
_WITH_VALUE = re.compile(
    r"-[rceift]|--(?:requirement|constraint|editable|index-url|extra-index-url|find-links|target"
    r"|prefix|root|platform|python-version|implementation|abi|no-binary|only-binary|cache-dir"
    r"|trusted-host|upgrade-strategy|timeout|retries|proxy|cert|log|progress-bar|config-settings)"
)
_UNPINNED = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w,.-]*\])?(?:[<>!~]=?[^=].*)?")
_FILE = re.compile(r"\.(?:whl|zip|t?gz)$")
_PYTHON_IMAGE = re.compile(
    r"(?:(?:docker\.io/|mirror\.gcr\.io/|public\.ecr\.aws/docker/)?(?:library/)?)?"
    r"python:(\d+)(?:\.(\d+))?(?![\d])"
)
_RETIRED_IMAGE = re.compile(r"launcher\.gcr\.io/|gcr\.io/google[-_]appengine/python")


def old_habits(config: ConfigSource) -> Iterator[Finding]:
    """SW901 to SW906, but for the pins: each habit once a step."""
    for text in _texts(config.build):
        for habit in _HABITS:
            if match := habit.pattern.search(text.text):
                yield Finding.at(text.place(match), habit.message, habit.hint, habit.code)


def installs_are_pinned(config: ConfigSource) -> Iterator[Finding]:
    """SW903: the tools that publish decide what is published."""
    texts = [*_texts(config.build)]
    if not any(_PUBLISHES.search(each.text) for each in texts):
        return
    for text in texts:
        for match in _INSTALL.finditer(text.text):
            if names := _unpinned(match[1]):
                message = f"pip installs the newest version of {', '.join(names)}"
                hint = (
                    "run the step in Shipwheel's image, which has its tools locked by hash; or pin"
                    " with `==`, or `--require-hashes -r FILE`"
                )
                yield Finding.at(text.place(match), message, hint, "SW903")


def runtimes_are_supported(config: ConfigSource) -> Iterator[Finding]:
    """SW907: a Python that gets no more fixes, of a function and of a step's image."""
    today = datetime.now(UTC).date()
    for text in _texts(config.build):
        for match in _RUNTIME.finditer(text.text):
            found = judge_runtime(match[1], today)
            if found and is_retired(match[1], today):
                yield Finding.at(text.place(match), found[1].message, found[1].hint, "SW907")
    for index, step in enumerate(config.build.steps):
        path: Path = ("steps", index, "name")
        python = _PYTHON_IMAGE.match(step.name)
        if python and is_retired("python" + "".join(filter(None, python.groups())), today):
            message = f"the image {step.name!r} has a Python that gets no more fixes"
            hint = "use a newer one, such as python:3.13-slim; to publish, Shipwheel's own image"
            yield Finding.at(path, message, hint, "SW907")
        elif _RETIRED_IMAGE.match(step.name):
            message = f"the image {step.name!r} is no longer maintained"
            hint = "use python:3.13-slim; to publish, Shipwheel's own image"
            yield Finding.at(path, message, hint, "SW907")


def template_findings(text: str) -> Iterator[tuple[int, Finding]]:
    """Yield line and finding of each token in the requirements template *text*: SW905."""
    for number, line in enumerate(text.splitlines(), 1):
        if _TOKEN.search(line):
            message = "the template has a token written into requirements.txt"
            yield number, Finding.at((), message, _TEMPLATE_HINT, "SW905")


@dataclass(frozen=True)
class _Text:
    """What a step runs, in one text; *places* are the path of each part and where it begins."""

    text: str
    places: tuple[tuple[int, Path], ...]

    def place(self, match: re.Match[str]) -> Path:
        """Return the path of the part that has the last of what was found."""
        at = bisect_right([start for start, _ in self.places], match.end() - 1) - 1
        return self.places[at][1]


def _texts(build: Build) -> Iterator[_Text]:
    """Yield the script, the arguments as one command, and the variables of each step."""
    for index, step in enumerate(build.steps):
        path: Path = ("steps", index)
        if step.script:
            yield _Text(_code(step.script), ((0, (*path, "script")),))
        yield _command(step, path)
        for i, entry in enumerate(step.env):
            yield _Text(entry, ((0, (*path, "env", i)),))
    for i, entry in enumerate(build.options.env):
        yield _Text(entry, ((0, ("options", "env", i)),))


def _command(step: Step, path: Path) -> _Text:
    words = [step.entrypoint, *map(_code, step.args)]
    starts = accumulate((len(word) + 1 for word in words), initial=0)
    paths: list[Path] = [(*path, "entrypoint"), *((*path, "args", i) for i in range(len(words)))]
    return _Text(" ".join(words), tuple(zip(starts, paths, strict=False)))


def _code(script: str) -> str:
    """Return *script* with its commands on one line each, and its comments blank."""
    bare = _COMMENT.sub(lambda match: " " * len(match[0]), script)
    return bare.replace("\\\n", "  ")


def _unpinned(arguments: str) -> list[str]:
    """Return the names that `pip install` is given without a version."""
    try:
        words = shlex.split(arguments)
    except ValueError:  # a quote that a substitution or the shell ends elsewhere
        words = arguments.split()
    if "--require-hashes" in words:
        return []
    after = ["", *words]
    return [
        word
        for before, word in zip(after, words, strict=False)
        if _UNPINNED.fullmatch(word)
        and not _WITH_VALUE.fullmatch(before)
        and not _FILE.search(word)
    ]


RULES = (
    substitutions_resolve, names_are_well_formed, expansions_are_in_values,
    scripts_read_variables, substitutions_are_where_they_are_made, variables_have_a_shell,
    encrypted_values_are_base64, spelling_is_the_schemas,
    old_habits, installs_are_pinned, runtimes_are_supported,
)  # fmt: skip
