#!/usr/bin/env bash
# Does what README's section on containers says, to the letter but for the port: from nothing to a healthy container that answers.
#
#   ./scripts/container/readme.sh    needs an engine that has the Dockerfile's base: scripts/container-test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/container/said.sh

folder=$(mktemp -d)
finish() {
    docker rm --force issuer-host >/dev/null 2>&1 || true
    docker volume rm --force issuer-host-inbox >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

step "README's container commands"
scripts/container/source.sh "$folder/source"
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
# The first block of commands of the section. A free port in the place of 8443; a build that reaches registries as this machine does.
awk '/^## / { inside = $0 == "## Container" } inside && /^```$/ { exit } inside && block { print } inside && /^```sh$/ { block = 1 }' README.md \
    | sed -e "s/127\.0\.0\.1:8443:/127.0.0.1:$port:/; s/localhost:8443/localhost:$port/; s/^docker build /&--network host /" >"$folder/commands"
grep -q '^docker build ' "$folder/commands" || failed "README's section has no commands"
if ! (cd "$folder/source" && timeout 900 bash -euo pipefail "$folder/commands" </dev/null >"$folder/said" 2>&1); then
    cat "$folder/commands" "$folder/said" >&2
    docker logs issuer-host >&2 2>/dev/null || true
    failed "README's commands"
fi
ok "they run from an empty folder, and all of them succeed"
is "the container is healthy" healthy "$(docker inspect --format '{{.State.Health.Status}}' issuer-host)"
is "issuer-host call got its answer" 1 "$(grep -c 'acknowledged' "$folder/said" || true)"

step "an inbox of SQLite in a volume of the user 65532"
docker rm --force issuer-host >/dev/null
is "the notification is still there when the container is gone" 1 "$(docker run --rm --read-only --cap-drop ALL \
    --volume "$folder/source/issuer-host:/etc/issuer-host:ro" --volume issuer-host-inbox:/var/lib/issuer-host issuer-host inbox list 2>&1 \
    | grep -c notifyVirtualCardChange || true)"
