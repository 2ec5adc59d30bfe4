#!/usr/bin/env bash
# Counts the instructions that one operation takes, and fails where they are more than 5 % beyond those that are written down in
# benches/instructions.txt. Time says little on a machine that is shared; instructions in user space hardly vary (callgrind).
#
#   ./scripts/guard.sh PROGRAM            compares: target/container/issuer-host, as scripts/container-test.sh builds it
#   ./scripts/guard.sh PROGRAM --write    writes the counts down, to be committed with what explains them
#
# Counts are those of a machine: cryptography and copies take other ways where a processor knows other instructions, and valgrind
# knows more of them with each version. Where that differs from what is written down, nothing is compared, and that is said.
#
# The program listens on loopback alone, with one worker. GUARD_PORT moves the six ports that are used.
set -euo pipefail
cd "$(dirname "$0")/.."

issuer_host=${1:-}
[ -x "$issuer_host" ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 64; }
issuer_host=$(realpath "$issuer_host")
writes=${2:-}

# Per cent.
most=5
counts=benches/instructions.txt
host=bench.issuer-host.test
first_port=${GUARD_PORT:-19480}
path=/issuer/igwapi/v2.0/notifyVirtualCardChange

say() { printf '%s\n' "$*" >&2; }

. scripts/bench/needs.sh
. scripts/bench/pki.sh
. scripts/bench/servers.sh

missing=()
command -v valgrind >/dev/null || missing+=(valgrind)
command -v openssl >/dev/null || missing+=(openssl)
command -v taskset >/dev/null || missing+=(util-linux)
[ "${#missing[@]}" -eq 0 ] || debian_packages "${missing[@]}"

# counted_with: what counts depend on beside the program. Of what x86 processors differ in, valgrind lets a program see these alone.
counted_with() {
    local each
    printf '%s %s' "$(valgrind --version)" "$(uname -m)"
    for each in avx avx2 f16c rdrand rdseed; do
        ! grep -qsw "$each" /proc/cpuinfo || printf ' %s' "$each"
    done
}
here=$(counted_with)
if [ "$writes" != --write ]; then
    there=$(sed -n 's/^# //p' "$counts")
    [ -n "$there" ] || { say "guard: $counts does not say what it was counted with"; exit 1; }
    if [ "$here" != "$there" ]; then
        say "guard: NOT COMPARED: counted with $there, this machine has $here"
        exit 0
    fi
fi

# The load generator is not what is counted: a build without optimizations will do, and tests have most of it built already.
door=$(cargo build --locked --bench door --message-format json |
    sed -n 's/.*"name":"door".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$door" ] || { say "guard: the load generator was not built"; exit 1; }

own_place
pki=$work/pki
certificates
configuration >"$work/issuer-host.toml"
start_backend

# counted NAME OPTIONS -- SETTINGS: a line with the instructions of one operation. @START@ in settings is another number for each
# start of the server, of which a count takes two: that of the shell which starts it.
counted() {
    local name=$1 options=() quoted count
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    serve_command serve "$@"
    quoted=${command[*]@Q}
    count=$(load instructions --label "$name" --json "$work/$name.json" "${options[@]}" \
        --server "issuer-host=$(address serve),${quoted//@START@/\'\$\$\'}" >/dev/null &&
        sed -n 's/.*"rounds":\[\([0-9]*\).*/\1/p' "$work/$name.json") || count=
    [ -n "$count" ] || { say "guard: $name was not counted"; exit 1; }
    printf '%-24s %9d\n' "$name" "$count" | tee -a "$work/counts"
}

# Answered by the stack itself, without a backend: nobody knows that path.
called=$path path=/nobody/knows/it
rejects=ENVIRONMENTS__BENCH__UNKNOWN=reject
counted handshake-full --answer 404 --operation handshake-full --operations 60 -- "$rejects"
counted handshake-resumed --answer 404 --operation handshake-resumed --operations 60 -- "$rejects"
counted kept-alive-h1 --answer 404 --operation kept-alive --operations 1000 -- "$rejects"
counted kept-alive-h2 --answer 404 --operation kept-alive --http 2 --concurrency 64 --operations 500 -- "$rejects"
path=$called
counted forwarded-h1 --operation kept-alive --operations 500 --
# Time alone decides what shares a transaction, when something is delivered, and when the log is copied into the database. So each call
# comes after the one before, into a store that is new; the first notification is being delivered all the while, and no other beside
# it; and they are too few for the log to be copied before the end.
counted received-h1 --operation kept-alive --concurrency 1 --operations 400 -- "INBOX__URL=sqlite://$work/inbox-@START@.db" \
    "ENVIRONMENTS__BENCH__BACKEND__EVENTS_URL=http://$(address backend)/never" \
    INBOX__DELIVERY__MAX_IN_FLIGHT=1 INBOX__DELIVERY__ATTEMPT_TIMEOUT=1h INBOX__DELIVERY__LEASE=1h

if [ "$writes" = --write ]; then
    { printf '# %s\n' "$here"; cat "$work/counts"; } >"$counts"
    say "written to $counts"
    exit 0
fi
awk -v most="$most" '
    NR == FNR { before[$1] = $2; next }
    !($1 in before) { printf "guard: %s is not in the file: --write adds it\n", $1; bad = 1; next }
    { change = ($2 / before[$1] - 1) * 100 }
    change > most { printf "guard: %s takes %+.1f %% more instructions than before (%d, %d before)\n", $1, change, $2, before[$1]; bad = 1 }
    change < -most { printf "%s takes %.1f %% fewer: --write keeps that\n", $1, -change }
    END { exit bad }' "$counts" "$work/counts" >&2
