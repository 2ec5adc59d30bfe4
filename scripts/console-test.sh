#!/usr/bin/env bash
# Opens the console in a real browser, against the real program with a sample PKI and traffic: wide and narrow, light and dark, with a
# keyboard, without scripts. Fails at any finding of axe-core, any request to another host, any breach of the page's own policy.
#
#   ./scripts/console-test.sh [FOLDER]    FOLDER: where screenshots go; default: none are kept
#
# ISSUER_HOST_BINARY names a program that is built already. Chromium and node.js are installed where they are missing (apt), what the
# tests are written with into target/ (npm). Loopback only; everything is in a temporary folder, and gone at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

playwright=1.65.1
axe=4.14.1
modules=$PWD/target/console-test-$playwright-$axe

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v openssl >/dev/null || missing+=(openssl)
[ -d "$modules/node_modules/axe-core" ] || command -v npm >/dev/null || missing+=(npm)
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "console-test.sh: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ ! -d "$modules/node_modules/axe-core" ]; then
    npm install --prefix "$modules" --silent --no-audit --no-fund --ignore-scripts \
        "playwright-core@$playwright" "axe-core@$axe"
fi

binary=${ISSUER_HOST_BINARY:-}
if [ -z "$binary" ]; then
    cargo build --locked --quiet --features otlp
    binary=target/debug/issuer-host
fi
binary=$(realpath "$binary")

screenshots=
if [ -n "${1:-}" ]; then
    mkdir -p "$1"
    screenshots=$(realpath "$1")
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
./scripts/console/pki.sh "$work/tls" "$binary"
NODE_PATH=$modules/node_modules CHROMIUM=$(command -v chromium) \
    node scripts/console/test.mjs "$binary" "$work" "$modules/node_modules" ${screenshots:+"$screenshots"}
