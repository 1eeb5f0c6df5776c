# SPDX-License-Identifier: Apache-2.0
"""Known problems of orchestration, planted on the real Heat as a customer would meet them."""

import secrets
import signal
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import openstack.connection
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import HttpException, SDKException

from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting

SCALING: dict[str, Any] = {
    "group": {
        "type": "OS::Heat::AutoScalingGroup",
        "properties": {
            "min_size": 1,
            "max_size": 2,
            "resource": {"type": "OS::Heat::RandomString"},
        },
    },
    "up": {
        "type": "OS::Heat::ScalingPolicy",
        "properties": {
            "adjustment_type": "change_in_capacity",
            "auto_scaling_group_id": {"get_resource": "group"},
            "scaling_adjustment": 1,
        },
    },
}


def stack(hands: Hands, undo: ExitStack, name: str, resources: dict[str, Any]) -> Any:
    """Make a stack of these resources; it is deleted in the end."""
    body = {
        "stack_name": name,
        "timeout_mins": 5,
        "disable_rollback": True,
        "template": {"heat_template_version": "2018-08-31", "resources": resources},
    }
    heat = hands.api.orchestration
    made = heat.post("/stacks", json=body).json()["stack"]

    def delete() -> None:
        def gone() -> bool:
            try:
                heat.delete(f"/stacks/{made['id']}")
            except HttpException:
                return False
            return status(hands, made["id"]) in {"", "DELETE_COMPLETE"}

        wait_for(gone, f"stack {name} to be gone", seconds=60, every=1)

    undo.callback(delete)
    return made


def status(hands: Hands, own: str) -> str:
    answer = hands.api.orchestration.get(f"/stacks/{own}")
    return str(answer.json()["stack"]["stack_status"]) if answer.ok else ""


def failed(hands: Hands, own: str) -> None:
    wait_for(
        lambda: status(hands, own).endswith("_FAILED"), "the stack to fail", seconds=180, every=0.5
    )


def nested_cause(hands: Hands, undo: ExitStack) -> None:
    """Let the port of a nested stack want an address of another network.

    A server that ends in ERROR fails a stack as well, after Heat has tried five times.
    """
    port = {
        "type": "OS::Neutron::Port",
        "properties": {"network": "acme-net", "fixed_ips": [{"ip_address": "192.0.2.1"}]},
    }
    group = {"type": "OS::Heat::ResourceGroup", "properties": {"count": 1, "resource_def": port}}
    failed(hands, stack(hands, undo, "nested", {"group": group})["id"])


def over_quota(hands: Hands, undo: ExitStack) -> None:
    network = hands.api.network
    project = hands.api.session.get_project_id()
    before = network.get_quota(project).networks
    used = len(list(network.networks(project_id=project)))
    network.update_quota(project, network=used)
    undo.callback(network.update_quota, project, network=before)
    failed(hands, stack(hands, undo, "quota", {"net": {"type": "OS::Neutron::Net"}})["id"])


def engine_died(hands: Hands, undo: ExitStack) -> None:
    """Kill the only engine in the middle of an action."""
    waiting = {"wait": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 60}}}
    made = stack(hands, undo, "orphaned", waiting)
    wait_for(
        lambda: status(hands, made["id"]) == "CREATE_IN_PROGRESS",
        "the stack",
        seconds=30,
        every=0.5,
    )
    undo.callback(_forget_engine, hands)
    hands.cloud.kill("heat-engine")
    hands.cloud.start("heat-engine")

    def answers() -> bool:
        with suppress(SDKException):
            return bool(status(hands, made["id"]))
        return False

    wait_for(answers, "the next engine", seconds=120, every=1)
    # Nobody takes a resource over whose engine is gone: it stays until the stack's own time is up.
    hands.age("stack", made["id"], "creation_time", hours=5)


def _forget_engine(hands: Hands) -> None:
    """Delete the queue of the engine that died: what was meant for it alone nobody reads."""
    facts = hands.cloud.facts
    with httpx.Client(
        base_url=facts.url("rabbitmq-management", "/api"),
        auth=("openstack", facts.passwords["rabbitmq_password"]),
        timeout=20,
    ) as bus:
        for queue in bus.get("/queues/%2F").raise_for_status().json():
            if queue["name"].startswith("engine_worker.") and not queue.get("consumers"):
                bus.delete(f"/queues/%2F/{queue['name']}")


def trustor_deleted(hands: Hands, undo: ExitStack) -> None:
    """Delete the user who made a stack that acts for him by a trust, and update the stack."""
    identity = hands.api.identity
    project = identity.find_project("acme")
    password = secrets.token_urlsafe(12)
    user = identity.create_user(name="leaver", password=password, default_project_id=project.id)
    undo.callback(identity.delete_user, user.id, ignore_missing=True)
    for name in ("member", "heat_stack_owner"):
        identity.assign_project_role_to_user(project, user, identity.find_role(name))
    theirs = openstack.connection.Connection(
        auth_url=hands.cloud.facts.url("keystone", "/v3"),
        username="leaver",
        password=password,
        project_name="acme",
        user_domain_name="Default",
        project_domain_name="Default",
        region_name="RegionOne",
    )
    kept, hands.api = hands.api, theirs
    try:
        made = stack(hands, ExitStack(), "left-behind", SCALING)
    finally:
        hands.api = kept
    identity.delete_user(user.id)
    # By the administrator, who may not delete another's trust: Heat tries with the stored one.
    kept.orchestration.delete(f"/stacks/{made['id']}")
    wait_for(
        lambda: status(hands, made["id"]) in {"", "DELETE_COMPLETE", "DELETE_FAILED"},
        "the stack to be gone",
        seconds=60,
        every=0.5,
    )


def reply_missing(hands: Hands, undo: ExitStack) -> None:
    """Ask the only Heat engine something while it hangs, until the asker gives up."""
    processes = hands.cloud.processes
    undo.callback(processes.signal, "heat-engine", signal.SIGCONT)
    processes.signal("heat-engine", signal.SIGSTOP)
    with suppress(HttpException, ClientException):
        hands.api.orchestration.get("/stacks", timeout=120)
    processes.signal("heat-engine", signal.SIGCONT)


PLANTINGS = (
    Planting(problem="stack-resource-failed", plant=nested_cause, batch="records"),
    Planting(problem="stack-quota", plant=over_quota, batch="records"),
    Planting(problem="stack-trust-lost", plant=trustor_deleted, batch="records"),
    Planting(problem="stack-engine-died", plant=engine_died, batch="killed"),
    Planting(problem="bus-reply-missing", plant=reply_missing, batch="messages"),
)
