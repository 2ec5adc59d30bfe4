# shellcheck shell=bash
# The servers: how each is configured, started and ended. All run on one core, the load generator and the backend on another.

# Which core the servers run on, and which the load.
server_core=0 client_core=1
if [ "$(nproc)" -lt 2 ]; then
    say "one core only: server and load generator share it"
    client_core=0
fi

# own_place: into `work`, a folder that is gone in the end, with everything that was started.
work=
own_place() {
    work=$(mktemp -d)
    trap 'stop_all; rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
}

# The pid of the last process that was started.
pid=
started=()
start() {
    local cores=$1 name=$2
    shift 2
    taskset -c "$cores" "$@" >"$work/$name.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
}

stop_all() {
    local each
    for each in "${started[@]}"; do kill "$each" 2>/dev/null || true; done
    for each in "${started[@]}"; do wait "$each" 2>/dev/null || true; done
    started=() local_targets=() forward_targets=()
}

# Where each listens on 127.0.0.1, counted from the first port: those that answer themselves and forward have one more for that.
declare -A offset=([backend]=0 [embed]=1 [serve]=2 [serve-admin]=3 [other]=4 [other-admin]=5
    [nginx]=6 [haproxy]=8 [naive]=10 [envoy]=12 [nginx-mainline]=14 [caddy]=16)
port() { printf '%s' $((first_port + ${offset[$1]})); }
forward_port() { printf '%s' $((first_port + ${offset[$1]} + 1)); }
address() { printf '127.0.0.1:%s' "$(port "$1")"; }
forward_address() { printf '127.0.0.1:%s' "$(forward_port "$1")"; }

# --- issuer-host ---------------------------------------------------------------------------------------------------------------

# What all of its configurations have in common; what differs in one is given to serve_command as variables.
configuration() {
    cat <<TOML
[server]
workers = 1
# As many as the others are given, and for as long.
max_connections = 12000
keep_alive_idle = "300s"
[log]
level = "error"
access = false
[reload]
# Nothing happens by itself while it is measured.
watch = false
poll = "0s"
[environments.bench]
product = "tsh"
customer_id = "BENCH"
host = "$host"
client_ca = "$pki/thales-client-ca.pem"
certificate_chain = "$pki/server-chain.pem"
private_key = "$pki/server-key.pem"
[environments.bench.backend]
url = "http://$(address backend)"
TOML
}

# serve_command NAME [SETTING=VALUE...]: into `command`, what starts issuer-host where NAME listens, with these settings instead of
# the common ones: [server] workers is SERVER__WORKERS. `file` may name another file than the common one.
command=()
serve_command() {
    local name=$1
    shift
    command=(env "ISSUER_HOST__SERVER__LISTEN=$(address "$name")" "ISSUER_HOST__ADMIN__LISTEN=$(address "$name-admin")"
        "${@/#/ISSUER_HOST__}" "$issuer_host" serve --config "${file:-$work/issuer-host.toml}")
}

# start_serve NAME TITLE [SETTING=VALUE...]: adds it to forward_targets as TITLE.
start_serve() {
    local name=$1 title=$2
    shift 2
    serve_command "$name" "$@"
    start "$server_core" "$name" "${command[@]}"
    is_forward "$title" "$(address "$name")"
}

embed_command() { command=(env RUST_LOG=error "$embed" "$pki" "$(address embed)"); }

# --- peers ---------------------------------------------------------------------------------------------------------------------

# fill FILE NAME: a peer's configuration, its ports and places filled in.
fill() {
    local http2_listen="ssl http2" http2=""
    # Since 1.25.1 it is a directive; what it was before is deprecated.
    [ "$2" != nginx-mainline ] || http2_listen=ssl http2="http2 on;"
    sed -e "s|@WORK@|$work/$2|g" -e "s|@PKI@|$pki|g" -e "s|@HOST@|$host|g" -e "s|@BACKEND_PORT@|$(port backend)|g" \
        -e "s|@LOCAL_PORT@|$(port "$2")|g" -e "s|@FORWARD_PORT@|$(forward_port "$2")|g" \
        -e "s|@HTTP2_LISTEN@|$http2_listen|g" -e "s|@HTTP2@|$http2|g" "benches/peers/$1" >"$work/$2/configuration"
}

naive_command() { command=("$naive" "$pki" "$(address naive)"); }
naive_forward_command() { command=("$naive" "$pki" "$(forward_address naive)" "http://$(address backend)"); }

# peer_command NAME: into `command`, what starts the peer. It answers at one port and forwards at the other.
peer_command() {
    mkdir -p "$work/$1"
    local configuration=$work/$1/configuration
    case "$1" in
        nginx | nginx-mainline)
            fill nginx.conf.in "$1"
            command=("${program[$1]}" -p "$work/$1" -e stderr -c "$configuration")
            ;;
        haproxy)
            fill haproxy.cfg.in "$1"
            command=("${program[$1]}" -db -f "$configuration")
            ;;
        envoy)
            fill envoy.yaml.in "$1"
            mv "$configuration" "$configuration.yaml"
            command=("${program[$1]}" -c "$configuration.yaml" --concurrency 1 --log-level error --disable-hot-restart)
            ;;
        caddy)
            fill Caddyfile.in "$1"
            command=(env GOMAXPROCS=1 "HOME=$work/$1" "${program[$1]}" run --config "$configuration" --adapter caddyfile)
            ;;
    esac
}

# --- all of them ---------------------------------------------------------------------------------------------------------------

# NAME=ADDRESS,PID of the servers that answer themselves, and of those that forward; issuer-host first, since the first one is
# compared with the others.
local_targets=() forward_targets=()
is_local() { local_targets+=(--target "$1=$2,$pid"); }
is_forward() { forward_targets+=(--target "$1=$2,$pid"); }

start_backend() { start "$client_core" backend "$door" backend --listen "$(address backend)"; }

start_all() {
    local name
    start_backend
    embed_command
    start "$server_core" embed "${command[@]}"
    is_local issuer-host "$(address embed)"
    start_serve serve issuer-host
    naive_command
    start "$server_core" naive-local "${command[@]}"
    is_local naive "$(address naive)"
    naive_forward_command
    start "$server_core" naive-forward "${command[@]}"
    is_forward naive "$(forward_address naive)"
    for name in nginx nginx-mainline haproxy envoy caddy; do
        [ -n "${program[$name]:-}" ] || continue
        peer_command "$name"
        start "$server_core" "$name" "${command[@]}"
        is_local "$name" "$(address "$name")"
        is_forward "$name" "$(forward_address "$name")"
    done
    probe "${local_targets[@]}"
    probe "${forward_targets[@]}"
}

# load_command SUBCOMMAND...: into `command`, the load generator with what each of its commands needs.
load_command() {
    local subcommand=$1
    shift
    command=("$door" "$subcommand" --pki "$pki" --host "$host" --path "$path" "$@")
}

load() {
    load_command "$@"
    taskset -c "$client_core" "${command[@]}"
}

# probe TARGET...: all have to answer the caller, and to refuse one without a certificate.
probe() {
    load probe "$@" || {
        tail -n 5 "$work"/*.log >&2
        exit 1
    }
}
