#!/usr/bin/env bash
# Calls the server over mutual TLS with what schemathesis makes of every API description in tests/data/openapi: examples, missing and
# malformed fields, other methods, random ones. Fails at any answer that is no success and no documented problem, at a broken
# connection, and when the server panics (tests/schemathesis).
#
#   ./scripts/schemathesis.sh                15 generated calls for each operation, beside those that it always makes
#   ./scripts/schemathesis.sh --examples 500
#
# ISSUER_HOST_BINARY names a binary that is built already. Schemathesis is installed into target/, from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.32.5
venv=target/schemathesis-$version

if [ ! -x "$venv/bin/schemathesis" ]; then
    # Debian has venv in a package of its own, and python3 without it.
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        as_root=()
        [ "$(id -u)" -eq 0 ] || as_root=(sudo)
        echo "schemathesis.sh: installing python3-venv" >&2
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    fi
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi

binary=${ISSUER_HOST_BINARY:-}
if [ -z "$binary" ]; then
    cargo build --locked --quiet --features otlp
    binary=target/debug/issuer-host
fi

exec "$venv/bin/python" tests/schemathesis/run.py "$binary" "$venv/bin/schemathesis" tests/data/openapi "$@"
