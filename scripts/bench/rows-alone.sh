# shellcheck shell=bash
# Rows that compare issuer-host with itself, or that start servers by themselves.

# Two workers beside one. The load generator shares both cores with them, since there is no third.
worker_rows() {
    wanted two-workers-{handshake-full,forwarded-h1} || return 0
    local both=$server_core,$client_core
    local server_core=$both client_core=$both
    start_backend
    start_serve serve two-workers SERVER__WORKERS=2
    start_serve other one-worker
    probe "${forward_targets[@]}"
    row measure two-workers-handshake-full --operation handshake-full --rounds "$rounds" --operations "$handshakes" \
        "${forward_targets[@]}"
    row measure two-workers-forwarded-h1 --operation kept-alive --rounds "$rounds" --operations "$posts" "${forward_targets[@]}"
    stop_all
}

# Calls at random moments, and beside them newcomers or reloads.
latency_rows() {
    wanted latency-{handshakes,handshakes-naive,reloads} || return 0
    local options=(--rounds "$latency_rounds" --seconds "$latency_seconds" --rate 500) target naive_target
    renewals
    start_backend
    start_serve serve issuer-host "ENVIRONMENTS__BENCH__CERTIFICATE_CHAIN=$pki/chain-live.pem"
    target=("${forward_targets[@]}")
    naive_forward_command
    start "$server_core" naive-forward "${command[@]}"
    naive_target=(--target "naive=$(forward_address naive),$pid")
    probe "${target[@]}" "${naive_target[@]}"
    row latency latency-handshakes "${options[@]}" --newcomers 100 "${target[@]}"
    row latency latency-handshakes-naive "${options[@]}" --newcomers 100 "${naive_target[@]}"
    row latency latency-reloads "${options[@]}" --reloads 10 --admin "$(address serve-admin)" \
        --live "$pki/chain-live.pem" --chain "$pki/chain-after.pem" --chain "$pki/chain-before.pem" "${target[@]}"
    stop_all
}

# server NAME ADDRESS: adds to `servers` what starts `command` on the servers' core.
servers=()
server() { servers+=(--server "$1=$2,taskset -c $server_core ${command[*]@Q}"); }

# From a start to the first answer, with two anchors; then with a long list of revoked certificates.
start_rows() {
    wanted start start-crl || return 0
    local two=$work/pki-two name
    cp -r "$pki" "$two"
    anchors 2 "$two/thales-client-ca.pem"
    start_backend
    servers=()
    serve_command serve "ENVIRONMENTS__BENCH__CLIENT_CA=$two/thales-client-ca.pem"
    server issuer-host "$(address serve)"
    local crl=("${servers[@]}") pki=$two
    naive_forward_command
    server naive "$(forward_address naive)"
    embed_command
    server embedded "$(address embed)"
    for name in nginx nginx-mainline haproxy envoy caddy; do
        [ -n "${program[$name]:-}" ] || continue
        peer_command "$name"
        server "$name" "$(forward_address "$name")"
    done
    row start start --starts "$starts" "${servers[@]}"
    if wanted start-crl; then
        revocations "$revoked" "$two/clients.crl"
        servers=()
        serve_command serve "ENVIRONMENTS__BENCH__CLIENT_CA=$two/thales-client-ca.pem" "ENVIRONMENTS__BENCH__CRL=$two/clients.crl"
        server "$revoked-revoked" "$(address serve)"
        row start start-crl --starts "$starts" "${servers[@]}" "${crl[@]/issuer-host=/none-revoked=}"
    fi
    stop_all
}

