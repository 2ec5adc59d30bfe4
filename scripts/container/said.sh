# shellcheck shell=bash
# How the checks of the container tell what they found. To be sourced.

step() { printf '\n=== %s\n' "$*"; }
ok() { printf '  ok     %s\n' "$*"; }
failed() {
    printf '  FAILED %s\n' "$*" >&2
    exit 1
}
# run WHAT COMMAND...: shows what a command said where it fails.
run() {
    local what=$1 code=0 said
    shift
    said=$("$@" 2>&1) || code=$?
    if [ "$code" -ne 0 ]; then
        printf '%s\n' "$said" >&2
        failed "$what (exit $code): $*"
    fi
    ok "$what"
}
# refused WHAT EXIT WORDS COMMAND...: the command has to end with this exit code, and to say these words.
refused() {
    local what=$1 wanted=$2 words=$3 code=0 said
    shift 3
    said=$("$@" 2>&1) || code=$?
    if [ "$code" -ne "$wanted" ] || ! grep -qF -e "$words" <<<"$said"; then
        printf '%s\n' "$said" >&2
        failed "$what (exit $code instead of $wanted, or without '$words'): $*"
    fi
    ok "$what"
}
# is WHAT WANTED FOUND
is() { if [ "$2" = "$3" ]; then ok "$1"; else failed "$1: $3 instead of $2"; fi; }
# within SECONDS COMMAND...: again and again, until it succeeds or time is up.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}
