#!/usr/bin/env bash
# Builds the program a second time, in another folder, with cargo's packages elsewhere, and compares the bytes.
#
#   ./scripts/container/reproducible.sh    after scripts/container/image.sh, with the same engine
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/container/said.sh

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

step "a second build, elsewhere, gives the same program"
scripts/container/source.sh "$folder/source"
docker build --network host --target tools --tag issuer-host-tools "$folder/source" >"$folder/build.log" 2>&1 \
    || { tail -n 50 "$folder/build.log" >&2; failed "docker build --target tools"; }
begun=$SECONDS
# The date of the first bill, in seconds.
epoch=$(date --date "$(sed -n 's/.*"timestamp": "\([^"]*\)".*/\1/p' target/container/sbom.cdx.json)" +%s)
docker run --rm --network host --env CARGO_HOME=/elsewhere/packages --env SOURCE_DATE_EPOCH="$epoch" \
    --volume "$folder/source:/elsewhere/deeper/down:ro" --volume "$folder:/built" issuer-host-tools sh -euc '
        cp -a /usr/local/cargo /elsewhere/packages
        cp -a /elsewhere/deeper/down /elsewhere/source-of-another-name
        cd /elsewhere/source-of-another-name
        ./scripts/container/build.sh /built/image
        ./scripts/container/bill.sh /built/image' >"$folder/build.log" 2>&1 \
    || { tail -n 50 "$folder/build.log" >&2; failed "the second build"; }
ok "it builds ($((SECONDS - begun)) s)"
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
is "the program: $(digest target/container/issuer-host)" "$(digest target/container/issuer-host)" "$(digest "$folder/image/issuer-host")"
is "the bill of materials" "$(digest target/container/sbom.cdx.json)" "$(digest "$folder/image/sbom.cdx.json")"
