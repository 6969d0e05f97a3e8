"""Where a rule stops: repositories that come nearest to what it says, and have it not, or just.

A finding is expected where its code is written as a comment, and nowhere else.
"""

from __future__ import annotations

from tests.unit.triggers.rules.file_cases import (
    BRANCH,
    FILENAME,
    NAME,
    STEP,
    steps,
    trigger,
)
from tests.unit.triggers.rules.repository_cases import (
    LOGGING,
    MANIFEST,
    PACKAGE,
    PROJECT,
    SHARED,
    USES,
    WHOLE,
    Files,
    included,
    marked,
)

NEAR: dict[str, Files] = {
    "a package that a trigger of all files starts for, beside one of some files": {
        "triggers.yaml": "---\n".join(
            [trigger("includedFiles: [cloudbuild.yaml]"), trigger("name: b", but=NAME)]
        ),
        **PACKAGE,
    },
    "a package that is ignored by name": {
        "triggers.yaml": trigger("includedFiles: ['**/*.yaml']", "ignoredFiles: ['packages/a/**']"),
        **PACKAGE,
    },
    "a function without pyproject.toml that no trigger includes": {
        **included("cloudbuild.yaml"),
        "functions/f/main.py": "import functions_framework  # SW603\n",
        "functions/f/requirements.txt": "a\n",
    },
    "a package that only a trigger of a schedule is for": {
        **WHOLE,
        "triggers.yaml": "---\n".join(
            [
                trigger("includedFiles: [cloudbuild.yaml]"),
                trigger("name: b", "sourceToBuild: {uri: a}", but=BRANCH).replace(f"{NAME}\n", ""),
            ]
        ),
        "packages/a/pyproject.toml": f"{PACKAGE['packages/a/pyproject.toml']}".replace(
            "\n", "  # SW603\n", 1
        ),
    },
    "a trigger that ignores exactly what it includes": {
        "triggers.yaml": trigger(
            "includedFiles: [cloudbuild.yaml]", "ignoredFiles: [cloudbuild.yaml]  # SW605"
        ),
    },
    "a build config that is neither there nor included": {
        "triggers.yaml": trigger(
            "includedFiles: ['src/**']", "filename: ci.yaml  # SW501", but=FILENAME
        ),
    },
    "a substitution of the manifest that a build config uses, and one that none does": {
        **WHOLE,
        "cloudbuild/publish-package.yaml": SHARED.replace("[", "[$_USED, ", 1),
        "shipwheel.yaml": f"{MANIFEST}substitutions:\n  _USED: x\n  _UNUSED: x  # SW503\n",
    },
    "globs of what needs no release, of which a package of several has such files": {
        **WHOLE,
        "packages/b/pyproject.toml": PROJECT.replace("'a'", "'b'"),
        "packages/b/tests/test_b.py": "",
        "shipwheel.yaml": f"{MANIFEST}unversioned: [tests/**]\n",
    },
    "a glob of what needs no release that matches nothing of its package": {
        **WHOLE,
        "packages/a/pyproject.toml": f"{PROJECT}[tool.shipwheel]\nunversioned = ['tets/**']\n",
        "shipwheel.yaml": marked("SW602"),
    },
    "a tag's name in a build that is started by hand": {
        "triggers.yaml": trigger(
            "eventType: MANUAL", "sourceToBuild: {uri: a}", but=BRANCH
        ),
        "cloudbuild.yaml": f"{USES}  args: [$TAG_NAME]\n{LOGGING}",
    },
    "an expansion of a variable that is no substitution": {
        "cloudbuild.yaml": steps("  args: [-c, 'echo ${HOME:-x}']"),
    },
    "a key that begins as a substitution's": {
        "cloudbuild.yaml": f"{STEP}\nsubstitutions:\n  _Vx: x  # SW302\n",
    },
}  # fmt: skip
