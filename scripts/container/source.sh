#!/usr/bin/env bash
# Copies the source as git knows it, with what is changed and not committed: what a fresh clone would build, without target/.
#
#   ./scripts/container/source.sh FOLDER    an empty folder, or one that is made
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p "$1"
git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d '' file; do
    [ ! -f "$file" ] || printf '%s\0' "$file"
done | tar --create --null --files-from=- | tar --extract --directory "$1"
