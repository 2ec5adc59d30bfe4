#!/usr/bin/env bash
# That cargo-audit finds what there is: a database of advisories with one, made up, about a crate that the program has.
#
#   scripts/supply-chain/audit-control.sh PATH-OF-CARGO-AUDIT
set -euo pipefail

audit=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# database NAME CRATE: one advisory, about every version of CRATE.
database() {
    local advisories="$folder/$1"
    mkdir -p "$advisories/crates/$2"
    cat >"$advisories/crates/$2/RUSTSEC-2026-9999.md" <<END
\`\`\`toml
[advisory]
id = "RUSTSEC-2026-9999"
package = "$2"
date = "2026-01-01"

[versions]
patched = []
\`\`\`

# Made up

No such thing is known of $2.
END
    git -C "$advisories" init --quiet
    git -C "$advisories" add .
    git -C "$advisories" -c user.name=nobody -c user.email=nobody@example.com commit --quiet --message "An advisory that is made up"
}

found() { "$audit" audit --db "$folder/$1" --no-fetch --stale --deny warnings >"$folder/$1.txt" 2>&1; }

database other a-crate-that-is-not-in-the-tree
found other || { cat "$folder/other.txt" >&2; echo "audit-control: an advisory about another crate was taken for one about ours" >&2; exit 1; }
database ours rustls
if found ours; then
    echo "audit-control: an advisory about rustls was not found" >&2
    exit 1
fi
grep -q RUSTSEC-2026-9999 "$folder/ours.txt" || { cat "$folder/ours.txt" >&2; echo "audit-control: it failed of something else" >&2; exit 1; }
echo "audit-control: an advisory about a crate of ours is found; about another, none is"
