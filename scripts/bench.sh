#!/usr/bin/env bash
# Prints what issuer-host costs beside nginx and HAProxy: server CPU per operation, memory per idle connection, and ratios.
# Then what trust costs it: full and resumed handshakes, a reload with ten thousand live connections; and what its inbox costs: notifications
# that are durable before they are acknowledged, in SQLite and in PostgreSQL, beside fsync alone, and with a million of them waiting
# (docs/benchmarks.md).
#
#   ./scripts/bench.sh            five interleaved rounds, medians (some twenty minutes)
#   ./scripts/bench.sh --quick    one small round, to see that it works; its numbers mean nothing
#   ./scripts/bench.sh --only access-events    the rows alone whose names begin like that; nothing of trust and inbox
#
# All servers run on one core, one after the other under load, the load generator on another; the same certificates, TLS suite
# and group for all, client certificates demanded, no resumption, no logs but in the rows that are about them. Loopback only. It ends what it started, nothing else.
# BENCH_PEERS_ONLY=1 leaves issuer-host out. BENCH_PORT moves the ten ports that it uses. Trust needs 10200 descriptors in each
# of two processes (ulimit -n).
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=5 handshakes=1000 posts=40000 idle=1000
only=
trust_options=() inbox_options=(--million)
case "${1:-}" in
    "") ;;
    --quick) rounds=1 handshakes=50 posts=1000 idle=50 trust_options=(--quick) inbox_options=(--quick --million) ;;
    --only) only=${2:?name of rows} ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64 ;;
esac

host=bench.issuer-host.test
port=${BENCH_PORT:-19440}
# What examples/embed_axum.rs answers; the peers answer on any path.
path=/issuer/igwapi/v2.0/notifyVirtualCardChange
backend_port=$port

say() { printf '%s\n' "$*" >&2; }

# --- what it needs -----------------------------------------------------------------------------------------------------------

missing=()
command -v nginx >/dev/null || missing+=(nginx)
command -v haproxy >/dev/null || missing+=(haproxy)
command -v openssl >/dev/null || missing+=(openssl)
command -v taskset >/dev/null || missing+=(util-linux)
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing: ${missing[*]}"
    # RUNLEVEL=1: the packages would each start a service as soon as they are installed, which nobody asked for.
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ "$(nproc)" -ge 2 ]; then
    server_core=0 client_core=1
else
    say "one core only: server and load generator share it"
    server_core=0 client_core=0
fi

say "building"
cargo build --release --locked --quiet
[ -n "${BENCH_PEERS_ONLY:-}" ] || cargo build --release --locked --quiet --example embed_axum
# executable NAME: builds a benchmark, and says where it is.
executable() { cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'; }
door=$(executable door)
[ -x "$door" ] || { say "the load generator was not built"; exit 1; }
trust= inbox=
if [ -z "${BENCH_PEERS_ONLY:-}$only" ]; then
    trust=$(executable trust)
    [ -x "$trust" ] || { say "the benchmark of trust was not built"; exit 1; }
    inbox=$(executable inbox)
    [ -x "$inbox" ] || { say "the benchmark of the inbox was not built"; exit 1; }
fi

# --- a place of its own, and an end to everything that was started -----------------------------------------------------------

work=$(mktemp -d)
started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The pid of the last server that was started.
pid=
start() {
    local core=$1 name=$2
    shift 2
    taskset -c "$core" "$@" >"$work/$name.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
}

stop_all() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    started=()
}

# --- certificates: ECDSA P-256 everywhere, an intermediate on both sides ------------------------------------------------------

pki=$work/pki
mkdir -p "$pki"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/$1.key" 2>/dev/null; }
# issue NAME SUBJECT ISSUER EXTENSIONS
issue() {
    local name=$1 subject=$2 issuer=$3
    shift 3
    printf '%s\n' "$@" >"$pki/$name.ext"
    key "$name"
    openssl req -new -key "$pki/$name.key" -subj "$subject" -out "$pki/$name.csr" 2>/dev/null
    local signer=(-CA "$pki/$issuer.crt" -CAkey "$pki/$issuer.key")
    [ "$issuer" != "$name" ] || signer=(-signkey "$pki/$name.key")
    openssl x509 -req -in "$pki/$name.csr" "${signer[@]}" -set_serial "0x$(openssl rand -hex 12)" -days 30 -sha256 \
        -extfile "$pki/$name.ext" -out "$pki/$name.crt" 2>/dev/null
}
ca=("basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign,cRLSign" "subjectKeyIdentifier=hash")
leaf=("basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "subjectKeyIdentifier=hash"
    "authorityKeyIdentifier=keyid")
