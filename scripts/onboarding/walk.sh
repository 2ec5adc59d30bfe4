#!/usr/bin/env bash
# From an empty folder to a green connection, and through every rotation, as an operator would do it; fails at the first step that does
# not end as it should. `openssl` plays the parts of the others: Thales' CA, the CA of the server's certificates. Loopback only.
#
#   ./scripts/onboarding/walk.sh [PROGRAM]    PROGRAM: an issuer-host; default: target/release/issuer-host
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:-target/release/issuer-host}")
[ -x "$program" ] || { echo "walk.sh: $program is not there: cargo build --release --locked" >&2; exit 66; }
for tool in openssl python3 curl; do
    command -v "$tool" >/dev/null || { echo "walk.sh: $tool is missing" >&2; exit 69; }
done
here=$(realpath scripts/onboarding)

folder=$(mktemp -d)
started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$folder"

issuer_host() { "$program" "$@"; }
step() { printf '\n=== %s\n' "$*"; }
# run WHAT COMMAND...: shows what a command said where it fails.
run() {
    local what=$1
    shift
    if "$@" >said.txt 2>&1; then
        printf '  ok     %s\n' "$what"
    else
        printf '  FAILED %s (exit %s): %s\n' "$what" "$?" "$*" >&2
        cat said.txt >&2
        exit 1
    fi
}
# refused WHAT EXIT COMMAND...: the command has to end with this exit code.
refused() {
    local what=$1 code=$2 got=0
    shift 2
    "$@" >said.txt 2>&1 || got=$?
    if [ "$got" -ne "$code" ]; then
        printf '  FAILED %s: exit %s instead of %s: %s\n' "$what" "$got" "$code" "$*" >&2
        cat said.txt >&2
        exit 1
    fi
    printf '  ok     %s\n' "$what"
}

# --- the parts of the others ---------------------------------------------------------------------------------------------------

key() { (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null); }
# authority NAME SUBJECT: NAME.pem and NAME.key, a root.
authority() {
    key "$1.key"
    openssl req -x509 -new -key "$1.key" -subj "$2" -days 3650 -sha256 -out "$1.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}
# server_certificate NAME AUTHORITY: a new certificate for the host, issued by a CA of the bank's.
server_certificate() {
    key "$1.key"
    openssl req -new -key "$1.key" -subj "/C=FR/O=Walk Bank/CN=$host" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 12)" -days 300 \
        -sha256 -out "$1.pem" 2>/dev/null -extfile <(printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
            "extendedKeyUsage=serverAuth" "subjectAltName=DNS:$host" "authorityKeyIdentifier=keyid")
}
# thales_leaf AUTHORITY NAME: a key pair and request of Thales, signed by the CA.
thales_leaf() {
    key "$2.key"
    openssl req -new -key "$2.key" -subj "/C=FR/O=Walk Thales/CN=TSH caller ${2##*/}" -out "$2.csr"
    issuer_host sign --ca "$1.pem" --ca-key "$1.key" --csr "$2.csr" --out "$2.pem" --days 90
}
# in_place NEW FILE...: replaces files in one step each, as an operator should.
in_place() { cp "$1" "$2.new" && mv "$2.new" "$2"; }
# served NAME: this certificate is the one that is served, and no other.
served() {
    local sha256
    sha256=$(openssl x509 -in "$1.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')
    curl -sS -f "http://127.0.0.1:$admin_port/status" | grep -F "$sha256"
}
reload() { curl -sS -f -X POST -H 'issuer-host-admin: 1' "http://127.0.0.1:$admin_port/reload"; }

host=tsh-pp.bank.test
mkdir others bank bank/tls bank/secrets
authority others/thales-ca "/C=FR/O=Walk Thales/CN=Thales Client CA 1"
authority others/next-thales-ca "/C=FR/O=Walk Thales/CN=Thales Client CA 2"
authority others/bank-ca "/C=FR/O=Walk Bank/CN=Bank Server CA 1"
authority others/next-bank-ca "/C=FR/O=Walk Bank/CN=Bank Server CA 2"

# --- from an empty folder to a server ---------------------------------------------------------------------------------------------

step "Thales' side: leaves that Thales rotates, signed by a client CA"
run "sign: the first leaf" thales_leaf others/thales-ca others/leaf-1
run "sign: the leaf that it is rotated to" thales_leaf others/thales-ca others/leaf-2
run "sign: a leaf of the next CA" thales_leaf others/next-thales-ca others/leaf-3

step "The bank's side: certificate, chain, secrets, configuration"
server_certificate bank/first others/bank-ca
run "chain: what is served" issuer_host chain --certificate-chain bank/first.pem others/bank-ca.pem --leaf --out bank/tls/server-chain.pem
cp bank/first.key bank/tls/server-key.pem
run "chain: what the portal gets" issuer_host chain --certificate-chain bank/first.pem others/bank-ca.pem --out bank/portal.pem
run "chain: what the server is held to" issuer_host chain --certificate-chain bank/first.pem others/bank-ca.pem --endorsed --out bank/tls/endorsed.pem
run "chain: the trust store of a private CA (O9)" issuer_host chain --certificate-chain bank/first.pem others/bank-ca.pem --trust-store --out bank/trust-store.pem
cp others/thales-ca.pem bank/tls/thales-client-ca.pem
(
    umask 077
    openssl rand -hex 32 >bank/secrets/cof-key
    openssl rand -hex 32 >bank/secrets/d1-secret
    openssl ecparam -name prime256v1 -genkey -noout -out bank/secrets/token-keys.pem
    issuer_host inbox new-key >bank/secrets/inbox-keys
)

issuer_host explain --format json >operations.json
python3 "$here/backend.py" operations.json backend-port &
started+=("$!")
for _ in $(seq 300); do [ -f backend-port ] && break; sleep 0.1; done

read -r port admin_port < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for one in sockets: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in sockets])')
cat >bank/issuer-host.toml <<TOML
[server]
listen = ["127.0.0.1:$port"]
[admin]
listen = "127.0.0.1:$admin_port"
[inbox]
url = "sqlite:inbox.db"
key_file = "secrets/inbox-keys"
[log]
level = "warn"
[environments.preprod]
product = ["tsh", "tsh-auxiliary", "tsp", "d1", "d1-ecom", "cof", "transit"]
customer_id = "WALK000001"
host = "$host"
client_ca = "tls/thales-client-ca.pem"
certificate_chain = "tls/server-chain.pem"
private_key = "tls/server-key.pem"
endorsed_chain = "tls/endorsed.pem"
[environments.preprod.backend]
url = "http://127.0.0.1:$(cat backend-port)"
[environments.preprod.api_keys.spring]
key_file = "secrets/cof-key"
[environments.preprod.tokens]
signing_key_file = "secrets/token-keys.pem"
[environments.preprod.tokens.clients.thales.secrets.spring]
secret_file = "secrets/d1-secret"
TOML

