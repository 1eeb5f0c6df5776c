# SPDX-License-Identifier: Apache-2.0
"""real: servers that Nova found no place for; `explain` names the reason that was planted."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.config.compute import FILTERS
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from lab.place import Place
from lab.processes import wait_for
from tests.conftest import fresh
from tests.lab.hands import Hands
from tests.lab.program import Program

MAIN = ("compute01", "compute02", "compute03", "compute04")
SMALL = {"vcpus": 1, "ram": 512, "disk": 1}
TRAIT = "CUSTOM_EXPLAINED"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One planted reason: how the server is asked for, what is done before, what is to be named."""

    name: str
    codes: tuple[str, ...]
    flavor: dict[str, int] = field(default_factory=dict)
    specs: dict[str, str] = field(default_factory=dict)
    image: dict[str, str] = field(default_factory=dict)
    boot: dict[str, Any] = field(default_factory=dict)
    plant: Callable[[Hands, ExitStack], dict[str, Any]] | None = None


def disable(*hosts: str) -> Callable[[Hands, ExitStack], dict[str, Any]]:
    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        for host in hosts:
            service = hands.service(host)
            hands.api.compute.disable_service(service, disabled_reason="planted")
            undo.callback(hands.api.compute.enable_service, service)
        return {}

    return plant


def force_down(*hosts: str) -> Callable[[Hands, ExitStack], dict[str, Any]]:
    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        for host in hosts:
            service = hands.service(host)
            update = hands.api.compute.update_service_forced_down
            update(service, forced=True)
            undo.callback(update, service, forced=False)
        return {}

    return plant


def group(policy: str, hosts: tuple[str, ...]) -> Callable[[Hands, ExitStack], dict[str, Any]]:
    """Make a group with one member on each of these hosts."""

    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        made = hands.api.compute.create_server_group(name=f"explained-{policy}", policy=policy)
        undo.callback(hands.api.compute.delete_server_group, made)
        for host in hosts:
            name = f"member-{policy}-{host}"
            server = hands.api.compute.create_server(
                name=name,
                flavor_id=hands.api.compute.find_flavor("m1.tiny").id,
                image_id=hands.api.image.find_image("cirros").id,
                networks="none",
                availability_zone=f"az1:{host}" if policy == "anti-affinity" else "az1",
                scheduler_hints={"group": made.id},
            )
            undo.callback(hands.delete_server, name)
            hands.wait_status(server.id, "ACTIVE")
        return {"scheduler_hints": {"group": made.id}}

    return plant


def full_host_of_group(hands: Hands, undo: ExitStack) -> dict[str, Any]:
    """Disable the host that an affinity group is on."""
    more = group("affinity", ("anywhere",))(hands, undo)
    at = hands.server("member-affinity-anywhere").compute_host
    disable(at)(hands, undo)
    return more


def give_trait(*hosts: str) -> Callable[[Hands, ExitStack], dict[str, Any]]:
    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        hands.placement("PUT", f"/traits/{TRAIT}")
        for host in hosts:
            path = f"/resource_providers/{hands.provider(host)}/traits"
            before = hands.placement("GET", path)
            traits = [*before["traits"], TRAIT]
            generation = before["resource_provider_generation"]
            hands.placement("PUT", path, traits=traits, resource_provider_generation=generation)
            undo.callback(_take_trait, hands, path)
        return {}

    return plant


def taken(*hosts: str) -> Callable[[Hands, ExitStack], dict[str, Any]]:
    """Let consumers that are no servers hold nearly all processors of these hosts."""

    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        project = hands.api.session.get_project_id()
        user = hands.api.session.get_user_id()
        for host in hosts:
            provider = hands.provider(host)
            path = f"/resource_providers/{provider}"
            has = hands.placement("GET", f"{path}/inventories")["inventories"]["VCPU"]
            used = hands.placement("GET", f"{path}/usages")["usages"]["VCPU"]
            left = int(has["total"] * has["allocation_ratio"]) - used
            while left > 1:
                consumer = f"/allocations/{uuid.uuid4()}"
                part = min(left - 1, has["max_unit"])
                hands.placement(
                    "PUT",
                    consumer,
                    allocations={provider: {"resources": {"VCPU": part}}},
                    project_id=project,
                    user_id=user,
                    consumer_generation=None,
                )
                undo.callback(hands.placement, "DELETE", consumer)
                left -= part
        return {}

    return plant


