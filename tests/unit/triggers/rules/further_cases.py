"""For codes with several ways to them: the further ways, and what comes nearest without one.

A finding is expected where its code is written as a comment, and nowhere else.
"""

from __future__ import annotations

from tests.unit.triggers.rules.file_cases import (
    BRANCH,
    CONNECTION,
    FILENAME,
    NAME,
    RUNS_AS,
    pull_request,
    steps,
    trigger,
    two,
)
from tests.unit.triggers.rules.repository_cases import LOGGING, PROJECT, USES, Files

COMMENTS = "commentControl: COMMENTS_ENABLED"
KEYS = [f"_KEY_{number}" for number in range(201)]
USES_KEYS = f"{USES}  args: ['{' '.join(f'${key}' for key in KEYS)}']\n{LOGGING}"


def on_github(push: str) -> str:
    """Return a trigger whose *push* of GitHub has a line of its own."""
    return trigger("github:", "  owner: acme", "  name: mono", f"  {push}", but=BRANCH)


def keys(count: int) -> list[str]:
    return [f"  {key}: x" for key in KEYS[:count]]


def alone(bad: str, good: str) -> tuple[Files, Files]:
    return {"triggers.yaml": bad}, {"triggers.yaml": good}


def config(bad: str, good: str) -> tuple[Files, Files]:
    return {"cloudbuild.yaml": bad}, {"cloudbuild.yaml": good}


INNER = PROJECT.replace("'a'", "'b'")
LONG_KEY = "_" + "K" * 99
USES_LONG = f"{USES}  args: [${LONG_KEY}]\n{LOGGING}"

