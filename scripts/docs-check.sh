#!/usr/bin/env bash
# Checks the documents: every relative link leads to something that is there, every anchor to a heading, every page can be
# reached from README.md, what docs/troubleshooting.md quotes of this program is still said by it, and each test that is named as
# evidence is there. Nothing is fetched: what links to other hosts is not looked at. Needs Python 3 alone.
#
#   ./scripts/docs-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v python3 >/dev/null; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 >/dev/null
fi
export PYTHONDONTWRITEBYTECODE=1
python3 scripts/docs/check.py --control
python3 scripts/docs/check.py
