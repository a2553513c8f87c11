#!/bin/sh
# Looks for known vulnerabilities of the pinned packages. What it finds is printed and decides nothing: it may be older than
# the change at hand. Where the index does not answer, it says so.
set -eu
cd "$(dirname "$0")/.."
version=2.10.1
seconds=180
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

audit() {
    timeout "$seconds" .venv/bin/python -m uv tool run --quiet "pip-audit==$version" --requirement requirements-dev.txt \
        --no-deps --disable-pip --progress-spinner off --format markdown --output "$folder/report.md"
}

if audit 2>"$folder/errors.txt"; then
    echo "pip-audit: no known vulnerability among the packages of requirements-dev.txt"
elif [ -s "$folder/report.md" ]; then
    echo "pip-audit: KNOWN VULNERABILITIES"
    cat "$folder/report.md"
else
    echo "pip-audit: NOT AUDITED, the index gave no answer within $seconds s: $(tail -n 1 "$folder/errors.txt")"
fi
