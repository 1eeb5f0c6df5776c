# SPDX-License-Identifier: Apache-2.0
"""The sandbox behaves: what takes time takes time, and nothing is left behind."""

from typing import Any

import pytest

from tests.unit.sandbox.cloud import Cloud

HOST = "OS-EXT-SRV-ATTR:host"
TASK = "OS-EXT-STS:task_state"


def message(answer: Any) -> str:
    return str(next(iter(answer.body.values()))["message"])


def new_server(cloud: Cloud, name: str = "one", account: str = "member") -> str:
    flavors = cloud.get("compute", "/v2.1/flavors/detail", "flavors")
    flavor = next(row["id"] for row in flavors if row["name"] == "m1.small")
    image = cloud.get("image", "/v2/images?name=debian-12", "images")[0]["id"]
    wanted = {"name": name, "flavorRef": flavor, "imageRef": image}
    answer = cloud.ask("compute", "POST", "/v2.1/servers", account=account, body={"server": wanted})
    assert answer.status == 202, answer.body
    return str(answer.body["server"]["id"])


def migration_of(cloud: Cloud, server: str) -> dict[str, Any]:
    path = f"/v2.1/os-migrations?instance_uuid={server}"
    return dict(cloud.get("compute", path, "migrations")[0])


def allocations_of(cloud: Cloud, server: str) -> dict[str, Any]:
    return dict(cloud.get("placement", f"/allocations/{server}", "allocations"))


def ports_of(cloud: Cloud, server: str) -> list[dict[str, Any]]:
    return list(cloud.get("network", f"/v2.0/ports?device_id={server}", "ports"))


def test_a_server_boots_after_a_while_with_port_and_allocation() -> None:
    cloud = Cloud()
    own = new_server(cloud)
    assert cloud.server("one")["status"] == "BUILD"
    cloud.wait(3)
    server = cloud.server("one")
    assert (server["status"], server["OS-EXT-STS:power_state"]) == ("ACTIVE", 1)
    assert list(server["addresses"]) == ["acme-net"]
    assert [port["binding:host_id"] for port in ports_of(cloud, own)] == [server[HOST]]
    provider = cloud.get(
        "placement", f"/resource_providers?name={server[HOST]}", "resource_providers"
    )[0]
    assert allocations_of(cloud, own)[provider["uuid"]]["resources"] == {
        "VCPU": 1,
        "MEMORY_MB": 2048,
        "DISK_GB": 20,
    }


def test_a_live_migration_takes_its_time_and_then_everything_is_elsewhere() -> None:
    cloud = Cloud()
    before = cloud.server("db01")
    assert cloud.act(before["id"], "os-migrateLive", {"host": "compute03"}).status == 202
    cloud.wait(2)
    moving = cloud.server("db01")
    assert (moving["status"], moving[TASK], moving[HOST]) == ("MIGRATING", "migrating", "compute02")
    assert migration_of(cloud, before["id"])["status"] == "running"
    assert len(allocations_of(cloud, before["id"])) == 1
    cloud.wait(3)
    after = cloud.server("db01")
    assert (after["status"], after[TASK], after[HOST]) == ("ACTIVE", None, "compute03")
    assert migration_of(cloud, before["id"])["status"] == "completed"
    assert {port["binding:host_id"] for port in ports_of(cloud, before["id"])} == {"compute03"}
    volume = cloud.get("block-storage", "/v3/P/volumes/detail?all_tenants=1", "volumes")
    hosts = {ref["host_name"] for row in volume for ref in row["attachments"]}
    assert hosts == {"compute03"}
    uuid = migration_of(cloud, before["id"])["uuid"]
    assert allocations_of(cloud, uuid) == {}


