# The virtual environment, from a lock file with hashes.
# shellcheck shell=bash

PYTHON_RECIPE=2 # Raise it when what is built here changes.

# prepare_python run|test: sets PYTHON, the interpreter of an environment that has exactly the lock file.
#
# An environment's name has the lock file's hash: an engine that runs keeps its own while a newer is built.
prepare_python() {
    local lock="$REPO/requirements.lock" key venv
    [[ $1 == test ]] && lock="$REPO/requirements-test.lock"
    [[ -r $lock ]] || die "$lock is missing: the clone is incomplete, clone again"
    key="$({ echo "$PYTHON_RECIPE ${IVR_PYTHON:-}"; cat "$lock"; } | sha256sum)"
    venv="$IVR_TOOLS/venv-$1-${key:0:12}"
    PYTHON="$venv/bin/python"
    venv_complete "$venv" || locked build_venv "$venv" "$lock"
}

# The stamp holds the environment's own path: its programs name it and do not work elsewhere.
venv_complete() { [[ -x $1/bin/python && "$(cat "$1/complete" 2>/dev/null)" == "$1" ]]; }

build_venv() {
    local venv="$1" lock="$2" base
    venv_complete "$venv" && return
    base="$(find_python)"
    need_space 600000 "Python"
    step python "Python ($(basename "$lock"))" fill_venv "$base" "$venv" "$lock"
}

# The first Python ≥ 3.11, as the real path of its binary: an upgrade of the system's Python then breaks the
# environment visibly, and it is built again. The system's own comes first, whatever else is in PATH: Debian mends it,
# and compiles it by profiles; one that was built without them (pyenv's, as a rule) computes half as fast.
find_python() {
    local candidate candidates=(/usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.14)
    [[ -z ${IVR_PYTHON:-} ]] || candidates=("$IVR_PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -c 'if True:
            import os, sys, venv
            if sys.version_info < (3, 11): sys.exit(1)
            print(os.path.realpath(sys.executable))' 2>/dev/null && return
    done
    die "tidak ada Python ≥ 3.11 / no Python ≥ 3.11: run (as root) apt install python3, or name one in IVR_PYTHON"
}

fill_venv() {
    local base="$1" venv="$2" lock="$3" wheel
    rm -rf "$venv"
    wheel="$(pip_wheel "$base")"
    certificates
    "$base" -m venv --without-pip "$venv"
    # pip is run from its wheel and not installed: the environment has the lock file and nothing else.
    PYTHONPATH="$wheel" PYTHONSAFEPATH='' "$venv/bin/python" -m pip install \
        --no-input --disable-pip-version-check --no-warn-script-location --require-hashes -r "$lock" ||
        die "pip gagal / failed, see $IVR_TOOLS/log/python.log: is there a network? else set PIP_INDEX_URL or PIP_FIND_LINKS"
    PYTHONPATH='' "$venv/bin/python" -m compileall -q "$venv/lib" || true
    printf '%s' "$venv" >"$venv/complete"
}

# The path of a wheel of pip: Python's own, or Debian's when its Python comes without (no python3-venv).
pip_wheel() {
    "$1" -c 'if True:
        import glob, os, sys
        try:
            import ensurepip
        except ImportError:
            sys.exit(1)
        own = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
        wheels = sorted(glob.glob(own + "/pip-*.whl")) or sorted(glob.glob("/usr/share/python-wheels/pip-*.whl"))
        if not wheels: sys.exit(1)
        print(wheels[-1])' && return
    local dir="$IVR_TOOLS/pip"
    [[ -d $dir ]] || debian_unpack_one "$dir" python3-pip-whl >&2
    ls "$dir"/usr/share/python-wheels/pip-*.whl 2>/dev/null ||
        die "pip tidak ada / is missing: run (as root) apt install python3-venv"
}

# A bare Debian has no certificates of authorities, and its pip insists on the system's: give it the package's.
certificates() {
    [[ $wheel == "$IVR_TOOLS"/* && ! -e /etc/ssl/certs/ca-certificates.crt ]] || return 0
    export PIP_USE_DEPRECATED=legacy-certs
    [[ -z ${PIP_CERT:-} ]] || return 0
    local dir="$IVR_TOOLS/ca-certificates"
    [[ -d $dir ]] || debian_unpack_one "$dir" ca-certificates ||
        die "sertifikat tidak ada / no certificates for https: run (as root) apt install ca-certificates"
    cat "$dir"/usr/share/ca-certificates/mozilla/*.crt >"$dir/bundle.crt"
    export PIP_CERT="$dir/bundle.crt"
}
