#!/bin/sh
# Makes .venv and installs into it: `setup.sh run` what the page needs, `setup.sh share` what a public link needs as well,
# `setup.sh test` the test tools and a browser too.
# Does nothing, offline too, when that has been done for this folder and these requirements.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-run}
python=.venv/bin/python
stamp=.venv/installed-$kind

say() { printf '%s\n' "$*" >&2; }

signature() {
    printf '%s\n' "$PWD"
    cat requirements.txt pyproject.toml
    [ "$kind" != share ] || cat requirements-share.txt
    [ "$kind" != test ] || cat requirements-dev.txt
}

installed() { [ -x "$python" ] && [ -f "$stamp" ] && [ "$(signature | cksum)" = "$(cat "$stamp")" ]; }

suitable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON3:-} python3 python3.13 python3.12 python3.11; do
        if suitable "$candidate"; then printf '%s' "$candidate"; return; fi
    done
    say "Vitrine needs Python 3.11, 3.12 or 3.13; none was found. Install one, or name it: PYTHON3=/path/to/python make run"
    exit 1
}

as_root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

make_venv() {
    base=$(find_python)
    say "Making .venv with $("$base" --version)"
    if "$base" -m venv --clear .venv >/dev/null 2>&1; then return; fi
    # Debian and Ubuntu keep venv's pip in a package of its own.
    if as_root_with_apt; then
        say "Installing python3-venv"
        version=$("$base" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        apt-get update -qq && { apt-get install -y -qq "$version-venv" || apt-get install -y -qq python3-venv; } >/dev/null
        "$base" -m venv --clear .venv
        return
    fi
    rm -rf .venv
    say "Python's venv module is missing. Install it with: sudo apt install python3-venv"
    exit 1
}

find_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        # Ubuntu's chromium-browser may be a note that asks for a snap; one that prints its version is real.
        if command -v "$name" >/dev/null && "$name" --version >/dev/null 2>&1; then return 0; fi
    done
    "$python" -c 'import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p: sys.exit(not os.path.exists(p.chromium.executable_path))' 2>/dev/null
}

get_browser() {
    find_browser && return
    if as_root_with_apt; then
        say "Installing Chromium for the browser tests"
        apt-get update -qq && apt-get install -y -qq chromium >/dev/null || true
        find_browser && return
    fi
    "$python" -m playwright install chromium >&2 || true
    find_browser || say "!!! NO BROWSER COULD BE INSTALLED: THE BROWSER TESTS WILL BE SKIPPED !!!"
}

if [ "$kind" = share ]; then
    sh scripts/setup.sh run
    # Without it the page is served all the same, and says why it has no public link.
    installed || if "$python" -m pip install --quiet --disable-pip-version-check -r requirements-share.txt 2>/dev/null
    then signature | cksum >"$stamp"; fi
    exit 0
fi
if installed; then
    [ "$kind" = run ] || get_browser
    exit 0
fi
suitable "$python" && "$python" -m pip --version >/dev/null 2>&1 || make_venv
say "Installing packages into .venv (the first time takes a few minutes)"
set -- -r requirements.txt
[ "$kind" = run ] || set -- "$@" -r requirements-dev.txt
"$python" -m pip install --quiet --disable-pip-version-check "$@"
signature | cksum >"$stamp"
# What serves the test tools serves the page too.
[ "$kind" = run ] || { kind=run; signature | cksum >.venv/installed-run; kind=test; get_browser; }