step "check"
run "check" issuer_host check --config bank/issuer-host.toml
run "check --strict, as it will be reached from outside" \
    env ISSUER_HOST__SERVER__LISTEN=0.0.0.0:8443 "$program" check --strict --config bank/issuer-host.toml
refused "check: a leaf in the place of the client CA is refused" 78 \
    env ISSUER_HOST__ENVIRONMENTS__PREPROD__CLIENT_CA="$folder/others/leaf-1.pem" "$program" check --config bank/issuer-host.toml

step "serve"
"$program" serve --config bank/issuer-host.toml >serve.log 2>&1 &
server=$!
started+=("$server")
for _ in $(seq 300); do
    if curl -sSf "http://127.0.0.1:$admin_port/readyz" >/dev/null 2>&1; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then cat serve.log >&2; exit 1; fi
    sleep 0.1
done

url="https://$host:$port"
as() { printf '%s\n' --client-certificate "others/$1.pem" --client-key "others/$1.key"; }
# live LEAF: check --live, as whom.
live() { issuer_host check --live "127.0.0.1:$port" --server-name "$host" --server-ca bank/trust-store.pem $(as "$1"); }
# call_all LEAF PRODUCT
call_all() {
    local second_key=()
    case $2 in
        cof) second_key=(--api-key-file bank/secrets/cof-key) ;;
        d1*) second_key=(--token-client thales --token-secret-file bank/secrets/d1-secret) ;;
    esac
    issuer_host call "$url" --connect 127.0.0.1 --all "$2" --server-ca bank/trust-store.pem $(as "$1") --issuer-id WALK000001 "${second_key[@]}"
}
products=(tsh tsh-auxiliary tsp d1 d1-ecom cof transit)
# green LEAF WHEN: everything that can be seen from outside is as it should be.
green() {
    run "check --live $2" live "$1"
    for product in "${products[@]}"; do run "call --all $product $2" call_all "$1" "$product"; done
}

step "check --live and call --all"
green leaf-1 "with the first leaf"
refused "check --live: a server that Thales does not know by its CA fails" 1 \
    issuer_host check --live "127.0.0.1:$port" --server-name "$host" $(as leaf-1)
refused "call: nobody gets in without a certificate" 1 \
    issuer_host call "$url" tsh notifyVirtualCardChange --connect 127.0.0.1 --server-ca bank/trust-store.pem --issuer-id WALK000001
