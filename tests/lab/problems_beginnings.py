# SPDX-License-Identifier: Apache-2.0
"""Known problems of servers that do not begin: hosts that are not known, filters, moves."""

import signal
from contextlib import ExitStack

import httpx

from lab.config.compute import FILTERS
from lab.databases import sql
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.problems_compute import boot, held, move
from tests.lab.problems_identity import DOMAIN, log_in
from tests.lab.test_explain_placing import MAIN, disable

OTHER_NAME = "compute04-planted"


def not_mapped(hands: Hands, undo: ExitStack) -> None:
    """Let Nova not know the cell of a host that reports: nobody discovered it."""
    with sql(hands.cloud.facts) as cursor:
        cursor.execute("SELECT cell_id FROM nova_api.host_mappings WHERE host = 'compute01'")
        row = cursor.fetchone()
        assert row is not None

    def put_back() -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.execute(
                "INSERT INTO nova_api.host_mappings (created_at, cell_id, host) "
                "VALUES (UTC_TIMESTAMP(), %s, 'compute01')",
                (row[0],),
            )

    with sql(hands.cloud.facts) as cursor:
        cursor.execute("DELETE FROM nova_api.host_mappings WHERE host = 'compute01'")
    undo.callback(put_back)
    server = boot(hands, undo, "planted-unmapped", availability_zone="az1:compute01")
    hands.wait_status(server.id, "ERROR")


def other_name(hands: Hands, undo: ExitStack) -> None:
    """Let the provider of a host have another name, as after the host was renamed."""
    own = hands.provider("compute04")

    def name(new: str) -> None:
        hands.placement("PUT", f"/resource_providers/{own}", name=new)

    undo.callback(name, "compute04")
    name(OTHER_NAME)


def no_place_then(hands: Hands, undo: ExitStack) -> None:
    """Refuse a server for a reason that is gone when somebody looks."""
    with held(hands, undo):
        server = boot(hands, undo, "planted-then")
        with ExitStack() as moment:
            disable(*MAIN)(hands, moment)
            hands.cloud.processes.signal("nova-scheduler", signal.SIGCONT)
            hands.wait_status(server.id, "ERROR")


def no_layout(hands: Hands, undo: ExitStack) -> None:
    """Let the scheduler look at NUMA nodes, which no host of the lab reports."""
    cloud, compute = hands.cloud, hands.api.compute
    file = cloud.place.etc / "nova" / "nova.conf"
    before = file.read_text()

    def restart() -> None:
        cloud.stop("nova-scheduler")
        cloud.start("nova-scheduler")

    names = ",".join(FILTERS)
    assert names in before
    undo.callback(restart)
    undo.callback(file.write_text, before)
    file.write_text(before.replace(names, f"{names},NUMATopologyFilter"))
    restart()
    flavor = compute.create_flavor(name="planted-numa", vcpus=2, ram=512, disk=1)
    undo.callback(compute.delete_flavor, flavor)
    compute.create_flavor_extra_specs(flavor, {"hw:numa_nodes": "2"})
    server = boot(hands, undo, "planted-numa", flavor_id=flavor.id)
    hands.wait_status(server.id, "ERROR")


def binding_left(hands: Hands, undo: ExitStack) -> None:
    """Leave a binding of a port on the host that its server is then to move to."""
    facts, server = hands.cloud.facts, hands.server("shop02")
    target = next(host for host in MAIN if host != server.compute_host)
    port = next(iter(hands.api.network.ports(device_id=server.id)))
    # Bindings are made by services only.
    nova, project = {"name": "nova", "domain": DOMAIN}, {"name": "service", "domain": DOMAIN}
    password = facts.passwords["nova_keystone_password"]
    token = log_in(hands, nova, password, project=project).headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token}
    url = facts.url("neutron-server", f"/v2.0/ports/{port.id}/bindings")
    made = httpx.post(url, headers=headers, json={"binding": {"host": target}}, timeout=60)
    assert made.status_code in {200, 201}, made.text
    undo.callback(httpx.delete, f"{url}/{target}", headers=headers, timeout=60)
    move(hands, undo, server, target)
    hands.wait_migration(server.id, "error")


PLANTINGS = (
    Planting(problem="host-not-mapped", batch="died", plant=not_mapped),
    Planting(problem="no-host-unknown", batch="died", plant=other_name),
    Planting(problem="no-valid-host", batch="timeout", plant=no_place_then),
    # The scheduler is killed by the next one of this batch.
    Planting(problem="no-host-pci", batch="scheduler", plant=no_layout),
    Planting(problem="migration-stale-binding", batch="moves", plant=binding_left),
)
