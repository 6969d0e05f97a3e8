"""For each code of one file alone: the smallest file that has it, and one that has not.

A finding is expected where its code is written as a comment, and nowhere else.
"""

from __future__ import annotations

ACCOUNT = "projects/p/serviceAccounts/s@p.iam.gserviceaccount.com"
NAME = "name: a"
BRANCH = "github: {owner: acme, name: mono, push: {branch: ^main$}}"
FILENAME = "filename: cloudbuild.yaml"
RUNS_AS = f"serviceAccount: {ACCOUNT}"
CONNECTION = "projects/p/locations/l/connections/c"


def trigger(*lines: str, but: str = "") -> str:
    """Return a trigger that nothing is wrong with, with *lines*, without the line *but*."""
    every = [line for line in (NAME, BRANCH, FILENAME, RUNS_AS) if line != but]
    return "\n".join([*every, *lines]) + "\n"


def two(*names: str) -> str:
    """Return a trigger for each of *names*, after one whose name is a."""
    return "---\n".join([trigger(), *(trigger(name, but=NAME) for name in names)])


def pull_request(more: str) -> str:
    return f"github: {{owner: acme, name: mono, pullRequest: {{branch: ^main$, {more}}}}}"


# Files of triggers.
TRIGGER_CASES: dict[str, tuple[str, str]] = {
    "SW001": (trigger("tags: [  # SW001"), trigger("tags: []")),
    "SW002": (f"- {NAME}  # SW002\n", trigger()),
    "SW003": (trigger("---  # SW003"), two("name: b")),
    "SW004": ("# SW004\n", trigger()),
    "SW005": (trigger("tags: [x]  # SW005", "tags: [y]"), trigger("tags: [x]")),
    "SW006": (trigger("description: 3.10  # SW006"), trigger("description: '3.10'")),
    "SW007": (trigger("disabled: 'true'  # SW007"), trigger("disabled: true")),
    "SW008": (trigger("includeFiles: [a]  # SW008"), trigger("description: a")),
    "SW009": (trigger("includeBuildLogs: YES  # SW009"),
              trigger("includeBuildLogs: INCLUDE_BUILD_LOGS_WITH_STATUS")),
    "SW010": (trigger("event_type: REPO  # SW010", "eventType: REPO"), trigger("event_type: REPO")),
    "SW013": (trigger("description:\ta  # SW013"), trigger("description: 'a\tb'")),
    "SW101": (trigger("name: pkg/a  # SW101", but=NAME), trigger("name: pkg-a", but=NAME)),
    "SW102": (trigger("autodetect: true", "webhookConfig: {secret: s}  # SW102", but=FILENAME),
              f"{NAME}\nautodetect: true\nwebhookConfig: {{secret: s}}\n{RUNS_AS}\n"),
    "SW103": (trigger("github:", "  owner: acme", "  name: mono",
                      "  push: {branch: ^main$, tag: ^v.*}  # SW103", but=BRANCH),
              trigger("github: {owner: acme, name: mono, push: {tag: ^v.*}}", but=BRANCH)),
    "SW104": (trigger("autodetect: true  # SW104"), trigger()),
    "SW105": (trigger("serviceAccount: s@p.iam.gserviceaccount.com  # SW105", but=RUNS_AS),
              trigger()),
    "SW106": (trigger("repositoryEventConfig:", "  push: {branch: ^main$}",
                      "  repository: acme/mono  # SW106", but=BRANCH),
              trigger("repositoryEventConfig:", "  push: {branch: ^main$}",
                      f"  repository: {CONNECTION}/repositories/r", but=BRANCH)),
    "SW107": (trigger("github:", "  owner: acme", "  name: mono",
                      "  push: {branch: '*'}  # SW107", but=BRANCH), trigger()),
    "SW108": (trigger("includedFiles:", "- '**'", "- 'src/[a'  # SW108"),
              trigger("includedFiles: ['**', 'src/[a]*']")),
    "SW109": (trigger("substitutions:", "  region: x  # SW109"),
              trigger("filename: uses-region.yaml", "substitutions: {_REGION: x}", but=FILENAME)),
    "SW110": (trigger("bitbucketServerTriggerConfig: {push: {branch: ^main$}}",
                      "includeBuildLogs: INCLUDE_BUILD_LOGS_WITH_STATUS  # SW110", but=BRANCH),
              trigger("bitbucketServerTriggerConfig: {push: {branch: ^main$}}", but=BRANCH)),
    "SW111": (trigger("filter: 'true'  # SW111"), trigger("eventType: REPO")),
    "SW201": (trigger("github:", "  owner: acme", "  name: mono",
                      "  push: {branch: main}  # SW201", but=BRANCH),
              trigger("github: {owner: acme, name: mono, push: {branch: ^(main|dev)$}}",
                      but=BRANCH)),
    "SW202": (trigger(pull_request("invertRegex: true") + "  # SW202", but=BRANCH),
              trigger(pull_request("commentControl: COMMENTS_ENABLED"), but=BRANCH)),
    "SW203": (trigger("---", "name: b", pull_request("commentControl: COMMENTS_ENABLED"), FILENAME,
                      f"{RUNS_AS}  # SW203"),
              trigger("---", "name: b", pull_request("commentControl: COMMENTS_ENABLED"), FILENAME,
                      RUNS_AS.replace("s@p", "check@p"))),
    "SW204": (f"{NAME}  # SW204\n{BRANCH}\n{FILENAME}\n", trigger()),
    "SW205": (trigger("github:", "  owner: acme", "  name: mono",
                      "  push: {tag: ^v/.*$}  # SW205", but=BRANCH),
              trigger("github: {owner: acme, name: mono, push: {tag: ^v-.*$}}", but=BRANCH)),
    "SW214": (trigger("github:", "  owner: acme", "  name: mono",
                      "  push: {branch: ^refs/heads/main$}  # SW214", but=BRANCH), trigger()),
    "SW206": ("---\n".join(trigger().replace(NAME, f"name: a{i}" + "  # SW206" * (i == 300))
                           for i in range(301)),
              "---\n".join(trigger().replace(NAME, f"name: a{i}") for i in range(300))),
    "SW207": (f"{BRANCH}  # SW207\n{FILENAME}\n{RUNS_AS}\n", trigger()),
    "SW208": (trigger("id: '0815'  # SW208"), trigger()),
    "SW209": (two("name: a-b", "name: a--b  # SW209"), two("name: a-b", "name: ab")),
    "SW210": (trigger("ignoredFiles:", "- ./src/**  # SW210"), trigger("ignoredFiles: ['src/**']")),
    "SW211": (two("name: a  # SW211"), two("name: b")),
    "SW212": (trigger("build:", "  steps: [{name: bash, secretEnv: [MY_TOKEN]}]",
                      "  availableSecrets:", "    inline:", "    - kmsKeyName: k",
                      "      envMap: {MY_TOKEN: eA==}  # SW212",
                      "  options: {logging: NONE}", but=FILENAME),
              trigger("build:", "  steps: [{name: bash, secretEnv: [TOKEN]}]",
                      "  availableSecrets: {inline: [{kmsKeyName: k, envMap: {TOKEN: eA==}}]}",
                      "  options: {logging: NONE}", but=FILENAME)),
    "SW213": (trigger("gitFileSource: {path: a}  # SW213", but=FILENAME), trigger()),
}  # fmt: skip