refused "call: a leaf of a CA that is not trusted yet does not get in" 1 call_all leaf-3 tsh

# --- every rotation, under load ----------------------------------------------------------------------------------------------------

# under_load LEAF MODE WHAT COMMAND...: a load runs before, while and after the command changes something; no call of it may fail.
under_load() {
    local leaf=$1 mode=$2
    shift 2
    # The program itself and no function: a signal to a subshell would not reach it.
    "$program" call "$url" tsh checkCardEligibility --connect 127.0.0.1 --server-ca bank/trust-store.pem $(as "$leaf") \
        --issuer-id WALK000001 --mode "$mode" --connections 4 --rate 100 --duration 2m --format json >load.json &
    local load=$!
    started+=("$load")
    sleep 1
    run "$@"
    sleep 1
    # It would go on for minutes: what ends it is this, and its summary is of all calls until now.
    kill -INT "$load"
    if ! wait "$load"; then
        printf '  FAILED a load (%s, %s) lost calls while: %s\n' "$leaf" "$mode" "$1" >&2
        cat load.json serve.log >&2
        exit 1
    fi
    printf '  ok     %s %s calls went on meanwhile, none was lost\n' "$(python3 -c 'import json; print(json.load(open("load.json"))["succeeded"])')" "$mode"
}

step "Thales rotates its leaf: nothing to do"
for mode in keepalive handshake resume; do under_load leaf-2 "$mode" "the new leaf calls while the old one does" call_all leaf-1 tsh; done

step "The bank renews its server certificate"
server_certificate bank/second others/bank-ca
renew() {
    issuer_host chain --certificate-chain bank/second.pem others/bank-ca.pem --leaf --out bank/second-chain.pem
    in_place bank/second-chain.pem bank/tls/server-chain.pem
    in_place bank/second.key bank/tls/server-key.pem
    reload
}
under_load leaf-2 handshake "chain and key are replaced" renew
run "the new one is served" served bank/second
green leaf-2 "with the new server certificate"

step "The bank changes the CA of its server, after it told Thales (O10)"
server_certificate bank/third others/next-bank-ca
issuer_host chain --certificate-chain bank/third.pem others/next-bank-ca.pem --leaf --out bank/third-chain.pem 2>/dev/null
not_told() {
    in_place bank/third.key bank/tls/server-key.pem
    in_place bank/third-chain.pem bank/tls/server-chain.pem
    reload
}
under_load leaf-2 keepalive "a chain that Thales was not told of changes nothing" refused "" 22 not_told
run "the one before is served" served bank/second
# Thales trusts both for a while, and so does what the server is held to.
cat others/bank-ca.pem others/next-bank-ca.pem >both-bank-cas.pem
in_place both-bank-cas.pem bank/trust-store.pem
told() { in_place both-bank-cas.pem bank/tls/endorsed.pem && reload; }
under_load leaf-2 handshake "Thales was told: the new chain takes force" told
run "the new one is served" served bank/third
green leaf-2 "with a certificate of the next CA"

step "Thales moves to another client CA"
both() {
    cat others/thales-ca.pem others/next-thales-ca.pem >both.pem
    in_place both.pem bank/tls/thales-client-ca.pem
    reload
}
only_the_next() { in_place others/next-thales-ca.pem bank/tls/thales-client-ca.pem && reload; }
under_load leaf-2 keepalive "the next CA is trusted beside the first" both
green leaf-3 "with a leaf of the next CA"
under_load leaf-3 keepalive "the first CA is trusted no more" only_the_next
green leaf-3 "when only the next CA is trusted"
refused "call: the leaves of the first CA do not get in any more" 1 call_all leaf-2 tsh

step "A leaf of one's own CA is revoked (O7)"
run "sign: another leaf of the next CA" thales_leaf others/next-thales-ca others/leaf-4
revoke() {
    issuer_host crl --ca others/next-thales-ca.pem --ca-key others/next-thales-ca.key --out bank/tls/thales.crl --new --revoke others/leaf-4.pem
    sed -i 's|^client_ca = .*|&\ncrl = ["tls/thales.crl"]|' bank/issuer-host.toml
    reload
}
run "call: it gets in" call_all leaf-4 tsh
under_load leaf-3 handshake "crl: it is revoked" revoke
refused "call: it does not get in any more" 1 call_all leaf-4 tsh
green leaf-3 "with a revocation list"

step "The end"
kill -TERM "$server"
run "serve ends" wait "$server"
printf '\nFrom an empty folder to a green connection, through every rotation: %d s.\n' "$SECONDS"
