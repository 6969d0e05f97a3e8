"""For each code of several files: the smallest repository that has it, and one that has not.

A finding is expected where its code is written as a comment, and nowhere else. Without a file
`triggers.yaml` the whole repository is judged, by its manifest.
"""

from __future__ import annotations

from importlib import resources

from tests.unit.triggers.rules.file_cases import ACCOUNT, BRANCH, FILENAME, pull_request, trigger
from triggers.manifest.starting import shared_build_configs

LOGGING = "options: {logging: NONE}\n"
USES = "steps:\n- name: bash\n"
MANIFEST = """\
project: p-project
region: us-central1
registry: us-central1/p-project/pypi
image: us-central1-docker.pkg.dev/p-project/docker/shipwheel:1
source: {github: {owner: acme, name: mono}}
"""
DEPLOY = "deploy: {afterPublish: true, function: {buildServiceAccount: builder}}\n"
PROJECT = "[project]\nname = 'a'\nversion = '1'\n[build-system]\nrequires = []\n"
PACKAGE = {"packages/a/pyproject.toml": PROJECT, "packages/a/sub/a.py": ""}
COMMENTS = "commentControl: COMMENTS_ENABLED"
SHARED = f"{USES}  args: [$_DIRECTORY, $_IMAGE, $_REGION, $_REPO]\n{LOGGING}"
WHOLE = {
    **PACKAGE,
    "cloudbuild/check-package.yaml": SHARED,
    "cloudbuild/publish-package.yaml": SHARED,
}
FUNCTION = {
    "functions/f/main.py": "import functions_framework\nmain = print\n",
    "functions/f/requirements.txt": "a\n",
    "cloudbuild/deploy-function.yaml": f"{USES}{LOGGING}",
}

EARLIER = resources.files("triggers.manifest") / "earlier" / "publish-package.1.yaml"

Files = dict[str, str]


def marked(code: str) -> str:
    """Return the manifest with *code* on its first line, where findings about all of it are."""
    return MANIFEST.replace("\n", f"  # {code}\n", 1)


def included(*globs: str, more: str = "") -> Files:
    listed = "\n".join(f"- {glob}" for glob in globs)
    return {"triggers.yaml": trigger(f"includedFiles:\n{listed}{more}")}


