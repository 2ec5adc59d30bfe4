#!/usr/bin/env bash
# Checks the units in deploy/systemd with systemd's own program, which needs no systemd that runs: that every line of them is understood,
# what they depend on is there, and how far the service is confined.
#
#   ./scripts/systemd-check.sh
#
# Installs Debian's package systemd where systemd-analyze is missing, and starts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Of 100, by `systemd-analyze security`: 11 with systemd 252. Its network costs 8, the socket of the service manager 1.
exposure=20

say() { printf 'systemd-check.sh: %s\n' "$1" >&2; }
fail() { say "$1"; exit 1; }

if ! command -v systemd-analyze >/dev/null; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing systemd"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends systemd >/dev/null
fi
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
[ -n "$version" ] || fail "systemd-analyze does not say its version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# units DIRECTORY: copies of the units in DIRECTORY. What ExecStart names does not have to be installed here.
units() {
    mkdir "$1"
    cp deploy/systemd/issuer-host.socket "$1"
    sed 's|^ExecStart=/usr/local/bin/issuer-host |ExecStart=/bin/sh |' deploy/systemd/issuer-host.service >"$1/issuer-host.service"
    if [ "$version" -lt 253 ]; then
        sed -i 's/^Type=notify-reload$/Type=notify/' "$1/issuer-host.service"
    fi
}

# What systemd has against the units in a directory; nothing when they are good. Of a key that it does not know it only warns.
verdict() {
    systemd-analyze verify --man=no --recursive-errors=no "$1/issuer-host.service" "$1/issuer-host.socket" 2>&1 || echo "exit code $?"
}

# Whether a service is confined as far as it should be.
confined() { systemd-analyze security --no-pager --offline=true --threshold="$exposure" "$1" >"$work/exposure" 2>&1; }

units "$work/good"
grep -q '^ExecStart=/bin/sh ' "$work/good/issuer-host.service" || fail "ExecStart is no longer /usr/local/bin/issuer-host"
if [ "$version" -lt 253 ]; then
    say "systemd $version does not know Type=notify-reload (253 does): checked as Type=notify"
fi
said=$(verdict "$work/good")
[ -z "$said" ] || fail "$said"
confined "$work/good/issuer-host.service" || fail "$(cat "$work/exposure")"

# Controls: what is wrong is found.
broken() { # DIRECTORY FILE EXPRESSION
    units "$work/$1"
    sed -i "$3" "$work/$1/$2"
    if cmp -s "$work/good/$2" "$work/$1/$2"; then fail "control: '$3' changes nothing in $2"; fi
}
broken misspelt issuer-host.service 's/^NoNewPrivileges=/NoNewPriviliges=/'
case $(verdict "$work/misspelt") in
    *NoNewPriviliges*) ;;
    *) fail "control: a misspelt key of the service is good" ;;
esac
broken nowhere issuer-host.socket 's/^ListenStream=.*/ListenStream=8443 8444/'
[ -n "$(verdict "$work/nowhere")" ] || fail "control: an address of the socket that is none is good"
broken bold issuer-host.service '/^\(CapabilityBoundingSet\|SystemCallFilter\|Protect[A-Za-z]*\)=/d'
if confined "$work/bold/issuer-host.service"; then fail "control: a service that may do much is confined enough"; fi

confined "$work/good/issuer-host.service"
echo "the units are good; $(sed -n 's/^.*Overall \(exposure level\) for .*: \([0-9.]*\) .*/\1 \2 of 10/p' "$work/exposure")"
