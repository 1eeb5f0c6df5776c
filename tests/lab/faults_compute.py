# SPDX-License-Identifier: Apache-2.0
"""Faults of the compute plane, planted on the real Nova and Placement."""

from typing import Any

from tests.lab.fault import Expected, Fault
from tests.lab.hands import Hands

GHOST_CONSUMER = "00000000-dead-4bad-8bad-000000000001"
GHOST_PROVIDER = "ghost01"


def down_key(host: str, binary: str = "nova-compute") -> str:
    return f"compute.service.down:service:{binary}@{host}"


def kill_compute(hands: Hands) -> Expected:
    hands.cloud.kill("nova-compute-compute01")
    return {down_key("compute01"): "Nova reports the enabled service as down"}


def revive_compute(hands: Hands) -> None:
    hands.cloud.start("nova-compute-compute01")


def disable_silently(hands: Hands) -> Expected:
    hands.api.compute.disable_service(hands.service("compute02"))
    key = "compute.service.disabled:service:nova-compute@compute02"
    return {key: "health.disabled_reason_required = True"}


def enable(host: str) -> Any:
    def undo(hands: Hands) -> None:
        hands.api.compute.enable_service(hands.service(host))

    return undo


def disable_with_reason(hands: Hands) -> Expected:
    hands.api.compute.disable_service(
        hands.service("compute03"), disabled_reason="new DIMM, ticket 4711, kim"
    )
    return {}


def force_down(hands: Hands) -> Expected:
    hands.api.compute.update_service_forced_down(hands.service("compute04"), forced=True)
    return {"compute.service.forced_down:service:nova-compute@compute04": "forced_down is set"}


def unforce(hands: Hands) -> None:
    hands.api.compute.update_service_forced_down(hands.service("compute04"), forced=False)


def drop_allocation(hands: Hands) -> Expected:
    server = hands.server("shop02")
    hands.kept["allocation"] = hands.placement("GET", f"/allocations/{server.id}")
    hands.placement("DELETE", f"/allocations/{server.id}")
    return {f"placement.allocation.missing:server:{server.id}": ""}


def put_allocation_back(hands: Hands) -> None:
    server = hands.server("shop02")
    before = hands.kept.pop("allocation", None)
    if before is None:
        return
    hands.placement(
        "PUT",
        f"/allocations/{server.id}",
        allocations={p: {"resources": a["resources"]} for p, a in before["allocations"].items()},
        project_id=before["project_id"],
        user_id=before["user_id"],
        consumer_generation=None,
    )


def orphan_allocation(hands: Hands) -> Expected:
    provider = hands.provider("compute03")
    project = hands.api.session.get_project_id()
    hands.placement(
        "PUT",
        f"/allocations/{GHOST_CONSUMER}",
        allocations={provider: {"resources": {"VCPU": 1}}},
        project_id=project,
        user_id=hands.api.session.get_user_id(),
        consumer_generation=None,
    )
    return {f"placement.allocation.orphan:consumer:{GHOST_CONSUMER}": ""}


def drop_orphan(hands: Hands) -> None:
    hands.placement("DELETE", f"/allocations/{GHOST_CONSUMER}")


def ghost_provider(hands: Hands) -> Expected:
    made = hands.placement("POST", "/resource_providers", name=GHOST_PROVIDER)
    inventories = {"VCPU": {"total": 8}, "MEMORY_MB": {"total": 8192}}
    hands.placement(
        "PUT",
        f"/resource_providers/{made['uuid']}/inventories",
        inventories=inventories,
        resource_provider_generation=made["generation"],
    )
    return {f"placement.provider.no_hypervisor:provider:{made['uuid']}": ""}


def drop_ghost_provider(hands: Hands) -> None:
    hands.placement("DELETE", f"/resource_providers/{hands.provider(GHOST_PROVIDER)}")


def server_in_error(hands: Hands) -> Expected:
    flavor = hands.api.compute.create_flavor(name="impossible", vcpus=1, ram=512, disk=5000)
    server = hands.boot("broken01", flavor_id=flavor.id)
    hands.wait_status(server.id, "ERROR")
    return {f"server.error:server:{server.id}": ""}


def drop_server_in_error(hands: Hands) -> None:
    hands.delete_server("broken01")
    hands.api.compute.delete_flavor(hands.api.compute.find_flavor("impossible"))