issue server-root "/O=Bench/CN=Bench Server Root" server-root "${ca[@]}"
issue server-issuing "/O=Bench/CN=Bench Server Issuing CA" server-root "${ca[@]}" "authorityKeyIdentifier=keyid"
issue server "/O=Bench/CN=$host" server-issuing "${leaf[@]}" "extendedKeyUsage=serverAuth" "subjectAltName=DNS:$host"
issue client-root "/O=Bench/CN=Bench Client CA" client-root "${ca[@]}"
issue client-issuing "/O=Bench/CN=Bench Client Issuing CA" client-root "${ca[@]}" "authorityKeyIdentifier=keyid"
issue client "/O=Bench/CN=bench-caller" client-issuing "${leaf[@]}" "extendedKeyUsage=clientAuth"
cat "$pki/server.crt" "$pki/server-issuing.crt" >"$pki/server-chain.pem"
cp "$pki/server.key" "$pki/server-key.pem"
cat "$pki/server-chain.pem" "$pki/server-key.pem" >"$pki/server.pem"
cp "$pki/server-root.crt" "$pki/server-ca.pem"
cp "$pki/client-root.crt" "$pki/thales-client-ca.pem"
cat "$pki/client.crt" "$pki/client-issuing.crt" >"$pki/client-chain.pem"
cp "$pki/client.key" "$pki/client-key.pem"

# --- the servers --------------------------------------------------------------------------------------------------------------

fill() {
    sed -e "s|@WORK@|$work|g" -e "s|@PKI@|$pki|g" -e "s|@HOST@|$host|g" -e "s|@BACKEND_PORT@|$backend_port|g" \
        -e "s|@LOCAL_PORT@|$2|g" -e "s|@FORWARD_PORT@|$3|g" "$1"
}

# configuration PORT ADMIN_PORT LINES...: issuer-host that forwards, with these lines about its log.
configuration() {
    local listen=$1 admin=$2
    shift 2
    cat <<TOML
[server]
listen = ["127.0.0.1:$listen"]
workers = 1
[admin]
listen = "127.0.0.1:$admin"
[log]
$(printf '%s\n' "$@")
[environments.bench]
product = "tsh"
customer_id = "BENCH"
host = "$host"
client_ca = "$pki/thales-client-ca.pem"
certificate_chain = "$pki/server-chain.pem"
private_key = "$pki/server-key.pem"
resumption = "off"
[environments.bench.backend]
url = "http://127.0.0.1:$backend_port"
TOML
}

# NAME=ADDRESS,PID of the servers that answer themselves, and of those that forward; issuer-host first, since the first one is
# compared with the others.
local_targets=() forward_targets=() told_targets=()
start_all() {
    local_targets=() forward_targets=() told_targets=()
    start "$client_core" backend "$door" backend --listen "127.0.0.1:$backend_port"
    if [ -z "${BENCH_PEERS_ONLY:-}" ]; then
        configuration $((port + 2)) $((port + 7)) 'level = "error"' "access = false" >"$work/issuer-host.toml"
        start "$server_core" embed env RUST_LOG=error \
            target/release/examples/embed_axum "$pki" "127.0.0.1:$((port + 1))"
        local_targets+=(--target "issuer-host=127.0.0.1:$((port + 1)),$pid")
        start "$server_core" issuer-host target/release/issuer-host serve --config "$work/issuer-host.toml"
        forward_targets+=(--target "issuer-host=127.0.0.1:$((port + 2)),$pid")
        # The same with a line of JSON for each call, into a pipe that somebody reads: what a container's log costs.
        configuration $((port + 8)) $((port + 9)) 'format = "json"' >"$work/told.toml"
        taskset -c "$server_core" target/release/issuer-host serve --config "$work/told.toml" \
            2> >(exec taskset -c "$client_core" cat >/dev/null) >/dev/null </dev/null &
        pid=$!
        started+=("$pid")
        told_targets+=(--target "told=127.0.0.1:$((port + 8)),$pid" "${forward_targets[@]}")
    fi
    fill benches/peers/nginx.conf.in $((port + 3)) $((port + 4)) >"$work/nginx.conf"
    start "$server_core" nginx nginx -p "$work" -e stderr -c "$work/nginx.conf"
    local_targets+=(--target "nginx=127.0.0.1:$((port + 3)),$pid")
    forward_targets+=(--target "nginx=127.0.0.1:$((port + 4)),$pid")
    fill benches/peers/haproxy.cfg.in $((port + 5)) $((port + 6)) >"$work/haproxy.cfg"
    start "$server_core" haproxy haproxy -db -f "$work/haproxy.cfg"
    local_targets+=(--target "haproxy=127.0.0.1:$((port + 5)),$pid")
    forward_targets+=(--target "haproxy=127.0.0.1:$((port + 6)),$pid")
    load probe "${local_targets[@]}" || failed
    load probe "${forward_targets[@]}" || failed
}

