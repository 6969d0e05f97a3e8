#!/usr/bin/env bash
# Runs the unit tests in the image, against the wheel that is installed there: in a copy of the
# checkout without the code. The container is thrown away, so its environment may take the tests'
# requirements; their lock file agrees with the image's.
set -euo pipefail
python=/opt/shipwheel/bin/python
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

uv pip install --quiet --no-cache --python "$python" --require-hashes --requirement tests/requirements.txt
cp -r -- * .ci .dockerignore .pre-commit-hooks.yaml "$copy"
cd "$copy"
find builder steps triggers -name '*.py' -delete
"$python" -m pytest --quiet -p no:cacheprovider tests/unit
"$python" -c 'import builder; assert builder.__file__.startswith("/opt/shipwheel/"), builder.__file__'
