#!/usr/bin/env bash
# Writes the bill of materials of the program that the image holds (CycloneDX). Called by the Dockerfile, after build.sh.
#
#   scripts/container/bill.sh FOLDER
#
# Its date is SOURCE_DATE_EPOCH, or else the epoch: the same source, the same bill.
set -euo pipefail

image=$1
bill=issuer-host_bin.cdx.json

CARGO_NET_OFFLINE=true SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}" \
    cargo cyclonedx --quiet --describe binaries --features otlp --target "$(uname -m)-unknown-linux-gnu" --format json --spec-version 1.5
sed -i "s|path+file://$PWD#|path+file:///source#|g" "$bill"
install -D -m 0644 "$bill" "$image/sbom.cdx.json"
rm "$bill"
