# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001
"""Ask the monitors over one connection: one JSON command a line, one JSON answer a line.

Run by the distribution's own Python, which has Ceph's library; a start of the `ceph` command costs
as much as twenty answers.
"""

import json
import sys

import rados  # type: ignore[import-not-found]

SECONDS = 5


def main() -> None:
    """Answer until the input ends."""
    wait = {"client_mount_timeout": str(SECONDS), "rados_mon_op_timeout": str(SECONDS)}
    with rados.Rados(conffile=sys.argv[1], rados_id="admin", conf=wait) as cluster:
        for line in sys.stdin:
            code, body, said = cluster.mon_command(line.strip(), b"", timeout=SECONDS)
            answer = {"code": code, "body": body.decode(), "said": said}
            print(json.dumps(answer), flush=True)


main()
