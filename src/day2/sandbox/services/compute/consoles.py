# SPDX-License-Identifier: Apache-2.0
"""What a guest of the sandbox prints on its console: what CirrOS says of the network."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused
from day2.sandbox.tables import Row
from day2.sandbox.world import World

LINES = """\
Starting network: udhcpc: started, v1.29.3
udhcpc: sending discover
udhcpc: sending select for {address}
udhcpc: lease of {address} obtained, lease time 86400
checking http://169.254.169.254/2009-04-04/instance-id
successful after 1/20 tries: up 2.16. iid=i-{number:08x}
=== system information ===
{name} login: """


def output(world: World, row: Row, given: Any) -> Answer:  # noqa: ANN401 - JSON
    """Show the end of a console: so many lines as are asked for.

    Raises:
        Refused: while the server has no host.

    """
    if row["host"] is None or row["vm_state"] == "building":
        raise Refused(http.CONFLICT, f"Instance {row['id']} is not ready")
    ports = world["ports"].find(device_id=row["id"])
    fixed = next((f["ip_address"] for port in ports for f in port["fixed_ips"]), "")
    lines = LINES.format(address=fixed, number=row["number"], name=row["name"]).splitlines()
    length = given.get("length") if isinstance(given, dict) else None
    shown = lines[-int(length) :] if length else lines
    return Answer(body={"output": "\n".join(shown)})