STEP = "steps: [{name: bash}]"


def steps(*lines: str, name: str = "bash") -> str:
    return "\n".join(["steps:", f"- name: {name}", *lines]) + "\n"


# Build configs.
CONFIG_CASES: dict[str, tuple[str, str]] = {
    "SW014": (f"{STEP}\noptions: {{workerRelease: stable}}  # SW014\n",
              f"{STEP}\noptions: {{machineType: E2_MEDIUM}}\n"),
    "SW002": ("# SW002\n", f"{STEP}\n"),
    "SW006": (f"{STEP}\nsubstitutions:\n  _V: y  # SW006\nimages: [a$_V]\n",
              f"{STEP}\nsubstitutions:\n  _V: 'y'\nimages: [a$_V]\n"),
    "SW011": (f"{STEP}\nstatus: SUCCESS  # SW011\n", f"{STEP}\n"),
    "SW012": (f"{STEP}\nsubstitutions:\n  _V:  # SW012\nimages: [a$_V]\n",
              f"{STEP}\nsubstitutions:\n  _V: ''\nimages: [a$_V]\n"),
    "SW301": (f"{STEP}\ntimeout: 10 m  # SW301\n", f"{STEP}\ntimeout: 600s\n"),
    "SW302": (f"{STEP}\nsubstitutions:\n  _v: x  # SW302\n", f"{STEP}\n"),
    "SW303": ("steps: []  # SW303\n", f"{STEP}\n"),
    "SW304": ("steps:\n- args: [a]  # SW304\n", steps("  args: [a]")),
    "SW305": (steps("  args: [a]", "  script: b  # SW305"), steps("  script: b")),
    "SW306": (steps("  waitFor: [b]  # SW306", "- {name: bash, id: b}"),
              steps("  id: b", "- {name: bash, waitFor: [b]}")),
    "SW307": (steps("  id: b", "- name: bash", "  id: b  # SW307"),
              steps("  id: b", "- name: bash", "  id: c")),
    "SW308": (steps("  volumes: [{name: vol, path: /v}]  # SW308"),
              steps("  volumes: [{name: vol, path: /v}]", "- name: bash",
                    "  volumes: [{name: vol, path: /v}]")),
    "SW309": (steps("  secretEnv: [S]  # SW309"),
              steps("  secretEnv: [S]", "availableSecrets:",
                    "  secretManager: [{versionName: projects/p/secrets/s/versions/1, env: S}]")),
    "SW310": (f"{STEP}\nartifacts:\n  objects:\n    location: /tmp  # SW310\n    paths: [a]\n",
              f"{STEP}\nartifacts: {{objects: {{location: gs://b, paths: [a]}}}}\n"),
    "SW311": (f"{STEP}\noptions: {{diskSizeGb: 5000}}  # SW311\n",
              f"{STEP}\noptions: {{diskSizeGb: 500}}\n"),
    "SW312": (f"{STEP}\nserviceAccount: {ACCOUNT}  # SW312\n",
              f"{STEP}\nserviceAccount: {ACCOUNT}\noptions: {{logging: NONE}}\n"),
    "SW313": (f"{STEP}\nimages: [gcr.io/p/A]  # SW313\n", f"{STEP}\nimages: [gcr.io/p/a]\n"),
    "SW314": (steps("  args: [-c, 'echo $HOME']  # SW314"),
              steps("  args: [-c, 'echo $$HOME $1 $(date) $name']")),
    "SW315": (f"{STEP}\nsubstitutions:\n  _A: ${{_A}}  # SW315\nimages: [a$_A]\n",
              f"{STEP}\nsubstitutions: {{_A: '${{TAG_NAME:-x}}'}}\nimages: [a$_A]\n"),
    "SW316": (steps("  secretEnv: [S]", "secrets:", "- kmsKeyName: k",
                    "  secretEnv: {S: eA}  # SW316"),
              steps("  secretEnv: [S]", "secrets: [{kmsKeyName: k, secretEnv: {S: eA==}}]")),
    "SW317": (f"{STEP}\noptions: {{logging: NONE}}\nserviceAccount: a@b.c  # SW317\n",
              f"{STEP}\nserviceAccount: {ACCOUNT}\noptions: {{logging: NONE}}\n"),
    "SW401": (f"{STEP}\nimages: ['a:${{TAG_NAME:-x}}']  # SW401\n",
              steps("  args: [-c, 'echo $${TAG_NAME:-x} ${name:-x}']")),
    "SW402": (steps("  script: echo ${_WHO} $PROJECT_ID  # SW402"),
              steps("  script: echo ${_WHO} $PROJECT_ID", "  automapSubstitutions: true")),
    "SW403": (steps("  script: echo $$HOME  # SW403"), steps("  script: echo $HOME $$")),
    "SW404": (steps("  id: a$PROJECT_ID  # SW404"), steps("  id: a$NAME")),
    "SW405": (f"{STEP}\nsubstitutions:\n  _A: x  # SW405\n",
              f"{STEP}\nsubstitutions:\n  _A: x\nimages: [a$_A]\n"),
    "SW406": (steps("  wait_for: ['-']  # SW406"), steps("  waitFor: ['-']")),
    "SW407": (f"{STEP}\ntimeout: 10m  # SW407\n", f"{STEP}\ntimeout: 600s\n"),
    "SW408": (f"{STEP}\nsubstitutions:\n  _A: $BUCKET  # SW408\nimages: [a$_A]\n",
              f"{STEP}\nsubstitutions:\n  _A: $PROJECT_ID\nimages: [a$_A]\n"),
    "SW409": (steps("  args: echo hi  # SW409"), steps("  args: [echo hi]")),
    "SW410": (steps("  args: [build, $$TAG]  # SW410", name="docker"),
              steps("  args: [build, $$TAG]")),
}  # fmt: skip