def _take_trait(hands: Hands, path: str) -> None:
    before = hands.placement("GET", path)
    traits = [name for name in before["traits"] if name != TRAIT]
    generation = before["resource_provider_generation"]
    hands.placement("PUT", path, traits=traits, resource_provider_generation=generation)


def both(*plants: Callable[[Hands, ExitStack], dict[str, Any]]) -> Any:
    def plant(hands: Hands, undo: ExitStack) -> dict[str, Any]:
        more: dict[str, Any] = {}
        for one in plants:
            more |= one(hands, undo)
        return more

    return plant


SSD = "aggregate_instance_extra_specs:ssd"
CASES = (
    Case(name="vcpu", codes=("VCPU",), flavor={"vcpus": 2}, plant=taken(*MAIN)),
    Case(name="vcpu of one host", codes=("VCPU",), flavor={"vcpus": 60}),
    Case(name="memory", codes=("MEMORY_MB",), flavor={"ram": 4 << 20}),
    Case(name="disk", codes=("DISK_GB",), flavor={"disk": 50_000}),
    Case(name="swap", codes=("DISK_GB",), flavor={"swap": 50_000 << 10}),
    # Nova's API itself refuses a zone whose hosts are all disabled.
    Case(
        name="disabled",
        codes=("disabled",),
        specs={f"trait:{TRAIT}": "required"},
        plant=both(give_trait("compute04"), disable("compute04")),
    ),
    Case(name="down", codes=("down",), plant=force_down(*MAIN)),
    Case(name="aggregate", codes=("aggregate ssd",), specs={SSD: "false"}),
    Case(
        name="aggregate disabled",
        codes=("disabled",),
        specs={SSD: "true"},
        plant=disable("compute01", "compute02"),
    ),
    Case(
        name="zone down",
        codes=("down",),
        boot={"availability_zone": "edge"},
        plant=force_down("compute05"),
    ),
    Case(
        name="zone full",
        codes=("VCPU",),
        flavor={"vcpus": 60},
        boot={"availability_zone": "edge"},
    ),
    Case(
        name="trait nobody has",
        codes=("trait HW_CPU_X86_SGX",),
        specs={"trait:HW_CPU_X86_SGX": "required"},
    ),
    Case(
        name="trait on a host that is down",
        codes=("down",),
        specs={f"trait:{TRAIT}": "required"},
        plant=both(give_trait("compute04"), force_down("compute04")),
    ),
    Case(
        name="trait in another zone",
        codes=("trait CUSTOM_EXPLAINED", "zone"),
        specs={f"trait:{TRAIT}": "required"},
        boot={"availability_zone": "az1"},
        plant=give_trait("compute05"),
    ),
    Case(
        name="forbidden trait",
        codes=("trait CUSTOM_EXPLAINED",),
        specs={f"trait:{TRAIT}": "forbidden"},
        plant=give_trait(*MAIN),
    ),
    Case(name="anti-affinity", codes=("anti-affinity",), plant=group("anti-affinity", MAIN)),
    Case(
        name="anti-affinity and disabled",
        codes=("anti-affinity", "disabled"),
        plant=both(group("anti-affinity", MAIN[:2]), disable(*MAIN[2:])),
    ),
    Case(
        name="affinity to a disabled host", codes=("affinity", "disabled"), plant=full_host_of_group
    ),
    Case(name="image", codes=("image img_hv_type",), image={"img_hv_type": "vmware"}),
    Case(name="architecture", codes=("image hw_architecture",), image={"hw_architecture": "ppc64"}),
    Case(
        name="capability",
        codes=("hidden flavor: capabilities:nothing=1",),
        specs={"capabilities:nothing": "1"},
    ),
    Case(
        name="full and disabled",
        codes=("VCPU", "disabled"),
        flavor={"vcpus": 20},
        plant=both(disable("compute01", "compute02")),
    ),
    Case(
        name="resource nobody has",
        codes=("CUSTOM_LICENCE",),
        specs={"resources:CUSTOM_LICENCE": "1"},
    ),
)