@pytest.mark.parametrize(
    ("script", "status", "migration"),
    [("fail", "ACTIVE", "error"), ("hang", "MIGRATING", "running")],
)
def test_a_scripted_migration_does_what_the_scenario_says(
    script: str, status: str, migration: str
) -> None:
    cloud = Cloud()
    own = cloud.server("db01")["id"]
    cloud.world["servers"].change(own, script=script)
    cloud.act(own, "os-migrateLive", {"host": None})
    cloud.wait(600)
    server = cloud.server("db01")
    assert (server["status"], server[HOST]) == (status, "compute02")
    assert migration_of(cloud, own)["status"] == migration


def test_a_cold_migration_waits_for_its_confirmation() -> None:
    cloud = Cloud()
    own = cloud.server("report01")["id"]
    assert cloud.act(own, "migrate").status == 202
    cloud.wait(2)
    assert cloud.server("report01")["status"] == "RESIZE"
    cloud.wait(5)
    assert cloud.server("report01")["status"] == "VERIFY_RESIZE"
    assert cloud.server("report01")[HOST] != "compute03"
    assert migration_of(cloud, own)["status"] == "finished"
    assert cloud.act(own, "confirmResize").status == 204
    cloud.wait(2)
    assert cloud.server("report01")["status"] == "SHUTOFF"
    assert migration_of(cloud, own)["status"] == "confirmed"


def test_a_cold_migration_can_be_taken_back() -> None:
    cloud = Cloud()
    own = cloud.server("db01")["id"]
    cloud.act(own, "migrate")
    cloud.wait(5)
    assert cloud.act(own, "revertResize").status == 202
    cloud.wait(2)
    assert (cloud.server("db01")["status"], cloud.server("db01")[HOST]) == ("ACTIVE", "compute02")
    assert migration_of(cloud, own)["status"] == "reverted"


def test_no_server_moves_to_a_disabled_host() -> None:
    cloud = Cloud()
    services = cloud.get("compute", "/v2.1/os-services?binary=nova-compute", "services")
    for row in services:
        if row["host"] != "compute02":
            answer = cloud.ask(
                "compute", "PUT", f"/v2.1/os-services/{row['id']}",
                body={"status": "disabled", "disabled_reason": "patching"},
            )  # fmt: skip
            assert answer.body["service"]["disabled_reason"] == "patching"
    own = cloud.server("db01")["id"]
    refused = cloud.act(own, "migrate")
    assert (refused.status, message(refused)[:24]) == (400, "No valid host was found.")
    assert cloud.act(own, "os-migrateLive", {"host": "compute01"}).status == 202
    assert migration_of(cloud, own)["status"] == "error"
    assert cloud.server("db01")["status"] == "ACTIVE"


def test_deleting_a_server_takes_ports_attachments_and_allocations_with_it() -> None:
    cloud = Cloud()
    own = cloud.server("db01")["id"]
    shop = cloud.server("shop01")["id"]
    for server in (own, shop):
        assert cloud.ask("compute", "DELETE", f"/v2.1/servers/{server}").status == 204
    cloud.wait(2)
    assert cloud.ask("compute", "GET", f"/v2.1/servers/{own}").status == 404
    assert ports_of(cloud, own) == ports_of(cloud, shop) == []
    assert allocations_of(cloud, own) == {}
    volumes = cloud.get("block-storage", "/v3/P/volumes/detail?all_tenants=1", "volumes")
    assert {row["name"]: row["status"] for row in volumes}["db01-data"] == "available"
    floating = cloud.get("network", "/v2.0/floatingips", "floatingips")
    assert [(row["status"], row["port_id"]) for row in floating] == [("DOWN", None)]
    history = cloud.get("compute", f"/v2.1/servers/{own}/os-instance-actions", "instanceActions")
    assert history[0]["action"] == "delete"