CASES: dict[str, tuple[Files, Files]] = {
    "SW510": (
        {
            **WHOLE,
            "shipwheel.yaml": MANIFEST,
            "cloudbuild/publish-package.yaml": EARLIER.read_text().replace("\n", "  # SW510\n", 1),
        },
        {
            **WHOLE,
            "shipwheel.yaml": MANIFEST,
            **{
                path: text
                for path, text in shared_build_configs().items()
                if path == "cloudbuild/publish-package.yaml"
            },
        },
    ),
    "SW501": (
        {"triggers.yaml": trigger("filename: ci.yaml  # SW501", but=FILENAME)},
        {"triggers.yaml": trigger()},
    ),
    "SW502": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}  args:\n  - a\n  - $_REGION  # SW502\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}  args: [$_A]\nsubstitutions: {{_A: x}}\n{LOGGING}",
        },
    ),
    "SW503": (
        {"triggers.yaml": trigger("substitutions:\n  _A: x  # SW503")},
        {
            "triggers.yaml": trigger("substitutions: {_A: x}"),
            "cloudbuild.yaml": f"{USES}  args: [$_A]\n{LOGGING}",
        },
    ),
    "SW503 in the manifest": (
        {
            **WHOLE,
            "shipwheel.yaml": f"{MANIFEST}substitutions:\n  _UNUSED: x  # SW503\n",
        },
        {**WHOLE, "shipwheel.yaml": MANIFEST},
    ),
    "SW503 of what is deployed afterwards": (
        {
            **WHOLE,
            **FUNCTION,
            "shipwheel.yaml": f"{marked('SW503')}{DEPLOY}",
            "packages/a/cloudbuild.yaml": f"{USES}{LOGGING}",
        },
        {
            **WHOLE,
            **FUNCTION,
            "shipwheel.yaml": f"{MANIFEST}{DEPLOY}",
            "packages/a/cloudbuild.yaml": f"{USES}  args: [$_THEN_DEPLOY]\n{LOGGING}",
        },
    ),
    "SW504": (
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}options: {{}}  # SW504\n"},
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}logsBucket: gs://logs\n"},
    ),
    "SW509": (
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}  args: a  # SW509\n{LOGGING}"},
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}  args: [a]\n{LOGGING}"},
    ),
    "SW505": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}serviceAccount: projects/p/serviceAccounts/o  # SW505\n"
            f"{LOGGING}",
        },
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}serviceAccount: {ACCOUNT}\n{LOGGING}",
        },
    ),
    "SW506": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}  args: [$TAG_NAME]  # SW506\n{LOGGING}",
        },
        {
            "triggers.yaml": trigger(pull_request(COMMENTS), but=BRANCH),
            "cloudbuild.yaml": f"{USES}  args: [$BRANCH_NAME, $_PR_NUMBER]\n{LOGGING}",
        },
    ),
    "SW507": (
        {"triggers.yaml": trigger("includedFiles:  # SW507", "- 'src/**'")},
        included("'src/**'", "cloudbuild.yaml"),
    ),
    "SW508": (
        {
            "triggers.yaml": trigger(),
            "cloudbuild.yaml": f"{USES}options:\n  logging: NONE\n"
            "  requestedVerifyOption: VERIFIED  # SW508\n",
        },
        {"triggers.yaml": trigger(), "cloudbuild.yaml": f"{USES}{LOGGING}"},
    ),
    "SW601": (
        included("cloudbuild.yaml", "'gone/**'  # SW601"),
        included("cloudbuild.yaml", "'src/**'"),
    ),
    "SW602": (
        {"triggers.yaml": trigger("ignoredFiles:", "- '**/*.rst'  # SW602")},
        {"triggers.yaml": trigger("ignoredFiles:", "- '**/*.py'")},
    ),
    "SW603": (
        {
            **included("cloudbuild.yaml", "packages/a/*.toml"),
            **PACKAGE,
            "packages/a/pyproject.toml": f"# SW603\n{PROJECT}",
        },
        {**included("cloudbuild.yaml", "'packages/a/**'"), **PACKAGE},
    ),
    "SW604": (
        {**included("cloudbuild.yaml", "src/*  # SW604"), "src/sub/b.py": ""},
        included("cloudbuild.yaml", "src/*"),
    ),
    "SW605": (
        included("cloudbuild.yaml", more="\nignoredFiles: ['*.yaml']  # SW605"),
        included("cloudbuild.yaml", "'src/**'", more="\nignoredFiles: ['*.yaml']"),
    ),
    "SW701": (
        {**WHOLE, "shipwheel.yaml": f"{MANIFEST}groupin: target  # SW701\n"},
        {**WHOLE, "shipwheel.yaml": f"{MANIFEST}grouping: target\n"},
    ),
    "SW702": (
        {
            **WHOLE,
            "shipwheel.yaml": f"{marked('SW702')}check: {{serviceAccount: s}}\n"
            "publish: {serviceAccount: s}\n",
        },
        {**WHOLE, "shipwheel.yaml": f"{MANIFEST}check: {{serviceAccount: s}}\n"},
    ),
    "SW703": (
        {
            **{
                f"packages/a{i}/pyproject.toml": PROJECT.replace("'a'", f"'a{i}'")
                for i in range(151)
            },
            **{path: text for path, text in WHOLE.items() if path.startswith("cloudbuild/")},
            "shipwheel.yaml": marked("SW703"),
        },
        {**WHOLE, "shipwheel.yaml": MANIFEST},
    ),
}