# What does not grow: issuer-host with much of something beside issuer-host with little of it.
growth_rows() {
    wanted growth-{connections,environments,anchors,operations} || return 0
    local handshake=(--operation handshake-full --rounds "$growth_rounds" --operations "$handshakes")
    if wanted growth-connections; then
        start_backend
        start_serve other "$idle-connections"
        start_serve serve 10-connections
        probe "${forward_targets[@]}"
        hold other "$idle"
        hold serve 10
        row measure growth-connections "${handshake[@]}" "${forward_targets[@]}"
        still_held
        stop_all
    fi
    if wanted growth-environments; then
        environments 50 >"$work/environments.toml"
        start_backend
        file=$work/environments.toml start_serve other 50-environments
        start_serve serve 1-environment
        probe "${forward_targets[@]}"
        row measure growth-environments "${handshake[@]}" "${forward_targets[@]}"
        stop_all
    fi
    if wanted growth-anchors; then
        anchors 200 "$pki/anchors.pem"
        start_backend
        start_serve other 200-anchors "ENVIRONMENTS__BENCH__CLIENT_CA=$pki/anchors.pem"
        start_serve serve 1-anchor
        probe "${forward_targets[@]}"
        row measure growth-anchors "${handshake[@]}" "${forward_targets[@]}"
        stop_all
    fi
    if wanted growth-operations; then
        operations 1966 "$work/products"
        start_backend
        start_serve other 2000-operations "PRODUCTS_DIR=$work/products"
        start_serve serve 34-operations
        probe "${forward_targets[@]}"
        row measure growth-operations --operation kept-alive --rounds "$growth_rounds" --operations "$((posts / 2))" \
            "${forward_targets[@]}"
        stop_all
    fi
}

# hold NAME COUNT: so many idle connections at NAME, until everything is ended.
held=()
hold() {
    local said=$work/hold-$1.log
    load_command hold --address "$(address "$1")" --connections "$2"
    start "$client_core" "hold-$1" "${command[@]}"
    held+=("$pid")
    while [ ! -s "$said" ]; do
        kill -0 "$pid" 2>/dev/null || { say "no idle connections: $(cat "$said")"; exit 1; }
        sleep 0.1
    done
    [ "$(cat "$said")" = "$2" ] || { say "no idle connections: $(cat "$said")"; exit 1; }
}

# The holder ends when one of its connections does.
still_held() {
    local each
    for each in "${held[@]}"; do
        kill -0 "$each" 2>/dev/null || { say "idle connections were closed meanwhile"; exit 1; }
    done
    held=()
}

# environments COUNT: the common configuration with COUNT-1 environments more on the same listener, each of a host of its own.
environments() {
    local number
    configuration
    for ((number = 1; number < $1; number++)); do
        configuration | sed -n '/^\[environments.bench\]/,$p' |
            sed -e "s/environments\.bench/environments.other_$number/" -e "s/\"BENCH\"/\"OTHER$number\"/" \
                -e "s/^host = .*/host = \"other-$number.${host#*.}\"/"
    done
}

# operations COUNT FOLDER: a folder of products with COUNT operations more.
operations() {
    local number
    mkdir -p "$2"
    {
        echo 'product = "tsh"'
        for ((number = 1; number <= $1; number++)); do
            printf '[[operation]]\nname = "benchOperation%d"\nsummary = "One of many"\nmethod = "POST"\npath = "/bench/operation%d"\nkind = "notification"\nstatus = 200\n' \
                "$number" "$number"
        done
    } >"$2/many.toml"
}

# Instructions in user space, which hardly vary.
instruction_rows() {
    wanted instructions-{handshake-full-1.3,handshake-resumed-1.3,kept-alive-h1,kept-alive-h2,forwarded-h1} || return 0
    local many=(--operations "$counted_posts")
    start_backend
    local server_core=$server_core,$client_core
    servers=()
    embed_command
    server issuer-host "$(address embed)"
    naive_command
    server naive "$(address naive)"
    row instructions instructions-handshake-full-1.3 --operation handshake-full --operations "$counted_handshakes" "${servers[@]}"
    row instructions instructions-handshake-resumed-1.3 --operation handshake-resumed --operations "$counted_handshakes" \
        "${servers[@]}"
    row instructions instructions-kept-alive-h1 --operation kept-alive "${many[@]}" "${servers[@]}"
    row instructions instructions-kept-alive-h2 --operation kept-alive --http 2 --concurrency 64 "${many[@]}" "${servers[@]}"
    servers=()
    serve_command serve
    server issuer-host "$(address serve)"
    naive_forward_command
    server naive "$(forward_address naive)"
    row instructions instructions-forwarded-h1 --operation kept-alive "${many[@]}" "${servers[@]}"
    stop_all
}
