#!/usr/bin/env bash
# Runs a command with a Docker engine of its own, and removes everything that came into being by it, whatever happens.
#
#   ./scripts/container/engine.sh -- docker info
#
# Debian's docker.io is installed where it is missing. The engine keeps its files in a temporary folder, listens on a socket in there, has a
# bridge of its own and leaves the machine's firewall and routing alone; another engine may run beside it. The command finds it by
#
#   DOCKER_HOST                  the socket; the client that belongs to the engine is the first in PATH
#   ISSUER_HOST_ENGINE_GATEWAY   the machine's address on the bridge, by which containers reach what listens there
#
# Exit codes: the command's; 69 where no engine can start, with the engine's own words.
set -euo pipefail
. "$(dirname "$0")/../ended.sh"

say() { printf 'engine.sh: %s\n' "$*" >&2; }

[ "${1:-}" = -- ] && shift
[ "$#" -gt 0 ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64; }
[ "$(id -u)" -eq 0 ] || { say "NO ENGINE: only root can start one"; exit 69; }

# --- what it needs -----------------------------------------------------------------------------------------------------------

PATH="$PATH:/usr/sbin:/sbin"
# packaged COMMAND: the one of Debian's package; /usr/local may hold a client that is too new for the engine.
packaged() {
    if [ -x "/usr/bin/$1" ]; then echo "/usr/bin/$1"; else command -v "$1"; fi
}
missing=()
command -v dockerd >/dev/null || missing+=(docker.io)
command -v ip >/dev/null || missing+=(iproute2)
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -qq
    # Newer releases of Debian have the client in a package of its own.
    if [[ " ${missing[*]} " = *" docker.io "* ]] && apt-cache show docker-cli >/dev/null 2>&1; then missing+=(docker-cli); fi
    # RUNLEVEL=1: the package would start a service of its own.
    env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
client=$(packaged docker) || { say "NO ENGINE: docker is not there although it was installed"; exit 69; }

# --- a place of its own, and an end to everything that was started -----------------------------------------------------------

# Short: a socket's path has a hundred characters at most.
work=$(mktemp -d /tmp/engine.XXXXXX)
name=${work##*.}
bridge="eng$name"
engine_pid="" command_pid=""

finish() {
    trap '' INT TERM HUP
    set +e
    [ -z "$command_pid" ] || ended "-$command_pid" 30 TERM KILL
    if [ -n "$engine_pid" ]; then
        local containers
        containers=$(timeout 30 docker ps --all --quiet 2>/dev/null)
        # shellcheck disable=SC2086 # one word for each container
        [ -z "$containers" ] || timeout 60 docker rm --force --volumes $containers >/dev/null
        ended "$engine_pid" 30 TERM KILL
    fi
    # Of the deepest first: what the engine mounted and did not unmount.
    awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount --lazy
    ip link delete "$bridge" 2>/dev/null
    find /sys/fs/cgroup -depth -type d -path "*/engine-$name*" -exec rmdir {} + 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# --- the engine --------------------------------------------------------------------------------------------------------------

# no_engine REASON...: the end, with what the engine said last.
no_engine() {
    say "NO ENGINE: $*"
    [ ! -s "$work/log" ] || tail -n 20 "$work/log" >&2
    exit 69
}

# The first network of these that the machine has no route into.
network=""
for third in $(seq 200 239); do
    [ -n "$(ip -4 route show to root "172.30.$third.0/24")" ] || { network="172.30.$third"; break; }
done
[ -n "$network" ] || no_engine "every network of 172.30.200.0/24 to 172.30.239.0/24 is in use"
reason=$(ip link add "$bridge" type bridge 2>&1 && ip address add "$network.1/24" dev "$bridge" 2>&1 && ip link set "$bridge" up 2>&1) \
    || no_engine "no bridge can be made: $reason"

mkdir "$work/bin"
ln -s "$client" "$work/bin/docker"
export PATH="$work/bin:$PATH" DOCKER_HOST="unix://$work/socket" DOCKER_CONFIG="$work/client" ISSUER_HOST_ENGINE_GATEWAY="$network.1"
# The engine's own builder: BuildKit's client is no part of docker.io.
export DOCKER_BUILDKIT=0
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

setsid dockerd --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge "$bridge" \
    --cgroup-parent "/engine-$name" --data-root "$work/data" --exec-root "$work/run" --pidfile "$work/pid" --host "$DOCKER_HOST" \
    >"$work/log" 2>&1 </dev/null &
engine_pid=$!
for _ in $(seq 600); do
    if docker version >/dev/null 2>&1; then break; fi
    kill -0 "$engine_pid" 2>/dev/null || no_engine "dockerd ended right away; its last words:"
    sleep 0.1
done
docker version >/dev/null 2>&1 || no_engine "dockerd does not answer within a minute; its last words:"
say "Docker $(docker version --format '{{.Server.Version}}'), $(docker info --format '{{.Driver}}, cgroup {{.CgroupVersion}}' 2>/dev/null)"

# In a process group of its own, and in the background: a signal to this script is answered at once and ends all of it.
set -m
"$@" <&0 &
command_pid=$!
set +m
status=0
wait "$command_pid" || status=$?
command_pid=""
exit "$status"
