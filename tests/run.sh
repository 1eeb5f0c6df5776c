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
# Killed processes, time-outs and a real cloud on a small machine: one may be late by no fault of
# anybody. What failed is run once more, by itself, on the lab on a lab made new. Red again is red;
# what was red once is printed whole and named at the end.
unstable=()
twice() {
  local name=$1 from=$SECONDS failed=0 list=.pytest_cache/v/cache/lastfailed again=("${@:2}")
  echo "== $name"
  $bin/pytest -q --cache-clear "${beside[@]}" "${again[@]}" || failed=$?
  echo "== $name: $((SECONDS - from)) s"
  if [ $failed = 0 ]; then
    return
  fi
  # 1: tests failed. Anything else is no matter of a moment, nor are many.
  if [ $failed != 1 ] || [ "$(grep -c :: $list)" -gt 8 ]; then
    return $failed
  fi
  mapfile -t -O ${#unstable[@]} unstable < <(grep -o '".*"' $list)
  if [ ${#beside[@]} = 0 ]; then
    stage "a new lab" $bin/python -m lab up --new
  fi
  stage "$name, what failed" \
    $bin/pytest -q --last-failed --last-failed-no-failures=none "${again[@]}"
}
# A lab that was up before stays up; one that this run started ends with it, and begins new.
new=()
state=${DAY2_LAB_STATE:-/var/tmp/day2-lab}/${LAB_ID:-0}
if [ ! -d "$state/data" ] || ! $bin/python -m lab status > /dev/null 2>&1; then
  trap '$bin/python -m lab down' EXIT
  new=(--new)
fi
# The HTML report is opened in a real browser. As another user than root its test says what to do.
if [ ! -x /usr/bin/chromium ] && [ "$(id -u)" = 0 ]; then
  stage "a browser" bash tests/browser.sh
fi
if ! ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  stage "a database" bash tests/postgres.sh
fi
# What is begun beside the lab is installed before the lab, too: servers and tools of backups.
if [ "$(id -u)" = 0 ]; then
  stage "packages" $bin/python -m lab packages
fi
stage check make -s check
beside=(-n 3 --dist worksteal)
twice "unit, scenarios, faults" --durations=15 tests/faults tests/scenarios tests/lab_core tests/unit
beside=()
stage "the lab is up" $bin/python -m lab up "${new[@]}"
twice "lab" --durations=25 tests/lab
# Last: it makes and deletes things, which a round of the lab's tests would tell about.
twice "sandbox against lab" tests/conformance
for one in "${unstable[@]}"; do
  echo "== UNSTABLE, red once and green once: $one"
done
echo "== all: $((SECONDS - begin)) s"
