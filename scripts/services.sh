#!/usr/bin/env bash
# Runs a command with a PostgreSQL and a nats-server of its own, and ends both afterwards, whatever happens.
#
#   ./scripts/services.sh -- cargo test --locked -- --ignored
#
# Both are installed where they are missing, listen on free ports of 127.0.0.1 and keep their files in a temporary folder. The
# command finds them by:
#
#   ISSUER_HOST_TEST_POSTGRES  postgres://… of a database that is empty
#   ISSUER_HOST_TEST_PG_BIN    the folder of initdb, pg_ctl and postgres, for servers that a test starts and ends itself
#   ISSUER_HOST_TEST_NATS      nats://… with JetStream
#   ISSUER_HOST_TEST_NATS_BIN  nats-server, likewise
#
# The exit code is the command's.
set -euo pipefail
. "$(dirname "$0")/ended.sh"

say() { printf 'services.sh: %s\n' "$*" >&2; }

[ "${1:-}" = -- ] && shift
[ "$#" -gt 0 ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64; }

# --- what it needs -----------------------------------------------------------------------------------------------------------

# The folder of the newest PostgreSQL server: Debian keeps one for each version, none of them in PATH.
postgres_folder() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    [ -x "$found" ] || found=$(command -v initdb || true)
    [ -n "$found" ] || return 1
    dirname "$(readlink -f "$found")"
}
nats_program() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nats-server; }

missing=()
postgres_folder >/dev/null || missing+=(postgresql)
nats_program >/dev/null || missing+=(nats-server)
# To become somebody else, below.
command -v setpriv >/dev/null || missing+=(util-linux)
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { say "as root: apt-get install ${missing[*]}"; exit 69; }
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    # RUNLEVEL=1: the packages would each start a service as soon as they are installed, which nobody asked for.
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
postgres_bin=$(postgres_folder) || { say "PostgreSQL is not there although it was installed"; exit 69; }
nats_bin=$(nats_program) || { say "nats-server is not there although it was installed"; exit 69; }

# --- a place of its own, and an end to everything that was started -----------------------------------------------------------

work=$(mktemp -d)
postgres_pid="" nats_pid="" command_pid=""

finish() {
    trap '' INT TERM HUP
    [ -z "$command_pid" ] || ended "-$command_pid" 10 TERM KILL
    # INT is PostgreSQL's fast shutdown: it does not wait for its clients.
    [ -z "$postgres_pid" ] || ended "$postgres_pid" 20 INT QUIT
    [ -z "$nats_pid" ] || ended "$nats_pid" 10 TERM KILL
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# A port that nobody listens on now. Somebody may take it before its server does, so that starting is tried again.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port"; return; }
    done
}

# until_true SECONDS PID COMMAND…: whether it came true while the process lived.
until_true() {
    local left=$(($1 * 10)) pid=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || return 1
        [ "$((left--))" -gt 0 ] || return 1
        sleep 0.1
    done
}

# --- PostgreSQL --------------------------------------------------------------------------------------------------------------

# It refuses to run as root. Its files, and nothing else, belong to an account without rights.
unprivileged=()
if [ "$(id -u)" -eq 0 ]; then
    account=postgres
    id "$account" >/dev/null 2>&1 || account=nobody
    unprivileged=(setpriv --reuid "$(id -u "$account")" --regid "$(id -g "$account")" --clear-groups --)
    chmod 711 "$work"
fi
mkdir "$work/postgres"
[ "${#unprivileged[@]}" -eq 0 ] || chown "$(id -u "$account"):$(id -g "$account")" "$work/postgres"
database=$work/postgres/data

start_postgres() {
    postgres_port=$(free_port)
    # Everything that makes a commit durable stays as it is by default: fsync, full_page_writes, synchronous_commit.
    (cd / && exec "${unprivileged[@]}" "$postgres_bin/postgres" -D "$database" -p "$postgres_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories="$work/postgres" -c max_connections=200) \
        >"$work/postgres.log" 2>&1 </dev/null &
    postgres_pid=$!
    until_true 30 "$postgres_pid" "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" && return
    ended "$postgres_pid" 20 INT QUIT
    return 1
}

(cd / && LC_ALL=C "${unprivileged[@]}" "$postgres_bin/initdb" -D "$database" -U issuer_host --auth=trust \
    --encoding=UTF8 --no-instructions) >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; exit 70; }
start_postgres || start_postgres || { cat "$work/postgres.log" >&2; exit 70; }

# --- NATS --------------------------------------------------------------------------------------------------------------------

start_nats() {
    nats_port=$(free_port)
    "$nats_bin" -a 127.0.0.1 -p "$nats_port" -js -sd "$work/nats" >"$work/nats.log" 2>&1 </dev/null &
    nats_pid=$!
    until_true 30 "$nats_pid" grep -q "Server is ready" "$work/nats.log" && return
    ended "$nats_pid" 10 TERM KILL
    return 1
}

start_nats || start_nats || { cat "$work/nats.log" >&2; exit 70; }

# --- the command -------------------------------------------------------------------------------------------------------------

export ISSUER_HOST_TEST_POSTGRES="postgres://issuer_host@127.0.0.1:$postgres_port/postgres"
export ISSUER_HOST_TEST_PG_BIN="$postgres_bin"
export ISSUER_HOST_TEST_NATS="nats://127.0.0.1:$nats_port"
export ISSUER_HOST_TEST_NATS_BIN="$nats_bin"

# In a process group of its own, and in the background: a signal to this script is answered at once and ends all of it.
set -m
"$@" <&0 &
command_pid=$!
set +m
code=0
wait "$command_pid" || code=$?
command_pid=
exit "$code"
