# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.others import (
    Amphora,
    BaremetalNode,
    Cluster,
    LoadBalancer,
    Share,
    Stack,
    Zone,
)
from day2.operations.health.rules import load_balancers, others, quotas
from tests.unit.builders import ago, facts, judged, keys, project, quota

CHECKS = (*load_balancers.CHECKS, *others.CHECKS)
OLD, AT_BOUND = ago(hours=3), ago(minutes=30)


def balancer(status: str, **fields: Any) -> LoadBalancer:
    return LoadBalancer(id="lb", provisioning_status=status, **{"updated_at": OLD, **fields})


def amphora(status: str, **fields: Any) -> Amphora:
    return Amphora(id="amp", status=status, **{"updated_at": OLD, **fields})


def stack(status: str, **fields: Any) -> Stack:
    return Stack(id="st", stack_status=status, **fields)


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("load_balancers", balancer("ACTIVE"), None),
        ("load_balancers", balancer("ERROR"), "load_balancer.error:load_balancer:lb"),
        ("load_balancers", balancer("PENDING_UPDATE"), "load_balancer.stuck:load_balancer:lb"),
        ("load_balancers", balancer("PENDING_UPDATE", updated_at=AT_BOUND), None),
        ("load_balancers", balancer("PENDING_CREATE", updated_at=None), None),
        ("amphorae", amphora("ALLOCATED"), None),
        ("amphorae", amphora("ERROR"), "amphora.error:amphora:amp"),
        ("amphorae", amphora("BOOTING"), "amphora.stuck:amphora:amp"),
        ("amphorae", amphora("BOOTING", updated_at=AT_BOUND), None),
        ("stacks", stack("CREATE_COMPLETE"), None),
        ("stacks", stack("UPDATE_FAILED"), "stack.failed:stack:st"),
        ("stacks", stack("CREATE_IN_PROGRESS", creation_time=OLD), "stack.stuck:stack:st"),
        ("stacks", stack("CREATE_IN_PROGRESS", creation_time=ago(minutes=120)), None),
        ("stacks", stack("UPDATE_IN_PROGRESS", creation_time=OLD), None),
        ("stacks", stack("UPDATE_IN_PROGRESS", updated_time=OLD), "stack.stuck:stack:st"),
        ("stacks", stack("DELETE_IN_PROGRESS", creation_time=OLD, updated_time=OLD), None),
        ("zones", Zone(id="z", status="ERROR"), "zone.error:zone:z"),
        ("zones", Zone(id="z", status="PENDING"), None),
        ("shares", Share(id="s", status="error_deleting"), "share.error:share:s"),
        ("shares", Share(id="s", status="extending_error"), "share.error:share:s"),
        ("shares", Share(id="s", status="available"), None),
        ("clusters", Cluster(uuid="c", status="CREATE_FAILED"), "cluster.error:cluster:c"),
        ("clusters", Cluster(uuid="c"), None),
        (
            "baremetal_nodes",
            BaremetalNode(uuid="n", provision_state="clean failed"),
            "baremetal.error:baremetal_node:n",
        ),
        (
            "baremetal_nodes",
            BaremetalNode(uuid="n", maintenance=True),
            "baremetal.maintenance:baremetal_node:n",
        ),
        ("baremetal_nodes", BaremetalNode(uuid="n", provision_state="active"), None),
    ],
)
def test_what_a_service_says_of_its_own(kind: str, row: Any, expected: str | None) -> None:
    tables: dict[str, Any] = {kind: [row]}
    assert keys(CHECKS, facts(**tables)) == ({expected} if expected else set())


def test_what_a_project_did_to_itself_is_a_word() -> None:
    (found,) = judged(CHECKS, facts(stacks=[stack("CREATE_FAILED")]))
    assert found.severity is Severity.INFO


@pytest.mark.parametrize(
    ("used", "limit", "reserved", "expected"),
    [
        (89, 100, 0, False),
        (90, 100, 0, True),
        (80, 100, 10, True),
        (110, 100, 0, True),
        (0, 0, 0, False),
        (1, 0, 0, True),
        (10**6, None, 0, False),
        (10**6, -1, 0, False),
    ],
)
def test_a_quota_is_nearly_used_up(
    used: int, limit: int | None, reserved: int, *, expected: bool
) -> None:
    found = keys(quotas.CHECKS, facts(quotas=[quota(used, limit, reserved=reserved)]))
    assert found == ({"quota.nearly_full:project:p1:compute.cores"} if expected else set())


def test_full_quotas_of_the_clouds_own_projects_are_a_word() -> None:
    rows = [quota(10, 10), quota(10, 10, project_id="p2")]
    given = facts(quotas=rows, projects=[project(), project("p2", name="service")])
    found = judged(quotas.CHECKS, given)
    assert [f.severity for f in found] == [Severity.WARNING, Severity.INFO]
    assert "quota_service_projects" in found[1].why
