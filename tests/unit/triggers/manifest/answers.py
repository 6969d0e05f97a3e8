"""What init is given in tests, and the files that it writes."""

from __future__ import annotations

REGISTRY = ["--registry", "us-central1/my-project/pypi"]


GITHUB = ["--github", "acme/monorepo"]


FILES = [
    "shipwheel.yaml",
    "cloudbuild/check-package.yaml",
    "cloudbuild/deploy-function.yaml",
    "cloudbuild/publish-package.yaml",
]
