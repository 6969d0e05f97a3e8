"""What substitutions may be called and hold: the service's own keys, and limits on the user's."""

from __future__ import annotations

import re

# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
EVERY_BUILD = ("PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION")
TRIGGERED_BUILD = (
    "TRIGGER_NAME", "COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME",
    "BRANCH_NAME", "TAG_NAME", "REF_NAME", "TRIGGER_BUILD_CONFIG_PATH", "SERVICE_ACCOUNT_EMAIL",
    "SERVICE_ACCOUNT",
)  # fmt: skip
BUILT_IN = frozenset((*EVERY_BUILD, *TRIGGERED_BUILD))
# What `gcloud builds submit --substitutions` may set besides the user's own.
SUBMITTABLE = frozenset(
    {"COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "BRANCH_NAME", "TAG_NAME"}
)
# What Cloud Build sets itself in the builds of pull requests.
PULL_REQUEST = frozenset({"_HEAD_BRANCH", "_BASE_BRANCH", "_HEAD_REPO_URL", "_PR_NUMBER"})

# Of the user's own.
SUBSTITUTION_KEY = re.compile(r"_[A-Z0-9_]+")
MOST_SUBSTITUTIONS = 200
LONGEST_KEY = 100  # characters
LONGEST_VALUE = 4000  # characters
