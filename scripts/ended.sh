# shellcheck shell=bash
# Read by scripts that start processes and end them.

# ended WHOM SECONDS SIGNAL...: sends one signal after the other, until WHOM (a process, or -GROUP) is gone.
ended() {
    local whom=$1 seconds=$2 signal left
    shift 2
    for signal; do
        kill -s "$signal" -- "$whom" 2>/dev/null || return 0
        left=$((seconds * 10))
        while [ "$((left--))" -gt 0 ]; do
            kill -s 0 -- "$whom" 2>/dev/null || return 0
            sleep 0.1
        done
    done
}
