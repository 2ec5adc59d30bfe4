#!/usr/bin/env bash
# What the program is made of, and what it promises to those who build on it.
#
#   ./scripts/supply-chain.sh deny               licences, bans (one crypto provider, no crate twice but those known), sources
#   ./scripts/supply-chain.sh audit [--db PATH]  known vulnerabilities, by a copy of RustSec's advisory database (or ADVISORY_DB=PATH)
#   ./scripts/supply-chain.sh audit --control    that an advisory would be found: by a database of its own, with one that is made up
#   ./scripts/supply-chain.sh sbom FILE          the bill of materials of the program, as the container has it (CycloneDX 1.5)
#   ./scripts/supply-chain.sh msrv               that the oldest Rust that is promised will do
#   ./scripts/supply-chain.sh minimal            that the oldest versions that Cargo.toml allows will do
#   ./scripts/supply-chain.sh api [--write]      that docs/public-api.txt is the library's public API; --write makes it so
#   ./scripts/supply-chain.sh all                all of them
#
# Tools are installed into target/tools, each at the version that is written here.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=line-tables-only
tools=$PWD/target/tools/bin

say() { printf 'supply-chain: %s\n' "$1"; }
fail() { printf 'supply-chain: %s\n' "$1" >&2; exit 1; }
not_checked() { printf 'supply-chain: NOT CHECKED: %s\n' "$1" >&2; }
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64; }

# tool NAME VERSION [OPTION]...: fails where it cannot be had.
tool() {
    local name=$1 version=$2
    shift 2
    if [ -x "$tools/$name" ] && "$tools/$name" "${name#cargo-}" --version 2>/dev/null | grep -qwF "$version"; then
        return
    fi
    # It runs for a second or two: a quick build is worth more than a quick program.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install "$name" --quiet --locked --version "$version" "$@" --root target/tools
}

deny() {
    tool cargo-deny 0.20.2 --no-default-features || { not_checked "cargo-deny cannot be installed here"; return; }
    # What other platforms need as well, of which nothing was built here.
    cargo fetch --locked --quiet
    "$tools/cargo-deny" --offline check licenses bans sources
    local providers
    # Once more without deny.toml, which may be wrong itself.
    providers=$(cargo tree --locked --offline --all-features --target all --edges normal,build,dev --prefix none \
        | sed -nE 's/^(aws-lc-rs|boring|graviola|mbedtls|native-tls|openssl|ring|rsa|rustls-rustcrypto|wolfssl) v.*/\1/p' | sort -u | xargs)
    [ "$providers" = aws-lc-rs ] || fail "crypto providers: $providers"
    say "one crypto provider: $providers; $(grep -cE '^    \{ crate = "[^"]+@' deny.toml) crates that are known to be there in an older version as well"
}

# audited DATABASE [OPTION]...
audited() {
    local database=$1
    shift
    "$tools/cargo-audit" audit --db "$database" --no-fetch --stale --deny warnings "$@"
}

audit() {
    local database=${ADVISORY_DB:-}
    case "${1:-}" in
        --db) database=${2:?"--db PATH"} ;;
        --control | "") ;;
        *) usage ;;
    esac
    tool cargo-audit 0.22.2 --no-default-features || { not_checked "cargo-audit cannot be installed here"; return; }
    if [ "${1:-}" = --control ]; then
        ./scripts/supply-chain/audit-control.sh "$tools/cargo-audit"
    elif [ -n "$database" ]; then
        [ -d "$database/crates" ] || fail "$database is no copy of the advisory database: it has no folder crates"
        audited "$database"
        say "no advisory is about any of Cargo.lock, by $(find "$database/crates" -name '*.md' | wc -l) advisories in $database"
    else
        not_checked "known vulnerabilities, for want of a database of advisories. Make a copy of the repository RustSec/advisory-db
    (git clone --depth 1), as old as you allow, and say where: ./scripts/supply-chain.sh audit --db PATH, or ADVISORY_DB=PATH"
    fi
}

