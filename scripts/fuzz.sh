#!/usr/bin/env bash
# Feeds the fuzz targets (fuzz/README.md): ./scripts/fuzz.sh [--seconds N] [--jobs N] [TARGET...]
#
#   --seconds N   how long each target runs; 20 without it, as in CI. From 60 on what was found interesting is kept below
#                 target/fuzz/corpus, and the next run goes on from there
#   --jobs N      how many targets run at once; as many as there are processors without it
#   TARGET        these alone; all without one
#
# Exits with 1 when a target found something, and says which file makes it happen again.
#
# No sanitizer and no nightly: there is no unsafe code in this crate for AddressSanitizer to look into, and without one every flag of the
# instrumentation is a stable one. What replaces it are debug assertions, overflow checks and the properties that the targets assert.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_fuzz_version=0.13.2
seconds=20
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
targets=()
while [ "$#" -gt 0 ]; do
    case "$1" in
        --seconds) seconds=${2:?--seconds N}; shift 2 ;;
        --jobs) jobs=${2:?--jobs N}; shift 2 ;;
        -*) echo "fuzz.sh: $1 is no option; its head tells which there are" >&2; exit 64 ;;
        *) targets+=("$1"); shift ;;
    esac
done
all=(fuzz/fuzz_targets/*.rs)
all=("${all[@]##*/}")
all=("${all[@]%.rs}")
[ "${#targets[@]}" -gt 0 ] || targets=("${all[@]}")
for target in "${targets[@]}"; do
    [ -f "fuzz/fuzz_targets/$target.rs" ] || { echo "fuzz.sh: $target is none of: ${all[*]}" >&2; exit 64; }
done

if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
fi
command -v cargo >/dev/null || { echo "fuzz.sh: cargo is missing; install Rust first" >&2; exit 69; }
# libFuzzer is built from its source, which is C++.
if ! command -v c++ >/dev/null; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "fuzz.sh: as root: apt-get install g++ libc6-dev" >&2; exit 69; }
        as_root=(sudo)
    fi
    echo "fuzz.sh: installing g++" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ libc6-dev >/dev/null
fi
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz_version" ]; then
    PATH="$PWD/target/tools/bin:$PATH"
    if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz_version" ]; then
        # It starts a build, and no more: a quick build is worth more than a quick program.
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install cargo-fuzz --quiet --locked --version "$cargo_fuzz_version" --root target/tools
    fi
fi

triple=$(rustc -vV | sed -n 's/^host: //p')
began=$SECONDS
# `cargo fuzz` itself would change a lock file that is not up to date.
cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml --target "$triple"
selected=()
[ "${#targets[@]}" -gt 1 ] || selected=("${targets[0]}")
# `--release`: without it debug assertions are a flag for all crates, and the profile of fuzz/Cargo.toml has no say in which have them.
# Names of functions are all that a trace needs: lines cost a tenth of the build.
RUSTFLAGS="${RUSTFLAGS:-} -Cdebuginfo=0" CARGO_INCREMENTAL=0 CARGO_NET_OFFLINE=true \
    cargo fuzz build --release --sanitizer none --codegen-units 16 --target-dir target/fuzz "${selected[@]}"
echo "fuzz.sh: built in $((SECONDS - began)) s; ${#targets[@]} targets for $seconds s each, $jobs at a time"

logs=target/fuzz/logs
passing=$(mktemp -d)
trap 'rm -rf "$passing"' EXIT
mkdir -p "$logs"
findings=0

# Runs one target. What it finds interesting goes into the first folder, and the committed corpus is only read.
run() {
    local target=$1 working=$passing/$1 dictionary=()
    [ "$seconds" -lt 60 ] || working=target/fuzz/corpus/$target
    [ ! -f "fuzz/dictionaries/$target" ] || dictionary=("-dict=fuzz/dictionaries/$target")
    mkdir -p "$working" "fuzz/artifacts/$target"
    # An input that takes 25 s, or 2 GiB, is a finding as much as a panic is.
    nice -n 5 "target/fuzz/$triple/release/$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" "${dictionary[@]}" "$working" "fuzz/corpus/$target" >"$logs/$target.log" 2>&1
}

# Says what came of a target whose run has ended with status $2.
tell() {
    local target=$1 log=$logs/$1.log found=0 artefact
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
    [ "$2" -eq 0 ] || found=1
    last=$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -n 1)
    printf 'fuzz: target=%s seconds=%s executions=%s per_second=%s cov=%s ft=%s corpus=%s findings=%s\n' "$target" "$seconds" \
        "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" "$(sed -E 's/.* cov: ([0-9]+).*/\1/' <<<"$last")" \
        "$(sed -E 's/.* ft: ([0-9]+).*/\1/' <<<"$last")" "$(sed -E 's/.* corp: ([0-9]+).*/\1/' <<<"$last")" "$found"
    [ "$found" -eq 1 ] || return 0
    findings=$((findings + 1))
    grep -aE "panicked|^ *(left|right): |ERROR: libFuzzer|^assertion" -A 3 "$log" | head -n 20 >&2 || true
    artefact=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf 'fuzz.sh: %s found something (%s)\n' "$target" "$log" >&2
    [ -z "$artefact" ] || printf '  happens again with: target/fuzz/%s/release/%s %s\n' "$triple" "$target" "$artefact" >&2
}

declare -A running=()
finish() {
    local pid status=0
    wait -n -p pid "${!running[@]}" || status=$?
    tell "${running[$pid]}" "$status"
    unset "running[$pid]"
}
for target in "${targets[@]}"; do
    [ "${#running[@]}" -lt "$jobs" ] || finish
    run "$target" &
    running[$!]=$target
done
while [ "${#running[@]}" -gt 0 ]; do
    finish
done
echo "fuzz.sh: ${#targets[@]} targets, $findings with a finding, $((SECONDS - began)) s in all"
[ "$findings" -eq 0 ]
