#!/usr/bin/env bash
# Builds the image `issuer-host`, and checks what is in it and what is not.
#
#   ./scripts/container/image.sh    needs an engine that has the Dockerfile's base: scripts/container-test.sh
#
# Leaves the program in target/container/issuer-host.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/container/said.sh

# What a registry would take, before compression, in bytes.
limit=25000000

folder=$(mktemp -d)
container=""
finish() {
    [ -z "$container" ] || docker rm --force "$container" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

step "the image builds"
scripts/container/source.sh "$folder/source"
revision=$(git rev-parse HEAD)
if ! docker build --network host --tag issuer-host --build-arg REVISION="$revision" --build-arg SOURCE=https://git.example/issuer-host \
    --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" "$folder/source" >"$folder/build.log" 2>&1; then
    tail -n 50 "$folder/build.log" >&2
    failed "docker build"
fi
ok "docker build ($SECONDS s)"

# of FORMAT: what the image says of itself.
of() { docker image inspect --format "$1" issuer-host; }
label() { of "{{index .Config.Labels \"org.opencontainers.image.$1\"}}"; }

step "what it says of itself"
size=$(of '{{.Size}}')
[ "$size" -le "$limit" ] || failed "the image has $size bytes, $limit are allowed"
ok "$size bytes, at most $limit"
is "it runs as nobody in particular" 65532:65532 "$(of '{{.Config.User}}')"
is "it is asked to stop by SIGTERM" SIGTERM "$(of '{{.Config.StopSignal}}')"
is "it is asked for its health without a shell" '[CMD /issuer-host healthcheck]' "$(of '{{.Config.Healthcheck.Test}}')"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
is "label: version" "$version" "$(label version)"
is "label: revision" "$revision" "$(label revision)"
is "label: source" https://git.example/issuer-host "$(label source)"
is "label: title" issuer-host "$(label title)"
is "label: licenses" Apache-2.0 "$(label licenses)"

step "what it holds"
container=$(docker create issuer-host)
docker export "$container" >"$folder/image.tar"
# The engine itself adds .dockerenv, /dev, /proc, /sys, and the three files that name the machine.
held=$(tar --list --verbose --numeric-owner --file "$folder/image.tar" | awk '{ print $1, $2, $6 }' \
    | grep -vE ' (\.dockerenv|dev/.*|proc/|sys/|etc/|etc/(hostname|hosts|resolv\.conf|mtab))$' | LC_ALL=C sort -k 3)
is "the program, its licence, its bill of materials, two empty folders, and nothing else" "\
-rw-r--r-- 0/0 LICENSE
drwxr-xr-x 0/0 etc/issuer-host/
-rwxr-xr-x 0/0 issuer-host
-rw-r--r-- 0/0 sbom.cdx.json
drwxr-xr-x 0/0 var/
drwxr-xr-x 0/0 var/lib/
drwx------ 65532/65532 var/lib/issuer-host/" "$held"

tar --extract --file "$folder/image.tar" --directory "$folder" issuer-host sbom.cdx.json LICENSE
cmp -s LICENSE "$folder/LICENSE" || failed "the licence is another one"
is "the program runs on this machine too" "issuer-host $version" "$("$folder/issuer-host" --version)"
is "the program tells no path of its build" 0 "$(strings --all "$folder/issuer-host" | grep -cE '/usr/local/cargo|/registry/src/' || true)"

step "what it is made of"
objcopy --dump-section .dep-v0="$folder/packages" "$folder/issuer-host" "$folder/copy" || failed "the program has no list of its packages"
python3 scripts/container/packages.py "$folder/packages" "$folder/sbom.cdx.json" Cargo.lock || failed "the lists of packages"

install -D "$folder/issuer-host" target/container/issuer-host
install -m 0644 "$folder/sbom.cdx.json" target/container/sbom.cdx.json
