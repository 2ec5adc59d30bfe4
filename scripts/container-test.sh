#!/usr/bin/env bash
# Builds the container image for real and runs it for real, with a Docker engine of its own, and removes everything afterwards.
#
#   ./scripts/container-test.sh              everything: the image, its limits, signals and health, README's commands, a second build
#   ./scripts/container-test.sh --one-build  without the second build, which shows that the program is the same wherever it is built
#
# It takes root, ten to twenty minutes, and 6 GB below /tmp for as long. What it needs of Debian's it installs where it is missing. The program of the image
# is in target/container/issuer-host afterwards. Where no engine can start it says so, and fails (exit 69).
set -euo pipefail
cd "$(dirname "$0")/.."

steps='./scripts/container/base.sh && ./scripts/container/image.sh && ./scripts/container/running.sh && ./scripts/container/readme.sh'
case "${1:-}" in
    "") steps+=' && ./scripts/container/reproducible.sh' ;;
    --one-build) ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64 ;;
esac

missing=()
for command in git openssl python3; do
    command -v "$command" >/dev/null || missing+=("$command")
done
command -v objcopy >/dev/null || missing+=(binutils)
if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" -eq 0 ]; then
    printf 'container-test.sh: installing %s\n' "${missing[*]}" >&2
    apt-get update -qq
    env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

./scripts/container/engine.sh -- bash -c "$steps"
printf '\nThe container does what it should: %d s.\n' "$SECONDS"
