#!/usr/bin/env bash
# From an empty folder to a green connection, and through every rotation, as an operator would do it; fails at the first step that does
# not end as it should. `openssl` plays the parts of the others: Thales' CA, the CA of the server's certificates. Loopback only.
#
#   ./scripts/onboarding/walk.sh [PROGRAM]    PROGRAM: an issuer-host; default: target/release/issuer-host
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:-target/release/issuer-host}")
[ -x "$program" ] || { echo "walk.sh: $program is not there: cargo build --release --locked" >&2; exit 66; }
for tool in openssl python3 curl; do
    command -v "$tool" >/dev/null || { echo "walk.sh: $tool is missing" >&2; exit 69; }
done
here=$(realpath scripts/onboarding)

folder=$(mktemp -d)
started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$folder"

issuer_host() { "$program" "$@"; }
step() { printf '\n=== %s\n' "$*"; }
# run WHAT COMMAND...: shows what a command said where it fails.
run() {
    local what=$1
    shift
    if "$@" >said.txt 2>&1; then
        printf '  ok     %s\n' "$what"
    else
        printf '  FAILED %s (exit %s): %s\n' "$what" "$?" "$*" >&2
        cat said.txt >&2
        exit 1
    fi
}
# refused WHAT EXIT COMMAND...: the command has to end with this exit code.
refused() {
    local what=$1 code=$2 got=0
    shift 2
    "$@" >said.txt 2>&1 || got=$?
    if [ "$got" -ne "$code" ]; then
        printf '  FAILED %s: exit %s instead of %s: %s\n' "$what" "$got" "$code" "$*" >&2
        cat said.txt >&2
        exit 1
    fi
    printf '  ok     %s\n' "$what"
}