load() {
    local command=$1
    shift
    taskset -c "$client_core" "$door" "$command" --pki "$pki" --host "$host" --path "$path" "$@"
}

failed() {
    tail -n 5 "$work"/*.log >&2
    exit 1
}

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

# --- the table ----------------------------------------------------------------------------------------------------------------

results=$work/table
# row COMMAND --label NAME...: a load whose lines join the table.
row() {
    [ -z "$only" ] || [[ "$3" = "$only"* ]] || return 0
    load "$@" | tee -a "$results"
}

tee -a "$results" <<TEXT
$(date -u +%Y-%m-%dT%H:%MZ)  $(uname -sm), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)
$(nginx -v 2>&1); $(haproxy -v | head -n 1); $(openssl version)
$rounds round(s), medians (lowest to highest). ratio = the first server / this one: below 1, the first needs less.

TEXT

# Memory first, on processes that have done nothing yet: allocators keep what a load before has used.
start_all
row idle --label idle-connection-h1 --connections "$idle" "${local_targets[@]}"
stop_all

start_all
for version in 1.3 1.2; do
    row measure --label "handshake-post-close-$version" --operation handshake --tls "$version" \
        --rounds "$rounds" --operations "$handshakes" "${local_targets[@]}"
done
# Posts over kept-alive connections, answered by the server itself and then by the backend. HTTP/2 spreads its streams over
# eight connections: nginx takes some 8 MB of bodies that it answers unread on one connection for a flood, and closes it.
for answered in kept-alive forwarded; do
    targets=("${local_targets[@]}")
    [ "$answered" = kept-alive ] || targets=("${forward_targets[@]}")
    row measure --label "$answered-post-h1" --operation kept-alive --http 1 --concurrency 8 \
        --rounds "$rounds" --operations "$posts" "${targets[@]}"
    row measure --label "$answered-post-h2" --operation kept-alive --http 2 --concurrency 64 \
        --rounds "$rounds" --operations "$posts" "${targets[@]}"
done
# An access event for each call beside none: a few in a hundred, so that short rounds take turns often.
if [ "${#told_targets[@]}" -gt 0 ]; then
    load probe "${told_targets[@]}" || failed
    for version in 1 2; do
        concurrency=8
        [ "$version" = 1 ] || concurrency=64
        row measure --label "access-events-post-h$version" --operation kept-alive --http "$version" --concurrency "$concurrency" \
            --rounds "$((rounds * 12))" --operations "$((posts / 4))" "${told_targets[@]}"
    done
fi

stop_all

# On both cores: it keeps its server apart by counting the CPU of the server's thread.
if [ -n "$trust" ]; then
    { echo; "$trust" "${trust_options[@]}"; } | tee -a "$results"
fi

# Its server takes the first core by itself. Both databases lie on the disk of the temporary folder.
if [ -n "$inbox" ]; then
    { echo; ./scripts/services.sh -- taskset -c "$client_core" "$inbox" --directory "$work" "${inbox_options[@]}"; } | tee -a "$results"
fi

# Only a complete table is kept.
mkdir -p benches/results
kept=benches/results/$(date -u +%Y%m%dT%H%M%SZ).txt
cp "$results" "$kept"
say "kept as $kept"
