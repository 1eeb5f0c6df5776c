#!/usr/bin/env bash
# Installs the PostgreSQL server that tests/faults/runs/test_postgres.py starts; no cluster of it.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
if ! { apt-get update -q &&
  apt-get install -y -q --no-install-recommends postgresql; } > "$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