sbom() {
    local file=${1:?"sbom FILE"} folder
    tool cargo-cyclonedx 0.5.9 || { not_checked "cargo-cyclonedx cannot be installed here"; return; }
    folder=$(mktemp -d)
    PATH=$tools:$PATH SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)} ./scripts/container/bill.sh "$folder"
    install -m 0644 "$folder/sbom.cdx.json" "$file"
    rm -r "$folder"
    say "$file: $(grep -c '"purl": "pkg:cargo/' "$file") packages"
}

msrv() {
    local promised newest running
    promised=$(sed -nE 's/^rust-version = "([^"]+)"$/\1/p' Cargo.toml)
    # Of every dependency, on every platform: the oldest Rust that it says it needs.
    # A package begins with its name, version and id; dependencies of it, of which there are further objects with names, come before
    # what it needs.
    newest=$(cargo metadata --format-version 1 --locked --all-features | sed 's/{"name":"/\n&/g' | awk '
        match($0, /^\{"name":"[^"]+","version":"[^"]+","id":/) { split($0, part, "\""); package = part[4] " " part[8] }
        match($0, /"rust_version":"[^"]+"/) { split(substr($0, RSTART, RLENGTH), part, "\""); print part[4], package }' \
        | grep -v ' issuer-host ' | sort --version-sort | tail -1)
    printf '%s\n%s.0\n' "${newest%% *}" "$promised" | sort --version-sort --check=silent \
        || fail "Cargo.toml promises Rust $promised, and $newest needs more"
    say "promised is Rust $promised; of the dependencies none needs more than $newest"
    running=$(rustc --version | cut -d ' ' -f 2)
    case "$running" in
        "$promised" | "$promised".*) say "rustc $running is the one that is promised: every other check was made with it" ;;
        *)
            if cargo "+$promised" --version >/dev/null 2>&1; then
                CARGO_TARGET_DIR=target/msrv cargo "+$promised" check --locked --quiet --lib --bins --features otlp
                say "Rust $promised compiles library and program"
            else
                not_checked "Rust $promised; this is $running. rustup toolchain install $promised, and again"
            fi
            ;;
    esac
}

minimal() {
    local copy=target/minimal/source
    rm -rf "$copy"
    mkdir -p "$copy"
    git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$copy"
    # An option of nightly's, and nothing that it compiles.
    (cd "$copy" && RUSTC_BOOTSTRAP=1 cargo generate-lockfile --quiet -Z direct-minimal-versions)
    (cd "$copy" && CARGO_TARGET_DIR=../target cargo check --locked --quiet --all-targets --features otlp)
    say "the oldest versions that Cargo.toml allows of what it names compile, tests and benchmarks too"
}

api() {
    local list=docs/public-api.txt now
    case "${1:-}" in "" | --write) ;; *) usage ;; esac
    tool cargo-public-api 0.52.0 || { not_checked "cargo-public-api cannot be installed here"; return; }
    # Only rustdoc has to believe that it is nightly: a compiler that did would compile all dependencies again.
    RUSTDOC=$PWD/scripts/supply-chain/rustdoc.sh cargo rustdoc --locked --quiet --lib -- -Z unstable-options --output-format json --cap-lints allow
    now=$(mktemp)
    "$tools/cargo-public-api" --rustdoc-json target/doc/issuer_host.json -sss >"$now"
    if [ "${1:-}" = --write ]; then
        mv "$now" "$list"
        chmod 0644 "$list"
    elif ! diff --unified=0 "$list" "$now"; then
        rm "$now"
        fail "the public API is another than $list says: review the difference, note it in CHANGELOG.md, and ./scripts/supply-chain.sh api --write"
    fi
    rm -f "$now"
    say "$list is the public API: $(wc -l <"$list") items"
}

# Each in a shell of its own, which ends with the first command that fails.
all() {
    local bill check
    bill=$(mktemp)
    for check in deny "audit --control" audit "sbom $bill" msrv api minimal; do
        # shellcheck disable=SC2086 # a check and its arguments
        ./scripts/supply-chain.sh $check
    done
    rm -f "$bill"
}

case "${1:-}" in
    deny | audit | sbom | msrv | minimal | api | all) "$@" ;;
    *) usage ;;
esac