def test_a_port_that_was_there_before_outlives_its_server() -> None:
    cloud = Cloud("small")
    port = cloud.get("network", "/v2.0/ports?name=old-vip", "ports")[0]
    own = cloud.server("web-01")["id"]
    cloud.world["ports"].change(port["id"], device_id=own, device_owner="compute:az1", host="x")
    cloud.ask("compute", "DELETE", f"/v2.1/servers/{own}")
    cloud.wait(2)
    left = cloud.get("network", f"/v2.0/ports/{port['id']}", "port")
    assert (left["device_id"], left["status"], left["binding:vif_type"]) == ("", "DOWN", "unbound")


def test_a_server_without_a_place_goes_to_error_with_its_reason() -> None:
    cloud = Cloud("outage")
    for row in cloud.world["compute_services"].find(binary="nova-compute"):
        cloud.world["compute_services"].change(row["id"], status="disabled")
    new_server(cloud, account="member")
    cloud.wait(3)
    server = cloud.server("one")
    assert server["status"] == "ERROR"
    assert server["fault"]["message"].startswith("No valid host was found.")


def test_quotas_bite() -> None:
    cloud = Cloud()
    cloud.world.quotas["compute", cloud.login("member")[1]] = {"instances": 7}
    new_server(cloud)
    flavors = cloud.get("compute", "/v2.1/flavors/detail", "flavors")
    image = cloud.get("image", "/v2/images?name=debian-12", "images")[0]["id"]
    wanted = {"name": "two", "flavorRef": flavors[0]["id"], "imageRef": image}
    refused = cloud.ask(
        "compute", "POST", "/v2.1/servers", account="member", body={"server": wanted}
    )
    assert refused.status == 403
    assert message(refused) == (
        "Quota exceeded for instances: Requested 1, but already used 7 of 7 instances"
    )
    cloud.world.quotas["block-storage", cloud.login("member")[1]] = {"gigabytes": 260}
    refused = cloud.ask(
        "block-storage", "POST", "/v3/P/volumes", account="member", body={"volume": {"size": 11}}
    )
    assert (refused.status, "gigabytes quota" in message(refused)) == (413, True)


def test_a_locked_server_is_left_alone_by_its_owner_only() -> None:
    cloud = Cloud()
    own = cloud.server("db01")["id"]
    assert cloud.act(own, "lock", {"locked_reason": "audit"}).status == 202
    refused = cloud.act(own, "os-stop", account="member")
    assert (refused.status, message(refused)) == (409, f"Instance {own} is locked")
    assert cloud.ask("compute", "DELETE", f"/v2.1/servers/{own}", account="member").status == 409
    assert cloud.act(own, "unlock", account="member").status == 403
    assert cloud.act(own, "os-stop").status == 202
    cloud.wait(2)
    server = cloud.server("db01")
    assert (server["status"], server["locked_reason"]) == ("SHUTOFF", "audit")


def test_a_server_cannot_be_stopped_twice() -> None:
    cloud = Cloud()
    own = cloud.server("report01")["id"]
    refused = cloud.act(own, "os-stop")
    assert (refused.status, message(refused)) == (
        409,
        f"Cannot 'stop' instance {own} while it is in vm_state stopped",
    )


def test_a_volume_is_created_attached_detached_and_deleted() -> None:
    cloud = Cloud()
    made = cloud.ask(
        "block-storage", "POST", "/v3/P/volumes", account="member",
        body={"volume": {"size": 5, "name": "v"}},
    )  # fmt: skip
    own = made.body["volume"]["id"]
    assert made.body["volume"]["status"] == "creating"

    def status() -> str:
        path = f"/v3/P/volumes/{own}"
        return str(cloud.get("block-storage", path, "volume")["status"])

    cloud.wait(2)
    assert status() == "available"
    server = cloud.server("db01")["id"]
    path = f"/v2.1/servers/{server}/os-volume_attachments"
    body = {"volumeAttachment": {"volumeId": own}}
    assert cloud.ask("compute", "POST", path, account="member", body=body).status == 200
    assert status() == "in-use"
    refused = cloud.ask("block-storage", "DELETE", f"/v3/P/volumes/{own}", account="member")
    assert (refused.status, message(refused)[:14]) == (400, "Invalid volume")
    assert cloud.ask("compute", "DELETE", f"{path}/{own}", account="member").status == 202
    assert status() == "detaching"
    cloud.wait(2)
    assert status() == "available"
    assert cloud.ask("block-storage", "DELETE", f"/v3/P/volumes/{own}").status == 202
    cloud.wait(2)
    assert cloud.ask("block-storage", "GET", f"/v3/P/volumes/{own}").status == 404