def server_held_in_build(hands: Hands) -> Expected:
    hands.cloud.script("spawns", {"held01": {"hang": True}})
    server = hands.boot("held01", host="compute03")
    hands.wait_status(server.id, "BUILD", task="spawning")
    for moment in ("created", "updated"):
        hands.age("server", server.id, moment, hours=2)
    return {f"server.build.stuck:server:{server.id}": "health.server_build_minutes"}


def release_build(hands: Hands) -> None:
    hands.cloud.script("spawns", {})
    hands.delete_server("held01")


def resize_unconfirmed(hands: Hands) -> Expected:
    server = hands.server("batch01")
    hands.api.compute.migrate_server(server)
    hands.wait_status(server.id, "VERIFY_RESIZE")
    hands.age("server", server.id, "updated", days=5)
    key = f"server.resize.unconfirmed:server:{server.id}"
    return {key: "health.server_resize_confirm_hours"}


def revert_resize(hands: Hands) -> None:
    server = hands.server("batch01")
    hands.api.compute.revert_server_resize(server)
    hands.wait_status(server.id, "SHUTOFF")


def stop_cell(hands: Hands) -> Expected:
    hands.cloud.kill("mariadb-cell2")
    return {"compute.cell.down:cell:compute05": "UNKNOWN"}


def start_cell(hands: Hands) -> None:
    hands.cloud.start("mariadb-cell2")


def hang_migration(hands: Hands) -> Expected:
    server = hands.server("db01")
    hands.cloud.script("migrations", {server.id: {"hang": True}})
    hands.api.compute.live_migrate_server(server, host=None, block_migration="auto")
    migration = hands.wait_migration(server.id, "running")
    for moment in ("created_at", "updated_at"):
        hands.age("migration", migration["uuid"], moment, hours=5)
    hands.age("server", server.id, "updated", hours=5)
    return {f"compute.migration.stuck:migration:{migration['uuid']}": "health.migration_minutes"}


def abort_migration(hands: Hands) -> None:
    hands.cloud.script("migrations", {})
    server = hands.server("db01")
    hands.wait_status(server.id, "ACTIVE", task=None)


FAULTS = (
    Fault(
        name="compute service killed",
        plane="compute",
        batch="compute",
        means="kill -9",
        plant=kill_compute,
        undo=revive_compute,
    ),
    Fault(
        name="compute service disabled without a reason",
        plane="compute",
        batch="compute",
        means="compute API",
        plant=disable_silently,
        undo=enable("compute02"),
    ),
    Fault(
        name="compute service disabled with a reason",
        plane="compute",
        batch="compute",
        means="compute API",
        plant=disable_with_reason,
        undo=enable("compute03"),
        quiet=True,
    ),
    Fault(
        name="allocation of a server deleted",
        plane="compute",
        batch="compute",
        means="placement API",
        plant=drop_allocation,
        undo=put_allocation_back,
    ),
    Fault(
        name="allocation of nobody",
        plane="compute",
        batch="compute",
        means="placement API",
        plant=orphan_allocation,
        undo=drop_orphan,
    ),
    Fault(
        name="provider without a hypervisor",
        plane="compute",
        batch="compute",
        means="placement API",
        plant=ghost_provider,
        undo=drop_ghost_provider,
    ),
    Fault(
        name="server that no host can hold",
        plane="compute",
        batch="moves",
        means="compute API",
        plant=server_in_error,
        undo=drop_server_in_error,
    ),
    Fault(
        name="server held in BUILD",
        plane="compute",
        batch="moves",
        means="the driver hangs in spawn; aged",
        plant=server_held_in_build,
        undo=release_build,
    ),
    Fault(
        name="resize nobody confirms",
        plane="compute",
        batch="moves",
        means="compute API; aged",
        plant=resize_unconfirmed,
        undo=revert_resize,
    ),
    Fault(
        name="live migration that never ends",
        plane="compute",
        batch="moves",
        means="the driver hangs; aged",
        plant=hang_migration,
        undo=abort_migration,
    ),
    Fault(
        name="compute service forced down",
        plane="compute",
        batch="cell",
        means="compute API",
        plant=force_down,
        undo=unforce,
    ),
    Fault(
        name="database of a cell killed",
        plane="compute",
        batch="cell",
        means="kill -9",
        plant=stop_cell,
        undo=start_cell,
    ),
)
