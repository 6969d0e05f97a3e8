#!/usr/bin/env bash
# Usage: builder/image-size.sh IMAGE BASE_IMAGE
# Lists what the image adds to its base, in MB, and what it is for. Fails where that is more than
# 163 MB, or where more than 2 MB of it is for no purpose in the list.
set -euo pipefail
image=$1 base=$2

files() { docker run --rm --network none --entrypoint find "$1" / -xdev -type f -printf '%s %p\n'; }

{ files "$base" && echo && files "$image"; } | awk '
  BEGIN { rest = "small programs of Debian packages that git requires" }
  !NF { is_image = 1; next }
  !is_image { in_base[$0]; next }
  $0 in in_base { next }
  { size = $1; path = substr($0, length(size) + 2); added += size; sizes[purpose(path)] += size }
  END {
    for (it in sizes) printf "%6.1f  %s\n", sizes[it] / 1e6, it | "sort -rn"
    close("sort -rn")
    printf "The image adds %.0f MB to its base (target: at most 163)\n", added / 1e6
    exit added > 163e6 || sizes[rest] > 2e6
  }
  function purpose(path) {
    if (path ~ /^\/opt\/shipwheel\/bin\/uv/) return "uv: makes build environments, pins requirements"
    if (path ~ /^\/opt\/shipwheel\/backends\//) return "wheels of build backends: builds need no index"
    if (path ~ /site-packages\/(builder|steps|triggers|shipwheel)/) return "Shipwheel"
    if (path ~ /^\/opt\/.*\.pyc$/) return "bytecode of libraries: without it every start compiles them"
    if (path ~ /\.pyc$/) return "bytecode of the standard library: the same"
    if (path ~ /site-packages\/(cryptography|cffi|_cffi|pycparser|google|pyasn1|keyring|jaraco|jeepney|secretstorage|more_itertools)/)
      return "keyring and google-auth: credentials, service-account keys"
    if (path ~ /site-packages\/(docutils|readme_renderer|nh3|pygments|check_wheel|wheel_filename)/)
      return "twine check: the readme, the contents of wheels"
    if (path ~ /site-packages\/(pydantic|annotated_types|typing_|tomlkit|_?yaml)/)
      return "the manifest: YAML, TOML, validation"
    if (path ~ /^\/opt\/shipwheel\//) return "twine, build, requests, rich, click and what they need"
    if (path ~ /\/git(-|\/|$)|git-core/) return "git: versions and dates, what changed"
    if (path ~ /^\/usr\/lib\/[^\/]*\/.*\.so/) return "libraries of git: HTTPS and its TLS"
    if (path ~ /^\/(var\/lib\/dpkg|usr\/share\/(doc|lintian|bug))\//) return "lists and licences of Debian packages"
    if (path ~ /^\/etc\/|ca-certificates|openssl|\/ssl\//) return "certificates and configuration"
    return rest
  }'
