#!/usr/bin/env bash
# Installs PACKAGE from the registry with pip into a fresh environment, and imports MODULE.
# Usage: REGION=us-central1 REPOSITORY=PROJECT/REPO install.sh PACKAGE MODULE
set -euo pipefail
package=$1
module=$2

if [[ -n ${ARTIFACT_REGISTRY_EMULATOR_HOST:-} ]]; then
  index=http://$ARTIFACT_REGISTRY_EMULATOR_HOST/$REPOSITORY/simple/
else
  # The user name makes every pip ask keyring for the token.
  index=https://oauth2accesstoken@$REGION-python.pkg.dev/$REPOSITORY/simple/
fi

# The keyring command is the tools' own; a pip that does not know the setting looks for it by itself.
export PIP_KEYRING_PROVIDER=subprocess

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
python3 -m venv "$fresh"
"$fresh/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
  --index-url "$index" "$package"
"$fresh/bin/python" -m pip list --disable-pip-version-check
"$fresh/bin/python" -c "import $module; print('imported', $module.__name__)"
