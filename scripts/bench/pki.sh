# shellcheck shell=bash
# Certificates: ECDSA P-256 everywhere, an intermediate on both sides.

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/$1.key" 2>/dev/null; }

# issue NAME SUBJECT ISSUER EXTENSION...: a certificate, with a key of its own where it has none yet.
issue() {
    local name=$1 subject=$2 issuer=$3
    shift 3
    printf '%s\n' "$@" >"$pki/$name.ext"
    [ -e "$pki/$name.key" ] || key "$name"
    openssl req -new -key "$pki/$name.key" -subj "$subject" -out "$pki/$name.csr" 2>/dev/null
    local signer=(-CA "$pki/$issuer.crt" -CAkey "$pki/$issuer.key")
    [ "$issuer" != "$name" ] || signer=(-signkey "$pki/$name.key")
    openssl x509 -req -in "$pki/$name.csr" "${signer[@]}" -set_serial "0x$(openssl rand -hex 12)" -days 365 -sha256 \
        -extfile "$pki/$name.ext" -out "$pki/$name.crt" 2>/dev/null
}

ca=("basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign,cRLSign" "subjectKeyIdentifier=hash")
below=("${ca[@]}" "authorityKeyIdentifier=keyid")
leaf=("basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "subjectKeyIdentifier=hash"
    "authorityKeyIdentifier=keyid")
# For the hosts of other environments as well.
server_leaf=("${leaf[@]}" "extendedKeyUsage=serverAuth" "subjectAltName=DNS:$host,DNS:*.${host#*.}")

# Names of files are those that examples/embed_axum.rs reads.
certificates() {
    mkdir -p "$pki"
    issue server-root "/O=Bench/CN=Bench Server Root" server-root "${ca[@]}"
    issue server-issuing "/O=Bench/CN=Bench Server Issuing CA" server-root "${below[@]}"
    issue server "/O=Bench/CN=$host" server-issuing "${server_leaf[@]}"
    issue client-root "/O=Bench/CN=Bench Client CA" client-root "${ca[@]}"
    issue client-issuing "/O=Bench/CN=Bench Client Issuing CA" client-root "${below[@]}"
    issue client "/O=Bench/CN=bench-caller" client-issuing "${leaf[@]}" "extendedKeyUsage=clientAuth"
    cat "$pki/server.crt" "$pki/server-issuing.crt" >"$pki/server-chain.pem"
    cp "$pki/server.key" "$pki/server-key.pem"
    cat "$pki/server-chain.pem" "$pki/server-key.pem" >"$pki/server.pem"
    cp "$pki/server-root.crt" "$pki/server-ca.pem"
    cp "$pki/client-root.crt" "$pki/thales-client-ca.pem"
    cat "$pki/client.crt" "$pki/client-issuing.crt" >"$pki/client-chain.pem"
    cp "$pki/client.key" "$pki/client-key.pem"
}

# Two server certificates with the same key and names, for reloads that change something each time.
renewals() {
    cp "$pki/server-chain.pem" "$pki/chain-before.pem"
    cp "$pki/server.key" "$pki/renewed.key"
    issue renewed "/O=Bench/CN=$host" server-issuing "${server_leaf[@]}"
    cat "$pki/renewed.crt" "$pki/server-issuing.crt" >"$pki/chain-after.pem"
    cp "$pki/server-chain.pem" "$pki/chain-live.pem"
}

# anchors COUNT FILE: the callers' anchor in the middle of others, which have signed nothing.
anchors() {
    local count=$1 file=$2 number
    for ((number = 1; number <= count; number++)); do
        if [ "$number" -eq $(((count + 1) / 2)) ]; then
            cat "$pki/client-root.crt"
        else
            issue "anchor-$number" "/O=Bench/CN=Bench Other CA $number" "anchor-$number" "${ca[@]}"
            cat "$pki/anchor-$number.crt"
        fi
    done >"$file"
}

# revocations COUNT FILE: lists of both client CAs; that of the issuing one has COUNT entries, none of them of a caller.
revocations() {
    local count=$1 file=$2 authority
    for authority in client-root client-issuing; do
        printf '[ca]\ndefault_ca = bench\n[bench]\ndatabase = %s\ncrlnumber = %s\ndefault_md = sha256\ndefault_crl_days = 30\n' \
            "$pki/$authority.index" "$pki/$authority.number" >"$pki/$authority.cnf"
        echo 01 >"$pki/$authority.number"
        : >"$pki/$authority.index"
    done
    # Serials of 16 octets, as CAs make them; what the dates are does not matter.
    awk -v count="$count" 'BEGIN {
        for (number = 1; number <= count; number++)
            printf "R\t400101000000Z\t250101000000Z\t%08X%024X\tunknown\t/CN=%d\n", 1879048192 + number * 7, number, number
    }' >"$pki/client-issuing.index"
    for authority in client-root client-issuing; do
        openssl ca -config "$pki/$authority.cnf" -gencrl -keyfile "$pki/$authority.key" -cert "$pki/$authority.crt" \
            -out "$pki/$authority.crl" 2>/dev/null
    done
    cat "$pki/client-root.crl" "$pki/client-issuing.crl" >"$file"
}
