#!/usr/bin/env bash
# The certificates of a console's test, in a new folder: a client CA with a revocation list that is due, two servers of which one is due,
# callers that are let in and callers that are not.
#
#   pki.sh FOLDER ISSUER_HOST
set -euo pipefail

folder=$1
program=$2
mkdir -p "$folder"
cd "$folder"

key() { (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null); }
# authority NAME SUBJECT DAYS
authority() {
    key "$1"
    openssl req -x509 -new -key "$1.key" -subj "$2" -days "$3" -sha256 -utf8 -out "$1.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}
# leaf NAME AUTHORITY SUBJECT DAYS PURPOSE [HOST]
leaf() {
    key "$1"
    openssl req -new -key "$1.key" -subj "$3" -utf8 -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 12)" -days "$4" -sha256 \
        -out "$1.pem" 2>/dev/null -extfile <(printf '%s\n' "basicConstraints=critical,CA:FALSE" \
            "keyUsage=critical,digitalSignature" "extendedKeyUsage=$5" ${6:+"subjectAltName=DNS:$6"} "authorityKeyIdentifier=keyid")
}

authority client-ca "/C=FR/O=Console Test/CN=Test Client CA" 1900
authority server-ca "/C=FR/O=Console Test Bank/CN=Test Bank Issuing CA" 700
authority foreign-ca "/C=XX/O=Somebody Else/CN=Foreign CA" 300
leaf preprod server-ca "/C=FR/O=Console Test Bank/CN=tsh-pp.bank.test" 21 serverAuth tsh-pp.bank.test
leaf production server-ca "/C=FR/O=Console Test Bank/CN=d1.bank.test" 300 serverAuth d1.bank.test
cat preprod.pem server-ca.pem >preprod-chain.pem
cat production.pem server-ca.pem >production-chain.pem
leaf caller client-ca "/C=FR/O=Console Test Thales/CN=TSH caller" 90 clientAuth
leaf revoked client-ca "/C=FR/O=Console Test Thales/CN=TSH caller, before it was stolen" 90 clientAuth
leaf stranger foreign-ca "/C=XX/O=Somebody Else/CN=a caller of another house" 90 clientAuth
# What a stranger may write into a certificate.
leaf hostile foreign-ca '/CN=<script>alert(1)<\/script>"><img src=x onerror=alert(2)>/O=a name that is made to run/OU=& more &lt;b&gt;' \
    90 clientAuth
"$program" crl --ca client-ca.pem --ca-key client-ca.key --out client-ca.crl --new --days 20 --revoke revoked.pem >/dev/null
rm ./*.csr
