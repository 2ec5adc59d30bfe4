#!/usr/bin/env bash
# Runs the image `issuer-host` as an operator should, and checks what becomes of it: rights, memory, a configuration that is replaced
# under it, signals, health. Loopback, and the bridge of the engine.
#
#   ./scripts/container/running.sh    needs an engine that has the image: scripts/container-test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/container/said.sh

folder=$(mktemp -d)
# The user of the image has to get to what is mounted.
chmod 755 "$folder"
names=() started=()
finish() {
    local code=$?
    trap - EXIT INT TERM
    for name in "${names[@]}"; do
        if [ "$code" -ne 0 ]; then docker logs --tail 40 "$name" >&2 2>/dev/null || true; fi
        docker rm --force --volumes "$name" >/dev/null 2>&1 || true
    done
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- two client CAs, a server, a backend --------------------------------------------------------------------------------------

program="$folder/issuer-host"
name=$(docker create issuer-host)
docker cp "$name:/issuer-host" "$program"
docker rm "$name" >/dev/null

key() { (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null); }
# caller NUMBER: a client CA of its own, and a leaf that it signed.
caller() {
    key "$folder/ca-$1.key"
    openssl req -x509 -new -key "$folder/ca-$1.key" -subj "/O=Container/CN=Client CA $1" -days 30 -sha256 -out "$folder/ca-$1.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    key "$folder/leaf-$1.key"
    openssl req -new -key "$folder/leaf-$1.key" -subj "/O=Container/CN=caller $1" -out "$folder/leaf-$1.csr"
    "$program" sign --ca "$folder/ca-$1.pem" --ca-key "$folder/ca-$1.key" --csr "$folder/leaf-$1.csr" \
        --out "$folder/leaf-$1.pem" --days 10 >/dev/null
}
caller 1
caller 2
"$program" sample-pki "$folder/sample" >/dev/null

mkdir "$folder/backend"
python3 scripts/container/backend.py "$ISSUER_HOST_ENGINE_GATEWAY" "$folder/backend" &
started+=("$!")
within 30 test -f "$folder/backend/port" || failed "the backend does not start"

# Kubernetes' way to mount a Secret: names that point into ..data, which points to a directory, and is replaced in one step.
mounted="$folder/etc"
# generation NUMBER CLIENT-CA: a directory with everything, which takes force at once.
generation() {
    local new="$mounted/..$1"
    mkdir -p "$new"
    cp "$2" "$new/client-ca.pem"
    cp "$folder/sample/server-chain.pem" "$folder/sample/server-key.pem" "$new/"
    cat >"$new/issuer-host.toml" <<TOML
[environments.preprod]
product = "tsh"
customer_id = "ISSUER0001"
host = "localhost"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"
[environments.preprod.backend]
url = "http://$ISSUER_HOST_ENGINE_GATEWAY:$(cat "$folder/backend/port")"
TOML
    chmod 644 "$new"/*
    chmod 400 "$new/server-key.pem"
    chown 65532 "$new/server-key.pem"
    ln -s "..$1" "$mounted/..next"
    mv --no-target-directory "$mounted/..next" "$mounted/..data"
}
generation 1 "$folder/ca-1.pem"
for file in issuer-host.toml client-ca.pem server-chain.pem server-key.pem; do ln -s "..data/$file" "$mounted/$file"; done

# start NAME OPTION...: a container with no right that it does not need; its address is in $port.
start() {
    local name="issuer-host-$1"
    shift
    docker run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges --memory 64m --memory-swap 64m \
        --pids-limit 64 --volume "$mounted:/etc/issuer-host:ro" --publish 127.0.0.1::8443 "$@" issuer-host >/dev/null 2>"$folder/run.log" \
        || { cat "$folder/run.log" >&2; failed "docker run"; }
    names+=("$name")
    port=$(docker port "$name" 8443/tcp | sed 's/.*://')
}
state() { docker inspect --format "{{.State.$2}}" "issuer-host-$1"; }
has() { [ "$(state "$1" "$2")" = "$3" ]; }
# call NUMBER OPTION...: a call over the published port, as the caller of that CA; exit 0 = as Thales expects.
call() {
    local as=$1
    shift
    "$program" call "https://localhost:$port" tsh notifyVirtualCardChange --connect 127.0.0.1 --server-ca "$folder/sample/server-ca.pem" \
        --client-certificate "$folder/leaf-$as.pem" --client-key "$folder/leaf-$as.key" --issuer-id ISSUER0001 "$@"
}

step "a read-only container without rights answers on its published port"
start first --health-interval 1s
within 60 has first Health.Status healthy || failed "the container does not become healthy"
ok "it becomes healthy"
run "a call is acknowledged" call 1
refused "who is not of the client CA does not get in" 1 "" call 2

process=$(state first Pid)
# of FIELD: of the process, as the machine sees it.
of() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$process/status"; }
is "it runs as 65532" 65532 "$(of Uid)"
is "it has no capability" 0000000000000000 "$(of CapEff)"
is "it could not get one" 0000000000000000 "$(of CapBnd)"
is "it cannot gain rights by a program" 1 "$(of NoNewPrivs)"
is "it has a filter of system calls" 2 "$(of Seccomp)"
is "its root is read-only" ro "$(awk '$5 == "/" { split($6, options, ","); print options[1] }' "/proc/$process/mountinfo")"
is "its configuration is read-only" ro \
    "$(awk '$5 == "/etc/issuer-host" { split($6, options, ","); print options[1] }' "/proc/$process/mountinfo")"

step "64 MiB are enough under load"
# The file of the cgroup, by the name that its version has for it.
memory() {
    local group
    group=$(sed -n -e 's/^[0-9]*:memory:/\/sys\/fs\/cgroup\/memory/p' -e 's/^0::\(.\+\)/\/sys\/fs\/cgroup\1/p' "/proc/$process/cgroup" | head -n 1)
    cat "$group/$1" 2>/dev/null || cat "$group/$2"
}
is "the limit is in force" 67108864 "$(memory memory.limit_in_bytes memory.max)"
for load in "keepalive 100" "handshake 20" "resume 20"; do
    run "5 s of $load connections: no call fails" call 1 --mode "${load% *}" --connections "${load#* }" --duration 5s
done
is "the engine did not end it" "false 0" "$(state first OOMKilled) $(docker inspect --format '{{.RestartCount}}' issuer-host-first)"
is "it is the same process" "$process" "$(state first Pid)"
ok "it took $(of VmHWM) kB at most"

step "a configuration that is replaced as Kubernetes does it takes force without a restart"
cat "$folder/ca-1.pem" "$folder/ca-2.pem" >"$folder/both.pem"
generation 2 "$folder/both.pem"
within 60 call 2 || failed "the second client CA does not take force"
ok "the second client CA takes force"
run "the first one still counts" call 1
generation 3 "$folder/ca-2.pem"
turned_away() { ! call 1; }
within 60 turned_away || failed "the first client CA still counts although it is gone"
ok "the first client CA is gone"
run "the second one counts" call 2
is "it is the same process" "$process" "$(state first Pid)"

step "SIGHUP reloads"
start second --env ISSUER_HOST__RELOAD__WATCH=false --env ISSUER_HOST__RELOAD__POLL=0s
within 60 call 2 || failed "the second container does not answer"
generation 4 "$folder/both.pem"
refused "nothing looks at the files by itself" 1 "" call 1
docker kill --signal HUP issuer-host-second >/dev/null
within 60 call 1 || failed "SIGHUP did not make the new client CA take force"
ok "docker kill --signal HUP: the client CA of the new files takes force"

step "SIGTERM drains; who is not ready is unhealthy"
start third --health-interval 1s --health-retries 1
within 60 has third Health.Status healthy || failed "the container does not become healthy"
touch "$folder/backend/hold"
call 1 >"$folder/held.log" 2>&1 &
held=$!
started+=("$held")
within 30 test -f "$folder/backend/waiting" || { cat "$folder/held.log" >&2; failed "the call does not reach the backend"; }
docker stop --time 60 issuer-host-third >/dev/null &
stop=$!
started+=("$stop")
within 30 has third Health.Status unhealthy || failed "a container that drains stays healthy: $(state third Health.Status)"
ok "while a call is in flight it drains, and is unhealthy"
refused "nobody new gets in" 1 "" call 1
rm "$folder/backend/hold"
wait "$held" || { cat "$folder/held.log" >&2; failed "the call in flight is lost"; }
ok "the call in flight is answered"
wait "$stop" || failed "docker stop"
is "it ends by itself, with exit 0" "exited 0 false" "$(state third Status) $(state third ExitCode) $(state third OOMKilled)"

step "what is wrong is said"
chown 0 "$mounted/..data/server-key.pem"
refused "a key that the user 65532 may not read: exit 78, and which file" 78 server-key.pem \
    docker run --rm --read-only --cap-drop ALL --volume "$mounted:/etc/issuer-host:ro" issuer-host