@pytest.fixture(scope="module")
def hands(cloud: Cloud, place: Place) -> Iterator[Hands]:
    fresh(cloud, place)
    with closing(Hands(cloud, galera=Galera(place), tls=Tls(place))) as made:
        project = made.api.session.get_project_id()
        # What is too large for every host must not be too large for a quota before.
        made.api.compute.update_quota_set(project, cores=-1, ram=-1, instances=-1)
        yield made
        made.api.compute.revert_quota_set(project)
    cloud.restore()


@pytest.fixture(scope="module")
def operator(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(
        cloud,
        tmp_path_factory.mktemp("operator"),
        explain={"scheduler_filters": list(FILTERS)},
    )


def fail(case: Case, hands: Hands, undo: ExitStack) -> str:
    """Ask for a server that finds no place; its id."""
    compute, name = hands.api.compute, f"explained-{case.name.replace(' ', '-')}"
    more = case.plant(hands, undo) if case.plant else {}
    flavor = compute.create_flavor(name=name, **{**SMALL, **case.flavor})
    undo.callback(compute.delete_flavor, flavor)
    if case.specs:
        compute.create_flavor_extra_specs(flavor, case.specs)
    image = hands.api.image.find_image("cirros")
    if case.image:
        _patch(hands, image.id, "add", case.image)
        undo.callback(_patch, hands, image.id, "remove", case.image)
    asked = {"availability_zone": "az1", **case.boot, **more}
    server = compute.create_server(
        name=name,
        flavor_id=flavor.id,
        image_id=image.id,
        networks="none",
        **{word: value for word, value in asked.items() if value is not None},
    )
    undo.callback(hands.delete_server, name)
    hands.wait_status(server.id, "ERROR")
    return str(server.id)


def _patch(hands: Hands, image: str, op: str, properties: dict[str, str]) -> None:
    body = [
        {"op": op, "path": f"/{name}", **({"value": value} if op == "add" else {})}
        for name, value in properties.items()
    ]
    kind = "application/openstack-images-v2.1-json-patch"
    answer = hands.api.image.patch(f"/images/{image}", json=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text


# In each `make test`: one of each kind of reason; the others take a minute for their groups.
QUICK = {"vcpu", "aggregate", "zone down", "trait on a host that is down", "full and disabled"}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.name.replace(" ", "-"),
            marks=[] if case.name in QUICK else pytest.mark.full,
        )
        for case in CASES
    ],
)
def test_the_reason_that_was_planted_is_named(case: Case, hands: Hands, operator: Program) -> None:
    if case.name == "resource nobody has":
        hands.placement("PUT", "/resource_classes/CUSTOM_LICENCE")
    with ExitStack() as undo:
        own = fail(case, hands, undo)
        ended = operator.run("explain", own, "-f", "json")
        assert ended.code == 0, ended.stderr
        found = ended.document["explanation"]
        named = [cause["code"] for cause in found["causes"]][: len(case.codes)]
        assert sorted(named) == sorted(case.codes), (found["summary"], found["causes"])
    wait_for(lambda: all_open(hands), "every host to be open again", seconds=30, every=0.5)


def all_open(hands: Hands) -> bool:
    services = hands.api.compute.services(binary="nova-compute")
    return all(s.state == "up" and s.status == "enabled" for s in services)


def test_it_reads_well(hands: Hands, operator: Program, tmp_path: Path) -> None:
    with ExitStack() as undo:
        own = fail(CASES[0], hands, undo)
        ended = operator.run("explain", own)
        assert ended.code == 0, ended.stderr
        assert "not enough VCPU" in ended.stdout
        assert "of 64 VCPU free, 2 wanted" in ended.stdout
        assert max(map(len, ended.stdout.splitlines())) <= 80
        by_name = operator.run("explain", "explained-vcpu")
        assert by_name.code == 0
    (tmp_path / "seen.txt").write_text(ended.stdout)
    assert operator.run("explain", own).code == 2
