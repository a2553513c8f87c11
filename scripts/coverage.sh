#!/bin/sh
# Runs the tests and prints which lines of model, training and api none of them reaches, in processes of their own too.
# Arguments go to pytest. Fails under the share that pyproject.toml asks for, or when a test fails.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.vitrine/coverage
rm -rf "$tools"
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --target "$tools" coverage==7.17.5
# Python imports this at the start of each process, whoever starts it.
echo 'import coverage; coverage.process_startup()' >"$tools/sitecustomize.py"
export PYTHONPATH="$tools${PYTHONPATH:+:$PYTHONPATH}" COVERAGE_FILE="$tools/data" COVERAGE_PROCESS_START="$PWD/pyproject.toml"
failed=0
.venv/bin/python -m pytest -n 2 --dist loadfile "$@" || failed=$?
unset COVERAGE_PROCESS_START
.venv/bin/python -m coverage combine --quiet
.venv/bin/python -m coverage report || failed=$?
exit "$failed"
