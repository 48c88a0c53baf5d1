# What every script here shares: where things are, how to speak, how to wait for another setup.
# Sourced, never run. Everything people read goes to stderr, so that `scripts/ivr … --json` stays clean.
# shellcheck shell=bash

set -euo pipefail

REPO="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd -P)"
IVR_TOOLS="$(readlink -m "${IVR_TOOLS:-$REPO/var/tools}")"

# What Python reads. Absolute, because the scripts keep the caller's working directory.
export IVR_TOOLS
export IVR_STATE="${IVR_STATE:-$REPO/var}"
export IVR_ROUTING="${IVR_ROUTING:-$REPO/routing.yaml}"
export PYTHONPATH="$REPO"
# Nothing is written into the repository, and no module of the working directory is taken for ours.
export PYTHONPYCACHEPREFIX="$IVR_TOOLS/cache/pycache"
export PYTHONSAFEPATH=1
# Compiled modules are kept there, whatever the shell says: without them every process begins a second later.
unset PYTHONDONTWRITEBYTECODE

QUIET="${QUIET:-}"

say() { printf '%s\n' "$*" >&2; }

# die TEXT: the one line that says what is missing and its remedy.
die() {
    say "siaga112: $*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# step NAME TEXT COMMAND…: run a long command with its output in log/NAME.log, and say so before and after.
# TEXT is "Indonesian / English".
step() {
    local name="$1" text="$2" log="$IVR_TOOLS/log/$1.log" start=$SECONDS
    shift 2
    mkdir -p "$IVR_TOOLS/log"
    say "Menyiapkan / Setting up: $text …"
    # A subshell of its own, not a condition: inside a condition bash would ignore `set -e`.
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1
    local status=$?
    set -e
    if ((status)); then
        # A remedy that the command itself named comes first; else the end of its output.
        grep -m 1 '^siaga112: ' "$log" >&2 || {
            tail -n 15 "$log" >&2
            die "$name gagal / failed; seluruhnya di / all of it in $log"
        }
        exit 1
    fi
    say "  selesai / done ($((SECONDS - start)) s)"
}

# locked COMMAND…: run it while no other setup works in IVR_TOOLS.
locked() {
    mkdir -p "$IVR_TOOLS" 2>/dev/null && [[ -w $IVR_TOOLS ]] ||
        die "tidak dapat menulis / cannot write $IVR_TOOLS: set IVR_TOOLS to a directory you own"
    have flock || die "flock tidak ada / is missing: install util-linux"
    (
        flock -n 9 || {
            say "Menunggu penyiapan lain / Waiting for another setup in $IVR_TOOLS …"
            flock -w 1800 9 || die "another setup holds $IVR_TOOLS/lock for 30 minutes: end it, then try again"
        }
        "$@"
    ) 9>"$IVR_TOOLS/lock"
}

# need_space KILOBYTES WHAT
need_space() {
    local free
    free="$(df -Pk "$IVR_TOOLS" | awk 'NR == 2 { print $4 }')"
    ((free >= $1)) || die "$2 needs $(($1 / 1024)) MB in $IVR_TOOLS, $((free / 1024)) MB are free: make room, or set IVR_TOOLS"
}
