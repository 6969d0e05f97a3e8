#!/usr/bin/env bash
# Usage: builder/image-size.sh IMAGE BASE_IMAGE
# Prints how large the image is against its base and its tools; fails from 1.2 times on.
# Tools are the Debian packages that the image adds, by their own account, and the virtual
# environment without bytecode.
set -euo pipefail
image=$1 base=$2

run() { docker run --rm --network none --entrypoint "$2" "$1" "${@:3}"; }
bytes() { docker image inspect --format '{{.Size}}' "$1"; }
packages() { run "$1" dpkg-query --show --showformat "\${Installed-Size}\\n" | awk '{ n += $1 } END { print n }'; }

environment=$(run "$image" du -sk --exclude=__pycache__ --exclude=backends /opt/shipwheel | cut -f1)
tools=$((($(packages "$image") - $(packages "$base") + environment) * 1024))
awk -v image="$(bytes "$image")" -v base="$(bytes "$base")" -v tools="$tools" 'BEGIN {
  ratio = image / (base + tools)
  printf "The image takes %.0f MB, its base %.0f MB and its tools %.0f MB: %.2f times both (target: under 1.20)\n",
    image / 1e6, base / 1e6, tools / 1e6, ratio
  exit ratio >= 1.2
}'
