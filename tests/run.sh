#!/usr/bin/env bash
# The whole test run, stage by stage, each with its time; stops at the first stage that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
begin=$SECONDS
stage() {
  local name=$1 from=$SECONDS
  shift
  echo "== $name"
  "$@"
  echo "== $name: $((SECONDS - from)) s"
}
stage check make -s check
stage "unit, scenarios, faults" $bin/pytest -q -n 2 tests/unit tests/scenarios tests/faults
stage "the lab is up" $bin/python -m lab up
stage "lab" $bin/pytest -q tests/lab
echo "== all: $((SECONDS - begin)) s"
