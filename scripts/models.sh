#!/usr/bin/env bash
# What several threads do without a lock, in every order that there is: tests/models, with loom. Arguments go to the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

# A mistake in a model may make it endless; all of them take seconds.
RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/models CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only CARGO_PROFILE_DEV_OPT_LEVEL=1 \
    timeout 300 cargo test --locked --quiet --manifest-path tests/models/Cargo.toml -- "$@"
