#!/usr/bin/env bash
# Runs every test, those of traces (feature otlp) too, after installing what they call. Arguments go to `cargo test`.
#
# Without arguments the ignored tests come after the others: those that need PostgreSQL, nats-server, promtool, HAProxy or time. The
# first two are there in any case (scripts/services.sh), so that `./scripts/test.sh NAME -- --include-ignored` runs one of them.
#
# Besides Rust the build needs a C compiler (for the crypto library), and the tests call the server with clients that are not
# ours: curl, openssl and Java. Node.js joins in where it is present. promtool, Prometheus' own, tries the alerts,
# and HAProxy stands before two servers that are restarted one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
fi
command -v cargo >/dev/null || { echo "test.sh: cargo is missing; install Rust first" >&2; exit 69; }

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
command -v openssl >/dev/null || missing+=(openssl)
command -v javac >/dev/null || missing+=(default-jdk-headless)
# For promtool alone.
command -v promtool >/dev/null || missing+=(prometheus)
PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v haproxy >/dev/null || missing+=(haproxy)

if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "test.sh: as root: apt-get install ${missing[*]}" >&2; exit 69; }
        as_root=(sudo)
    fi
    echo "test.sh: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    # RUNLEVEL=1: Prometheus and HAProxy would each start as a service as soon as they are installed.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ "$#" -gt 0 ]; then
    exec ./scripts/services.sh -- cargo test --locked --features otlp "$@"
fi
# One of the ignored uses up its process' descriptors: another test runs it, in a process of its own.
exec ./scripts/services.sh -- \
    bash -c 'cargo test --locked --features otlp && cargo test --locked --features otlp -- --ignored --skip failure::with_few_descriptors'
