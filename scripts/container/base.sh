#!/usr/bin/env bash
# Imports the image that the Dockerfile begins with, where it cannot be fetched: Debian's packages, and the Rust toolchain of this machine.
#
#   ./scripts/container/base.sh            needs an engine: ./scripts/container/engine.sh -- ...
#
# mmdebstrap is installed where it is missing. The image reaches registries as this machine does: it takes over Debian's sources, the
# certificate authorities and the configuration of cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'base.sh: %s\n' "$*" >&2; }

tag=$(sed -n 's/^FROM \(rust:[^ ]*\) AS .*/\1/p' Dockerfile)
release=${tag##*-}
version=${tag#rust:}
version=${version%%-*}
[[ "$tag" =~ ^rust:[0-9.]+-[a-z]+$ ]] || { say "the Dockerfile begins with no rust:VERSION-RELEASE"; exit 65; }

missing=()
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -qq
    env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

toolchain=$(rustc --print sysroot)
found=$("$toolchain/bin/rustc" --version | cut -d ' ' -f 2)
[ "$found" = "$version" ] || say "NOTE: the Dockerfile names Rust $version, this machine has $found, which is what $tag holds here"

# Debian's sources of this machine, where it is of the same release; otherwise mmdebstrap knows them.
sources=()
if [ "$(. /etc/os-release && printf '%s %s' "$ID" "${VERSION_CODENAME:-}")" = "debian $release" ]; then
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [ ! -s "$file" ] || sources+=("$file")
    done
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/toolchain" <<'HOOK'
#!/bin/sh
set -eu
cp -a "$toolchain/lib" "$1/usr/local/"
cp -a "$toolchain/bin/cargo" "$toolchain/bin/rustc" "$1/usr/local/bin/"
mkdir -p "$1/usr/local/cargo"
for file in config.toml config; do
    [ ! -f "$cargo_home/$file" ] || cp "$cargo_home/$file" "$1/usr/local/cargo/"
done
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
HOOK
chmod +x "$folder/toolchain"

toolchain=$toolchain cargo_home=${CARGO_HOME:-$HOME/.cargo} mmdebstrap --quiet --variant=minbase --include=gcc,libc6-dev,ca-certificates \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --customize-hook="$folder/toolchain" "$release" - "${sources[@]}" \
    | docker import --change 'ENV CARGO_HOME=/usr/local/cargo' \
        --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
        --change 'ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$tag" >/dev/null
say "$tag: Rust $found on Debian $release"
