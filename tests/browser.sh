#!/usr/bin/env bash
# Installs the browser that tests/scenarios/test_html_report.py opens, and a font for it.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q &&
  apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; } > "$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
