#!/usr/bin/env bash
# Runs the real program under mixed load while trust, certificates, keys and backends change (benches/soak), and prints a report; fails when
# anything is lost, anybody is wrongly refused or admitted, or memory or descriptors grow.
#
#   ./scripts/soak.sh                     half an hour
#   ./scripts/soak.sh --minutes 3         CI's form: looser bounds for what grows, which two minutes cannot tell better
#   ./scripts/soak.sh --program PATH      a program that is built already; else the release is built
#
# SOAK_BIN names a benches/soak that is built already. Loopback only; it ends what it started, nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=30 program=""
while [ "$#" -gt 0 ]; do
    case "$1" in
        --minutes) minutes=${2:?minutes}; shift ;;
        --program) program=${2:?path of a program}; shift ;;
        *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64 ;;
    esac
    shift
done

if [ -z "$program" ]; then
    cargo build --release --locked --bin issuer-host
    program=${CARGO_TARGET_DIR:-target}/release/issuer-host
fi
if [ -n "${SOAK_BIN:-}" ]; then
    exec "$SOAK_BIN" --minutes "$minutes" --program "$program"
fi
exec cargo bench --locked --bench soak -- --minutes "$minutes" --program "$program"