def test_what_is_in_use_or_protected_is_not_deleted() -> None:
    cloud = Cloud()
    network = cloud.get("network", "/v2.0/networks?name=acme-net", "networks")[0]["id"]
    refused = cloud.ask("network", "DELETE", f"/v2.0/networks/{network}")
    assert (refused.status, refused.body["NeutronError"]["type"]) == (409, "NetworkInUse")
    gateway = cloud.get("network", "/v2.0/ports?device_owner=network:router_interface", "ports")[0]
    refused = cloud.ask("network", "DELETE", f"/v2.0/ports/{gateway['id']}")
    assert (refused.status, refused.body["NeutronError"]["type"]) == (409, "ServicePortInUse")
    image = cloud.get("image", "/v2/images?name=debian-12", "images")[0]["id"]
    cloud.world["images"].change(image, protected=True)
    assert cloud.ask("image", "DELETE", f"/v2/images/{image}").status == 403
    cloud.world["images"].change(image, protected=False)
    assert cloud.ask("image", "DELETE", f"/v2/images/{image}").status == 204
    assert cloud.ask("image", "GET", f"/v2/images/{image}").status == 404


def test_orphans_can_be_deleted() -> None:
    cloud = Cloud("small")
    port = cloud.get("network", "/v2.0/ports?name=old-vip", "ports")[0]["id"]
    assert cloud.ask("network", "DELETE", f"/v2.0/ports/{port}").status == 204
    assert cloud.ask("network", "GET", f"/v2.0/ports/{port}").status == 404
    down = [
        row["id"]
        for row in cloud.get("network", "/v2.0/floatingips", "floatingips")
        if row["status"] == "DOWN"
    ]
    before = cloud.get("network", "/v2.0/network-ip-availabilities", "network_ip_availabilities")
    assert cloud.ask("network", "DELETE", f"/v2.0/floatingips/{down[0]}").status == 204
    after = cloud.get("network", "/v2.0/network-ip-availabilities", "network_ip_availabilities")
    used = [sum(row["used_ips"] for row in found) for found in (before, after)]
    assert used[0] - used[1] == 1


def test_heartbeats_move_with_the_clock_unless_somebody_is_dead() -> None:
    cloud = Cloud("outage")
    seen = []
    dead: set[str] = set()
    for _round in range(2):
        agents = cloud.get("network", "/v2.0/agents", "agents")
        services = cloud.get("compute", "/v2.1/os-services", "services")
        volumes = cloud.get("block-storage", "/v3/P/os-services", "services")
        seen.append(
            {("agent", a["host"], a["binary"]): a["heartbeat_timestamp"] for a in agents}
            | {("compute", s["host"], s["binary"]): s["updated_at"] for s in services}
            | {("volume", s["host"], s["binary"]): s["updated_at"] for s in volumes}
        )
        dead = {a["host"] for a in agents if not a["alive"]}
        dead |= {s["host"].partition("@")[0] for s in [*services, *volumes] if s["state"] == "down"}
        cloud.wait(3600)
    assert dead == {"control01", "compute02", "compute03"}
    stood = {key for key in seen[0] if seen[0][key] == seen[1][key]}
    hosts = {host.partition("@")[0] for _kind, host, _binary in stood}
    assert hosts == {"control01", "compute02", "compute03"}
    assert ("compute", "compute03", "nova-compute") not in stood
