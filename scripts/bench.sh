#!/usr/bin/env bash
# Prints what issuer-host costs beside a server that is written in an afternoon (benches/peers/naive), nginx, HAProxy, Envoy and Caddy:
# server CPU per operation, memory per idle connection, and ratios (docs/performance.md).
# Then what trust costs it: full and resumed handshakes, a reload with ten thousand live connections; and what its inbox costs: notifications
# that are durable before they are acknowledged, in SQLite and in PostgreSQL, beside fsync alone, and with a million of them waiting
# (docs/benchmarks.md).
#
#   ./scripts/bench.sh            interleaved rounds, medians
#   ./scripts/bench.sh --quick    one small round, to see that it works; its numbers mean nothing
#   ./scripts/bench.sh --peers    the comparison alone; nothing of trust and inbox
#   ./scripts/bench.sh --only access-events    of that the rows alone whose names begin like that
#   ./scripts/bench.sh --document              writes the tables of the newest complete comparison into docs/performance.md
#   ./scripts/bench.sh --check-document        fails when other tables stand there
#
# All servers run on one core, one after the other under load, the load generator on another; the same certificates for all, client
# certificates demanded, no logs but in the rows that are about them. Loopback only. It ends what it started, nothing else.
# ISSUER_HOST_BIN, EMBED_BIN (examples/embed_axum) and DOOR_BIN (benches/door) name programs that are built already. BENCH_PORT
# moves the twenty ports that it uses. It needs 10200 descriptors in each process (ulimit -n), and a machine with nothing else to do:
# handshakes and reloads that calls are timed beside come from a process that gives way to everything.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=5 handshakes=1000 posts=40000 idle=10000
latency_rounds=7 latency_seconds=6 starts=11 revoked=20000 growth_rounds=15
counted_handshakes=100 counted_posts=1000
only="" quick="" peers_alone="" page=""
trust_options=() inbox_options=(--million)
while [ "$#" -gt 0 ]; do
    case "$1" in
        --quick)
            quick=1
            rounds=1 handshakes=50 posts=1000 idle=50
            latency_rounds=1 latency_seconds=1 starts=1 revoked=200 growth_rounds=1
            counted_handshakes=10 counted_posts=50
            trust_options=(--quick) inbox_options=(--quick --million)
            ;;
        --peers) peers_alone=1 ;;
        --only) only=${2:?name of rows}; shift ;;
        --document) page="written" ;;
        --check-document) page="checked" ;;
        *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64 ;;
    esac
    shift
done

host=bench.issuer-host.test
first_port=${BENCH_PORT:-19440}
# What examples/embed_axum.rs answers; the peers answer on any path.
path=/issuer/igwapi/v2.0/notifyVirtualCardChange

say() { printf '%s\n' "$*" >&2; }

. scripts/bench/needs.sh
. scripts/bench/pki.sh
. scripts/bench/servers.sh
. scripts/bench/rows.sh
. scripts/bench/rows-alone.sh

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

document=docs/performance.md
if [ -n "$page" ]; then
    newest=$(find benches/results -name '*.json' 2>/dev/null | sort | tail -n 1)
    [ -n "$newest" ] || { say "there is no complete run in benches/results"; exit 1; }
    door=${DOOR_BIN:-$(executable door)}
    check=()
    [ "$page" = written ] || check=(--check)
    exec "$door" document "${check[@]}" "$newest" "$document"
fi

needs
peers
programs
trust="" inbox=""
if [ -z "$only$peers_alone" ]; then
    trust=$(executable trust)
    inbox=$(executable inbox)
fi

own_place
pki=$work/pki
certificates
configuration >"$work/issuer-host.toml"

results=$work/table
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
tee -a "$results" <<TEXT
$began  $(uname -sm), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)
$(versions)
$(for each in "${left_out[@]}"; do echo "NOT MEASURED: $each"; done)
$rounds round(s), medians (lowest to highest). ratio = the first server / this one: below 1, the first needs less.

TEXT

idle_rows
handshake_rows
request_rows
access_event_rows
worker_rows
latency_rows
start_rows
growth_rows
instruction_rows

# On both cores: it keeps its server apart by counting the CPU of the server's thread.
if [ -n "$trust" ]; then
    { echo; "$trust" "${trust_options[@]}"; } | tee -a "$results"
fi

# Its server takes the first core by itself. Both databases lie on the disk of the temporary folder.
if [ -n "$inbox" ]; then
    { echo; ./scripts/services.sh -- taskset -c "$client_core" "$inbox" --directory "$work" "${inbox_options[@]}"; } | tee -a "$results"
fi

# A complete run takes the place of the one before it, for the document; any other is kept where builds are.
stamp=$(date -u -d "$began" +%Y%m%dT%H%M%SZ)
kept=target/bench
if [ -z "$only$quick" ]; then
    kept=benches/results
    rm -f "$kept"/*.json "$kept"/*.txt
fi
mkdir -p "$kept"
cp "$results" "$kept/$stamp.txt"
facts=()
while read -r fact; do facts+=(--version-of "$fact"); done < <(versions)
for each in "${left_out[@]}"; do facts+=(--left-out "$each"); done
"$door" keep --rows "$work/rows" --date "$began" "${facts[@]}" --out "$kept/$stamp.json"
say "kept as $kept/$stamp.txt and $kept/$stamp.json"
[ "$kept" = target/bench ] || say "./scripts/bench.sh --document writes its tables into $document"
