#!/usr/bin/env bash
# Builds the program that the image holds. Called by the Dockerfile, from the folder of the source.
#
#   scripts/container/build.sh FOLDER
#
# The program is linked statically, and its bytes depend on the source, the toolchain and the C library alone: not on where the source
# lies, where cargo keeps its packages, or how many cores there are. It carries the list of its packages (cargo auditable), for
# scanners that see nothing but the file. It can send traces (feature otlp).
set -euo pipefail

image=$1
target="$(uname -m)-unknown-linux-gnu"

cargo fetch --locked
# Nothing that is built from here on is anything else than what Cargo.lock says.
export CARGO_NET_OFFLINE=true CARGO_INCREMENTAL=0

# Paths would reach the program in the messages of panics and of the C libraries' assertions.
separator=$'\x1f'
flags="-Ctarget-feature=+crt-static"
c_flags=""
renamed() {
    flags+="${separator}--remap-path-prefix=$1=$2"
    c_flags+=" -ffile-prefix-map=$1=$2"
}
# Addresses to be moved at the start, packed: a megabyte less.
flags+="${separator}-Clink-arg=-Wl,-z,pack-relative-relocs"
renamed "$PWD" /source
for packages in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    renamed "${packages%/}" /packages
done
export CARGO_ENCODED_RUSTFLAGS=$flags CFLAGS="${CFLAGS:-}$c_flags"

# The target is named, so that the flags reach the program alone and not the procedural macros of the build.
cargo auditable build --profile image --locked --features otlp --bin issuer-host --target "$target"
program="target/$target/image/issuer-host"
ldd "$program" 2>&1 | grep -q 'statically linked' || { echo "build.sh: $program is not linked statically" >&2; exit 1; }

install -D "$program" "$image/issuer-host"
install -m 0644 LICENSE "$image/LICENSE"
