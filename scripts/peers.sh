#!/bin/sh
# Installs what benchmarks/RESULTS.md compares with, into an environment of its own that nothing else uses.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh test
tools=.vitrine/peers
.venv/bin/python -m uv venv --quiet --clear --python .venv/bin/python "$tools"
.venv/bin/python -m uv pip install --quiet --compile-bytecode --python "$tools/bin/python" -r benchmarks/peers/requirements.txt
