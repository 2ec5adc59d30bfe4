#!/usr/bin/env bash
# Makes what compose.yaml mounts: run/issuer-host (configuration, sample certificates, keys of the inbox, token of the console) and the
# database's password, and writes ../.env. What is there already stays.
#
#   ./compose/prepare.sh                 with the image issuer-host
#   ./compose/prepare.sh PROGRAM [DIR]   with this issuer-host, which makes no container, into DIR instead of run
set -euo pipefail

# Whom the files belong to, and whom the containers run as: whoever runs this. For root that is the image's own user, since a server that
# is root in its container is one step from being root on the machine.
if [ "$(id -u)" -eq 0 ]; then
    owner=65532:65532
else
    owner=$(id -u):$(id -g)
fi

here=$(cd "$(dirname "$0")" && pwd)
program=${1:-}
run=${2:-$here/run}
umask 077

if [ -e "$run" ]; then
    echo "prepare.sh: $run is there already; remove it for new certificates and passwords" >&2
    exit 1
fi
mkdir -p "$run/database" "$run/issuer-host/secrets"
[ "$(id -u)" -ne 0 ] || chown -R "$owner" "$run/issuer-host"

issuer_host() {
    if [ -n "$program" ]; then
        "$program" "$@"
    else
        docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
            --user "$owner" --volume "$run/issuer-host:$run/issuer-host" issuer-host "$@"
    fi
}

# random BYTES: hexadecimal, so that it stands in a url as it is.
random() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

password=$(random 24)
printf '%s' "$password" >"$run/database/password"
# The database runs as a user of its own. Others cannot come here: the directory is closed to them.
chmod 0644 "$run/database/password"
printf 'postgres://issuer_host:%s@database/issuer_host' "$password" >"$run/issuer-host/secrets/inbox-url"

issuer_host sample-pki "$run/issuer-host/tls" >/dev/null
# A certificate of its own for the admin listener, for localhost; nobody shows one there.
issuer_host sample-pki "$run/issuer-host/admin" >/dev/null
find "$run/issuer-host/admin" -type f ! -name 'server-*.pem' -delete
random 32 >"$run/issuer-host/secrets/admin-token"
issuer_host inbox new-key >"$run/issuer-host/secrets/inbox-keys"
cp "$here/issuer-host.toml" "$run/issuer-host/issuer-host.toml"

[ "$(id -u)" -ne 0 ] || chown -R "$owner" "$run/issuer-host"
if [ -z "$program" ]; then
    printf 'OWNER=%s\n' "$owner" >"$here/../.env"
fi
echo "prepare.sh: $run is ready"
