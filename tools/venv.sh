# To be sourced: makes .venv beside the project if it is missing, and brings what the tests need besides.
#
#   ensure_venv WHAT...   WHAT is what pip installs from this folder: ".", or ".[test]"
#
# Nothing is fetched when the environment was made for the pyproject.toml that is here now.

export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local name
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && recent_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    fail "No Python 3.11 or newer was found." \
        "Install one (on Debian 12 or newer: apt-get install python3 python3-venv), or say PYTHON=/path/to/python."
}

make_venv() {
    local python=$1 log
    echo "making .venv with $("$python" -V)"
    if log=$("$python" -m venv --clear .venv 2>&1); then
        return
    fi
    # Debian keeps the module's other half in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "python -m venv failed; installing Debian's python3-venv"
        apt-get update -qq || true
        if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null &&
            log=$("$python" -m venv --clear .venv 2>&1); then
            return
        fi
    fi
    rm -rf .venv
    fail "$log" "" "$python cannot make a virtual environment." \
        "On Debian and Ubuntu: apt-get install python3-venv. Then try again."
}

ensure_venv() {
    local want python=.venv/bin/python stamp=.venv/installed
    # A copy of a .venv from elsewhere is of no use: its scripts name the place where it was made.
    if ! { [ -x $python ] && recent_enough $python; } || { [ -e $stamp ] && ! grep -qF " $PWD " $stamp; }; then
        local found
        found=$(find_python) || exit 1
        make_venv "$found"
    fi
    want=$($python -c 'import hashlib; print(hashlib.sha256(open("pyproject.toml", "rb").read()).hexdigest())')
    want="$want $PWD "
    # An environment with the checkers serves whoever needs only the program.
    if grep -qxF "$want$1" $stamp 2>/dev/null || grep -qxF "$want.[test]" $stamp 2>/dev/null; then
        return
    fi
    echo "installing $1 into .venv"
    $python -m pip install --quiet --editable "$1" ||
        fail "" "pip could not install $1 (see above). The first time this needs the network."
    echo "$want$1" >$stamp
}

# The tests set a worker's clock back and forth with libfaketime; where it is missing they skip, and say so.
ensure_libfaketime() {
    if compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing Debian's libfaketime"
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libfaketime >/dev/null && return
    fi
    echo "no libfaketime: jumps of the clock will not be tested (on Debian and Ubuntu: apt-get install libfaketime)"
}
