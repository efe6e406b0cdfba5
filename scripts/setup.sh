#!/bin/sh
# Set-up of a working copy, one step per word; the Makefile calls it and keeps the stamps.
#
#   setup.sh venv      a virtual environment in .venv with exactly the packages of requirements.lock
#   setup.sh project   the project itself in it, editable, so that `.venv/bin/wouldblock` is there
#   setup.sh dot       Debian's graphviz, if `dot` is missing and may be installed
#   setup.sh tshark    Debian's tshark, if it is missing and may be installed
#   setup.sh uml       Debian's user-mode-linux, if it is missing and may be installed, or else fetched into build/guest
#   setup.sh lock      requirements.lock, anew from pyproject.toml
#
# It installs Debian packages only as root, and none at all with APT=no. It never asks. One line per step; what the
# tools themselves say goes to build/setup.log and is shown when a step fails. Exit status 2: cannot, and the sentence says why.
#
# Not here: Python itself and make, which must be there already.

set -eu
cd "$(dirname "$0")/.."
venv=.venv
log=build/setup.log
mkdir -p build

say() { echo "set-up: $*"; }
cannot() { echo "set-up: $*" >&2; exit 2; }

logged() {
    # Run quietly; on failure show the end of what was said.
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || { status=$?; tail -n 5 "$log" >&2; return "$status"; }
}

logged_here() { "$@" >>../../"$log" 2>&1 </dev/null; }

may_install() { [ "${APT:-yes}" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

debian() {
    # Install one Debian package; a fresh or an old machine has no current package lists, so try, fetch them, try again.
    set -- env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1"
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || { apt-get update -q >>"$log" 2>&1 </dev/null && "$@" >>"$log" 2>&1 </dev/null; }
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || cannot "PYTHON=$PYTHON is not a Python of version 3.11 or newer."
        python=$PYTHON
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$python"; then return; fi
    done
    cannot "Python 3.11 or newer is needed and none was found: install one, or name it: make PYTHON=/path/to/python3 …"
}

has_venv() { "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; }

make_venv() {
    find_python
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! has_venv; then
        # Debian and Ubuntu ship these two modules apart from Python.
        if may_install; then
            say "Debian's python$version-venv"
            debian "python$version-venv" || true
        fi
        has_venv || cannot "Python $version cannot make virtual environments here:" \
            "as root, run 'apt-get install python$version-venv', then the same make again."
    fi
    say "virtual environment in $venv with $("$python" --version)"
    logged "$python" -m venv --clear "$venv" || cannot "the virtual environment could not be made (see $log)."
    say "the packages of requirements.lock"
    PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        logged "$venv/bin/python" -m pip install --no-deps --require-hashes --requirement requirements.lock ||
        cannot "the packages could not be installed: is a Python package index within reach? (see $log)"
}

install_project() {
    say "wouldblock itself"
    # The build tool is in the lock already, so nothing is fetched here.
    PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        logged "$venv/bin/python" -m pip install --no-deps --no-build-isolation --no-index --editable . ||
        cannot "the project could not be installed into $venv (see $log)."
}

has() { command -v "$1" >/dev/null 2>&1; }

find_program() {
    # A program that a Debian package has: there, or installed now, or neither (status 1).
    has "$1" && return
    may_install && ! [ -e "$venv/.no-$1" ] || return 1
    say "Debian's $2, for '$1'"
    debian "$2" || true
    has "$1" && return
    if [ -d "$venv" ]; then : >"$venv/.no-$1"; fi # once is enough: it will not be tried again before the next set-up
    return 1
}

find_dot() {
    find_program dot graphviz ||
        say "'dot' is missing and could not be installed (Debian's package graphviz, as root);" \
            "diagrams are still written as SVG, DOT and Mermaid, SVG with a plainer layout."
}

find_tshark() {
    find_program tshark tshark ||
        say "'tshark' is missing and could not be installed (Debian's package tshark, as root);" \
            "the tests in which Wireshark judges our packets are skipped."
}

find_uml() {
    # Whoever may not install it can still unpack it: a kernel that is a program needs no more than to lie somewhere.
    [ "$(uname -m)" = x86_64 ] && [ "${APT:-yes}" != no ] && find_program linux.uml user-mode-linux && return
    [ -x build/guest/usr/bin/linux.uml ] && return
    if [ "$(uname -m)" = x86_64 ] && [ "${APT:-yes}" != no ] && has apt-get && has dpkg && ! [ -e "$venv/.no-uml" ]; then
        say "Debian's user-mode-linux, into build/guest"
        mkdir -p build/guest
        (cd build/guest && logged_here apt-get download -q user-mode-linux && logged_here dpkg -x user-mode-linux_*.deb .) || true
        rm -f build/guest/*.deb
        [ -x build/guest/usr/bin/linux.uml ] && return
        if [ -d "$venv" ]; then : >"$venv/.no-uml"; fi
    fi
    say "'linux.uml' is missing and could not be installed (Debian's package user-mode-linux, for amd64);" \
        "the tests that run in a guest with another kernel are skipped."
}

write_lock() {
    # uv writes one lock for every Python version and platform; it lives in a virtual environment of its own.
    find_python
    say "$1, to write the lock"
    logged "$python" -m venv --clear build/lock || cannot "no virtual environment could be made in build/lock (see $log)."
    PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 logged build/lock/bin/python -m pip install "$1" ||
        cannot "$1 could not be installed: is a Python package index within reach? (see $log)"
    say "requirements.lock"
    logged build/lock/bin/uv --quiet pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade \
        --output-file requirements.lock || cannot "the lock could not be written (see $log)."
}

case "${1:-}" in
venv) make_venv ;;
project) install_project ;;
dot) find_dot ;;
tshark) find_tshark ;;
uml) find_uml ;;
lock) write_lock "${2:-uv}" ;;
*) cannot "usage: scripts/setup.sh venv | project | dot | tshark | uml | lock [UV==VERSION]" ;;
esac
