# shellcheck shell=bash
# The rows of the table. Every group starts the servers that it needs, and ends them.

# wanted NAME...: whether one of these rows is asked for.
wanted() {
    local name
    for name; do
        [[ "$name" != "$only"* ]] || return 0
    done
    return 1
}

# row COMMAND NAME OPTION...: a load whose lines join the table.
row() {
    local subcommand=$1 name=$2
    shift 2
    wanted "$name" || return 0
    load "$subcommand" --label "$name" --json "$work/rows" "$@" | tee -a "$results"
}

# Memory, on processes that have done nothing yet: allocators keep what a load before has used.
idle_rows() {
    local version
    for version in 1 2; do
        if wanted "idle-h$version"; then
            start_all
            row idle "idle-h$version" --http "$version" --connections "$idle" "${local_targets[@]}"
            stop_all
        fi
        if wanted "idle-forwarded-h$version"; then
            start_all
            # The first two, which are processes of their own there: of the others it is the same process that answers by itself.
            row idle "idle-forwarded-h$version" --http "$version" --connections "$idle" "${forward_targets[@]:0:4}"
            stop_all
        fi
    done
}

# Connection, handshake, POST, answer, goodbye; answered by the server itself and then by the backend.
handshake_rows() {
    wanted handshake-{full,resumed}-1.{2,3}{,-forwarded} || return 0
    start_all
    local kind version
    for kind in full resumed; do
        for version in 1.3 1.2; do
            row measure "handshake-$kind-$version" --operation "handshake-$kind" --tls "$version" \
                --rounds "$rounds" --operations "$handshakes" "${local_targets[@]}"
            row measure "handshake-$kind-$version-forwarded" --operation "handshake-$kind" --tls "$version" \
                --rounds "$rounds" --operations "$handshakes" "${forward_targets[@]}"
        done
    done
    stop_all
}

# Posts over kept-alive connections, answered by the server itself and then by the backend. HTTP/2 spreads its streams over
# eight connections: nginx takes some 8 MB of bodies that it answers unread on one connection for a flood, and closes it.
request_rows() {
    wanted {kept-alive,forwarded}-h{1,2} || return 0
    start_all
    local version concurrency
    for version in 1 2; do
        concurrency=8
        [ "$version" = 1 ] || concurrency=64
        row measure "kept-alive-h$version" --operation kept-alive --http "$version" --concurrency "$concurrency" \
            --rounds "$rounds" --operations "$posts" "${local_targets[@]}"
        row measure "forwarded-h$version" --operation kept-alive --http "$version" --concurrency "$concurrency" \
            --rounds "$rounds" --operations "$posts" "${forward_targets[@]}"
    done
    stop_all
}

# An access event for each call, into a pipe that somebody reads as a container's log is read, beside none: a few in a hundred, so
# that short rounds take turns often.
access_event_rows() {
    wanted access-events-h{1,2} || return 0
    local targets version concurrency
    start_backend
    serve_command other LOG__FORMAT=json LOG__LEVEL=info LOG__ACCESS=true
    taskset -c "$server_core" "${command[@]}" 2> >(exec taskset -c "$client_core" cat >/dev/null) >/dev/null </dev/null &
    pid=$!
    started+=("$pid")
    targets=(--target "told=$(address other),$pid")
    start_serve serve silent
    targets+=("${forward_targets[@]}")
    probe "${targets[@]}"
    for version in 1 2; do
        concurrency=8
        [ "$version" = 1 ] || concurrency=64
        row measure "access-events-h$version" --operation kept-alive --http "$version" --concurrency "$concurrency" \
            --rounds "$((rounds * 12))" --operations "$((posts / 4))" "${targets[@]}"
    done
    stop_all
}