FURTHER: dict[str, tuple[Files, Files]] = {
    "SW205 of a whole reference": alone(
        on_github("push: {tag: ^refs/tags/v.*$}  # SW205"), on_github("push: {tag: ^v.*$}")
    ),
    "SW601 of a directory": alone(
        trigger("includedFiles:", "- cloudbuild.yaml", "- src  # SW601"),
        trigger("includedFiles: [cloudbuild.yaml, 'src/**']"),
    ),
    "SW101 for a dash at the end": alone(
        trigger("name: a-  # SW101", but=NAME), trigger("name: a-b", but=NAME)
    ),
    "SW101 for the length": alone(
        trigger(f"name: {'a' * 65}  # SW101", but=NAME),
        trigger(f"name: {'a' * 64}", but=NAME),
    ),
    "SW102 for nothing": alone(
        f"{NAME}  # SW102\n{FILENAME}\n{RUNS_AS}\n",
        f"{NAME}\n{FILENAME}\n{RUNS_AS}\neventType: MANUAL\n",
    ),
    "SW102 for nothing but a build": alone(
        f"{NAME}  # SW102\nautodetect: true\n{RUNS_AS}\n",
        f"{NAME}\nsourceToBuild: {{uri: a}}\nautodetect: true\n{RUNS_AS}\n",
    ),
    "SW103 for neither": alone(on_github("push: {}  # SW103"), trigger()),
    "SW103 for no event": alone(
        trigger("github: {owner: acme, name: mono}  # SW103", but=BRANCH), trigger()
    ),
    "SW103 for both events": alone(
        trigger(
            f"github: {{owner: acme, name: mono, push: {{branch: ^main$}},"
            f" pullRequest: {{branch: ^main$, {COMMENTS}}}}}  # SW103",
            but=BRANCH,
        ),
        trigger(),
    ),
    "SW103 for a pull request": alone(
        on_github(f"pullRequest: {{{COMMENTS}}}  # SW103"),
        on_github(f"pullRequest: {{branch: ^main$, {COMMENTS}}}"),
    ),
    "SW104 for none": alone(f"{NAME}  # SW104\n{BRANCH}\n{RUNS_AS}\n", trigger()),
    "SW106 for a link": alone(
        trigger(
            "developerConnectEventConfig:",
            "  push: {branch: ^main$}",
            f"  gitRepositoryLink: {CONNECTION}/repositories/r  # SW106",
            but=BRANCH,
        ),
        trigger(
            "developerConnectEventConfig:",
            "  push: {branch: ^main$}",
            f"  gitRepositoryLink: {CONNECTION}/gitRepositoryLinks/r",
            but=BRANCH,
        ),
    ),
    "SW106 for no name": alone(
        trigger("github: {owner: acme, push: {branch: ^main$}}  # SW106", but=BRANCH), trigger()
    ),
    "SW106 for no owner": alone(
        trigger("github: {name: mono, push: {branch: ^main$}}  # SW106", but=BRANCH), trigger()
    ),
    "SW107 for a tag": alone(on_github("push: {tag: '^v(?=1)$'}  # SW107"), trigger()),
    "SW107 for a pull request": alone(
        on_github(f"pullRequest: {{branch: '^(a$', {COMMENTS}}}  # SW107"), trigger()
    ),
    "SW107 for a template": alone(
        trigger("triggerTemplate: {repoName: r, branchName: '^[a$'}  # SW107", but=BRANCH),
        trigger("triggerTemplate: {repoName: r, branchName: '^a$'}", but=BRANCH),
    ),
    "SW108 for an ignored file": alone(
        trigger("ignoredFiles:", "- 'src/{a'  # SW108"), trigger("ignoredFiles: ['src/{a.py,b}']")
    ),
    "SW109 for what Cloud Build sets": (
        {
            "triggers.yaml": trigger(
                pull_request(COMMENTS), "substitutions:", "  _PR_NUMBER: x  # SW109", but=BRANCH
            ),
            "cloudbuild.yaml": f"{USES}  args: [$_PR_NUMBER]\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger(pull_request(COMMENTS), but=BRANCH),
            "cloudbuild.yaml": f"{USES}  args: [$_PR_NUMBER]\n{LOGGING}",
        },
    ),
    "SW109 for the number": (
        {
            "triggers.yaml": trigger("substitutions:  # SW109", *keys(201)),
            "cloudbuild.yaml": USES_KEYS,
        },
        {
            "triggers.yaml": trigger("substitutions:", *keys(200)),
            "cloudbuild.yaml": USES_KEYS.replace(" $_KEY_200", ""),
        },
    ),
    "SW109 for a long key": (
        {
            "triggers.yaml": trigger("substitutions:", f"  {LONG_KEY}K: x  # SW109"),
            "cloudbuild.yaml": USES_LONG.replace(LONG_KEY, f"{LONG_KEY}K"),
        },
        {
            "triggers.yaml": trigger("substitutions:", f"  {LONG_KEY}: x"),
            "cloudbuild.yaml": USES_LONG,
        },
    ),
    "SW109 for a long value": (
        {
            "triggers.yaml": trigger("substitutions:", f"  _A: {'x' * 4001}  # SW109"),
            "cloudbuild.yaml": USES_LONG.replace(LONG_KEY, "_A"),
        },
        {
            "triggers.yaml": trigger("substitutions:", f"  _A: {'x' * 4000}"),
            "cloudbuild.yaml": USES_LONG.replace(LONG_KEY, "_A"),
        },
    ),
    "SW111 for a type of event": alone(
        trigger("eventType: WEBHOOK  # SW111"), trigger("eventType: REPO")
    ),
    "SW111 for no repository": alone(
        f"{NAME}\nwebhookConfig: {{secret: s}}\nautodetect: true\neventType: REPO  # SW111\n"
        f"{RUNS_AS}\n",
        f"{NAME}\nwebhookConfig: {{secret: s}}\nautodetect: true\neventType: WEBHOOK\n{RUNS_AS}\n",
    ),
    "SW111 for a file": alone(
        f"{NAME}\npubsubConfig: {{topic: t}}\n{RUNS_AS}\n{FILENAME}  # SW111\n",
        f"{NAME}\npubsubConfig: {{topic: t}}\n{RUNS_AS}\nautodetect: true\n",
    ),
    "SW111 for a source": alone(
        trigger("sourceToBuild: {uri: a}  # SW111"), trigger("eventType: REPO")
    ),
    "SW201 for one of two": alone(
        on_github("push: {branch: '^main$|dev$'}  # SW201"),
        on_github("push: {branch: '^main$|^dev$'}"),
    ),
    "SW201 for a pull request": alone(
        on_github(f"pullRequest: {{branch: main$, {COMMENTS}}}  # SW201"),
        on_github(f"pullRequest: {{branch: ^main$, {COMMENTS}}}"),
    ),
    "SW205 for a template": alone(
        trigger("triggerTemplate: {repoName: r, tagName: '^v/$'}  # SW205", but=BRANCH),
        trigger("triggerTemplate: {repoName: r, branchName: '^v/$'}", but=BRANCH),
    ),
    "SW210 for a substitution": alone(
        trigger("ignoredFiles:", "- $_DIRECTORY/**  # SW210"),
        trigger("ignoredFiles: ['src/**']"),
    ),
    "SW210 for a slash at the end": alone(
        trigger("ignoredFiles:", "- src/  # SW210"), trigger("ignoredFiles: ['src/**']")
    ),
    "SW210 for a slash at the beginning": alone(
        trigger("ignoredFiles:", "- /src/a.py  # SW210"), trigger("ignoredFiles: ['src/a.py']")
    ),
    "SW210 for a hidden directory": alone(
        trigger("ignoredFiles:", "- ./.github/**  # SW210"), trigger("ignoredFiles: ['src/**']")
    ),
    "SW210 for a dot": alone(
        trigger("ignoredFiles:", "- .  # SW210"), trigger("ignoredFiles: ['src/**']")
    ),
    "SW401 of a length": config(
        steps("  args: [-c, 'echo $$${#_A}']  # SW401"),
        steps("  args: [-c, 'echo $${#_A} ${#name}']"),
    ),
    "SW402 of another step": config(
        steps("  script: echo $_A", "  env: ['_A=$PROJECT_ID']", "- name: bash",
              "  script: echo $_A  # SW402"),
        steps("  script: echo $_A", "  env: ['_A=$PROJECT_ID']", "- name: bash",
              "  script: _A=1; echo $_A $HOME \\$_B"),
    ),
    "SW402 where a step wants none": config(
        steps("  script: echo $_A  # SW402", "  automapSubstitutions: false",
              "options: {automapSubstitutions: true}"),
        steps("  script: echo $_A", "options: {automapSubstitutions: true}"),
    ),
    "SW402 after other words": config(
        steps("  script: true; echo $_A  # SW402"),
        steps("  script: true; for _A in 1; do echo $_A; done"),
    ),
    "SW402 but for secrets": config(
        steps("  script: echo $_A  # SW402"),
        steps("  script: echo $_A", "  secretEnv: [_A]", "availableSecrets:",
              "  secretManager: [{versionName: projects/p/secrets/s/versions/1, env: _A}]"),
    ),
    "SW404 of a key of KMS, and not of a bucket": config(
        steps("  secretEnv: [S]", "secrets:", "- kmsKeyName: $PROJECT_ID  # SW404",
              "  secretEnv: {S: eA==}"),
        f"{USES}logsBucket: gs://$PROJECT_ID\n",
    ),
    "SW014 of a value": config(
        f"{USES}options: {{machineType: E2_STANDARD_2}}  # SW014\n",
        f"{USES}options: {{env: ['A=$PROJECT_ID'], workerPool: $_POOL}}\nqueueTtl: 259200s\n",
    ),
    "SW014 of a trigger": alone(
        trigger("build:", "  steps: [{name: bash, results: [{name: a}]}]  # SW014",
                "  options: {logging: NONE}", but=FILENAME),
        trigger("build: {steps: [{name: bash}], options: {logging: NONE}}", but=FILENAME),
    ),
    "SW310 of a registry": config(
        f"{USES}artifacts:\n  pythonPackages:\n  - paths: [a]\n"
        "    repository: https://us-python.pkg.dev/$PROJECT_ID/r/simple  # SW310\n",
        f"{USES}artifacts:\n  objects: {{location: '$_BUCKET/a', paths: [a]}}\n"
        "  pythonPackages: [{repository: 'https://$LOCATION-python.pkg.dev/p/r/', paths: [a]}]\n",
    ),
    "SW310 of a short value": config(
        f"{USES}artifacts:\n  objects: {{location: $_B, paths: [a]}}  # SW310\n"
        "substitutions: {_B: b}\n",
        f"{USES}artifacts:\n  objects: {{location: $_B, paths: [a]}}\n"
        "substitutions: {_B: 'gs://b'}\n",
    ),
    "SW314 of a name that is declared": config(
        f"{USES}  args: [$ENTRIES_DIR, $_ENTRIES_DIR]  # SW314\n"
        "substitutions: {_ENTRIES_DIR: x}\n",
        f"{USES}  args: [$_ENTRIES_DIR]\nsubstitutions: {{_ENTRIES_DIR: x}}\n",
    ),
    "SW317 of a secret": config(
        f"{USES}  secretEnv: [S]\navailableSecrets:\n  secretManager:\n"
        "  - {versionName: projects/$PROJECT_ID/secrets/s, env: S}  # SW317\n",
        f"{USES}  secretEnv: [S]\navailableSecrets:\n  secretManager:\n"
        "  - {versionName: projects/$PROJECT_ID/secrets/s/versions/$_VERSION, env: S}\n",
    ),
    "SW317 of a pool": config(
        f"{USES}options:\n  pool: {{name: pools/a}}  # SW317\n",
        f"{USES}options: {{pool: {{name: projects/p/locations/l/workerPools/a}}}}\n",
    ),
    "SW410 not where another program reads it": config(
        steps("  entrypoint: make", "  args: ['A=$${A}']  # SW410"),
        steps("  entrypoint: /bin/sh", "  args: [-c, 'echo $${A}']"),
    ),
    "SW406 of options": config(
        f"{USES}options:\n  disk_size_gb: 200  # SW406\n",
        f"{USES}options:\n  diskSizeGb: 200\n",
    ),
    "SW406 not of keys of substitutions": config(
        f"{USES}  wait_for: ['-']  # SW406\n",
        f"{USES}  args: [$_snake_case]\n".replace("$_snake_case", "snake_case"),
    ),
    "SW204 with a config without a place for logs": (
        {
            "triggers.yaml": f"{NAME}  # SW204\n{BRANCH}\n{FILENAME}\n",
            "cloudbuild.yaml": USES,
        },
        {"triggers.yaml": trigger()},
    ),
    "SW312 and not for the trigger, too": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}{RUNS_AS}  # SW312\n",
        },
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}{RUNS_AS}\n{LOGGING}"},
    ),
    "SW315 of a trigger": (
        {
            "triggers.yaml": trigger("substitutions: {_A: '${_B}', _B: '${_A}'}  # SW315"),
            "cloudbuild.yaml": f"{USES}  args: [$_A]\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger("substitutions: {_A: '${_B}', _B: x}"),
            "cloudbuild.yaml": f"{USES}  args: [$_A]\n{LOGGING}",
        },
    ),
    "SW502 of an inline build": alone(
        trigger("build:", "  steps: [{name: bash, args: [$_A]}]  # SW502",
                "  options: {logging: NONE}", but=FILENAME),
        trigger("build: {steps: [{name: bash, args: [$_A]}], options: {logging: NONE}}",
                "substitutions: {_A: x}", but=FILENAME),
    ),
    "SW502 of a pull request's number after a push": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}  args: [$_PR_NUMBER]  # SW502\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger(pull_request(COMMENTS), but=BRANCH),
            "cloudbuild.yaml": f"{USES}  args: [$_PR_NUMBER]\n{LOGGING}",
        },
    ),
    "SW504 for two": (
        {"triggers.yaml": two("name: b"), "cloudbuild.yaml": f"{USES}options: {{}}  # SW504\n"},
        {"triggers.yaml": two("name: b"), "cloudbuild.yaml": f"{USES}{LOGGING}"},
    ),
    "SW505 not of a substitution": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}serviceAccount: projects/p/serviceAccounts/o  # SW505\n"
            f"{LOGGING}",
        },
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}serviceAccount: projects/p/serviceAccounts/$PROJECT_ID\n"
            f"{LOGGING}",
        },
    ),
    "SW506 after a tag": (
        {
            "triggers.yaml": on_github("push: {tag: ^v1$}"),
            "cloudbuild.yaml": f"{USES}  args: [$BRANCH_NAME]  # SW506\n{LOGGING}",
        },
        {
            "triggers.yaml": on_github("push: {tag: ^v1$}"),
            "cloudbuild.yaml": f"{USES}  args: [$TAG_NAME]\n{LOGGING}",
        },
    ),
    "SW506 after a pull request": (
        {
            "triggers.yaml": trigger(pull_request(COMMENTS), but=BRANCH),
            "cloudbuild.yaml": f"{USES}  args: [$TAG_NAME]  # SW506\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger(pull_request(COMMENTS), but=BRANCH),
            "cloudbuild.yaml": f"{USES}  args: [$REF_NAME]\n{LOGGING}",
        },
    ),
    "SW603 for the innermost": (
        {
            "triggers.yaml": trigger("includedFiles: [cloudbuild.yaml, 'packages/a/*.toml']"),
            "packages/a/pyproject.toml": PROJECT,
            "packages/a/inner/pyproject.toml": "# SW603\n" + INNER,
        },
        {
            "triggers.yaml": trigger("includedFiles: [cloudbuild.yaml, 'packages/a/**']"),
            "packages/a/pyproject.toml": PROJECT,
            "packages/a/inner/pyproject.toml": INNER,
        },
    ),
    "SW603 for the root": (
        {
            "triggers.yaml": trigger("includedFiles: [cloudbuild.yaml, 'src/**']"),
            "pyproject.toml": f"# SW603\n{PROJECT}",
        },
        {
            "triggers.yaml": trigger("includedFiles: ['**']"),
            "pyproject.toml": PROJECT,
        },
    ),
    "SW604 only of directories": (
        {
            "triggers.yaml": trigger("includedFiles:", "- cloudbuild.yaml", "- src/*  # SW604"),
            "src/sub/a.py": "",
        },
        {
            "triggers.yaml": trigger("includedFiles: [cloudbuild.yaml, src/a.py]"),
            "src/a.pyc": "",
        },
    ),
    "SW604 but for what is ignored": (
        {
            "triggers.yaml": trigger("includedFiles:", "- cloudbuild.yaml", "- src/*  # SW604"),
            "src/sub/b.py": "",
            "src/sub/c.py": "",
        },
        {
            "triggers.yaml": trigger(
                "includedFiles: [cloudbuild.yaml, src/*]", "ignoredFiles: ['src/sub/**']"
            ),
            "src/sub/b.py": "",
        },
    ),
}  # fmt: skip
