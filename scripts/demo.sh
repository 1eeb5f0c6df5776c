#!/usr/bin/env bash
# The main job without a cloud and without root: the sandbox, one daily round, a report, what next.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
# A memory of its own: what is tried here stays apart from what day2 remembers of real clouds.
export DAY2_STATE=${DEMO_STATE:-${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/day2-demo}
unset DAY2_CONFIG DAY2_CLOUD
mkdir -p -m 0700 "$DAY2_STATE"
html=$DAY2_STATE/daily.html
typed() {
  printf '\n$ day2 %s\n' "$*"
  local code=0
  "$bin/day2" "$@" || code=$?
  # Findings and gaps (10 to 12) are an answer; everything else is a failure of the demonstration.
  [ "$code" -eq 0 ] || { [ "$code" -ge 10 ] && [ "$code" -le 12 ]; }
}
typed sandbox up
typed --cloud sandbox round daily --html "$html"
cat <<TEXT

The report to forward:  $html
Try more; nothing here is a real cloud:
  export DAY2_STATE=$DAY2_STATE PATH=$bin:\$PATH
  day2 --cloud sandbox                   today in ten lines
  day2 --cloud sandbox usage show        how full it is
  day2 --cloud sandbox log review        the errors of all logs, grouped
  day2 --cloud sandbox health diff       after another round: what changed
  day2 sandbox up --name bad --scenario outage
  day2 --cloud sandbox-bad round daily   a bad night
End it:   day2 sandbox down; day2 sandbox down --name bad
Your own cloud:   day2 init; day2 doctor; day2 round daily
TEXT
