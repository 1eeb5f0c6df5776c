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
# A lab that was up before stays up; one that this run started ends with it.
state=${DAY2_LAB_STATE:-/var/tmp/day2-lab}/${LAB_ID:-0}
if [ ! -d "$state/data" ] || ! $bin/python -m lab status > /dev/null 2>&1; then
  trap '$bin/python -m lab down' EXIT
fi
# The HTML report is opened in a real browser. As another user than root its test says what to do.
if [ ! -x /usr/bin/chromium ] && [ "$(id -u)" = 0 ]; then
  stage "a browser" bash tests/browser.sh
fi
stage check make -s check
stage "unit, scenarios, faults" $bin/pytest -q -n 2 tests/unit tests/scenarios tests/faults tests/lab_core
stage "the lab is up" $bin/python -m lab up
stage "lab" $bin/pytest -q tests/lab
echo "== all: $((SECONDS - begin)) s"
