#!/usr/bin/env bash
# Every measurement, one after the other; all of them run, and one bound that is missed fails.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
measure() {
  echo "== $*"
  .venv/bin/python -m "$@" || status=1
  echo
}
measure bench
measure bench.logs
measure bench.backup
measure bench.engine
measure bench.scale large
measure bench.explain
measure bench.scale evidence
measure bench.scale huge
exit $status
