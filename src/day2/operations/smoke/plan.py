# SPDX-License-Identifier: Apache-2.0
"""The plan of a smoke run: one step, with explicit ids; others put that step into theirs."""

from collections.abc import Sequence

import msgspec

from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Step
from day2.operations.smoke.choose import Chosen
from day2.operations.smoke.policy import SmokePolicy

ACTION = "smoke.server"
PREFIX = "day2-smoke-"
KIND = "smoke-run"
AT_ONCE_MAX = 2
SECONDS_USUAL = 60.0


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a smoke run before this one left behind."""

    kind: str
    id: str
    name: str


class SmokeArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What `smoke.server` needs; empty: `host` any, `network` one of its own, `external` none."""

    image: str
    flavor: str
    host: str = ""
    network: str = ""
    network_cidr: str = "192.168.254.0/28"
    external: str = ""
    floating_ip_active: bool = True
    volume_gib: int = 1
    volume_type: str = ""
    disabled_hosts: bool = True
    boot_seconds_max: float = 300.0
    volume_seconds_max: float = 120.0
    network_seconds_max: float = 60.0
    console_seconds_max: float = 90.0
    clean_seconds_max: float = 120.0
    leftovers: list[Leftover] = []
    leftover_hours: float = 24.0


def step(
    chosen: Chosen,
    policy: SmokePolicy,
    *,
    why: str,
    cloud: str,
    leftovers: Sequence[Leftover] = (),
) -> Step:
    """Make the step; who puts it into a plan sets its `n`, `stage` and `chain`."""
    host = chosen.service.host if chosen.service else ""
    arguments = SmokeArguments(
        image=chosen.image.id,
        flavor=chosen.flavor.id,
        host=host,
        network=chosen.network.id if chosen.network else "",
        network_cidr=policy.network_cidr,
        external=chosen.external.id if chosen.external else "",
        floating_ip_active=policy.floating_ip_active,
        volume_gib=policy.volume_gib,
        volume_type=policy.volume_type,
        disabled_hosts=policy.disabled_hosts,
        boot_seconds_max=policy.boot_seconds_max,
        volume_seconds_max=policy.volume_seconds_max,
        network_seconds_max=policy.network_seconds_max,
        console_seconds_max=policy.console_seconds_max,
        clean_seconds_max=policy.clean_seconds_max,
        leftovers=list(leftovers),
        leftover_hours=policy.leftover_hours,
    )
    subject = Subject(type="host", id=host, host=host) if host else Subject(type="cloud", id=cloud)
    return Step(
        n=1,
        action=ACTION,
        subject=subject,
        why=f"{why}: {', '.join(_touched(chosen, policy))}",
        arguments=msgspec.to_builtins(arguments),
        undo="it deletes everything that it made, also when something fails",
        limits={"smoke": AT_ONCE_MAX},
        radius=_radius(chosen, policy, leftovers),
        seconds_expected=SECONDS_USUAL,
    )


def plan(step_made: Step, asked: Asked) -> Plan:
    """Make the plan of a smoke run alone."""
    host = step_made.subject.host
    where = f"on {host}" if host else "wherever the scheduler puts it"
    leftovers = len(step_made.arguments.get("leftovers", []))
    totals = {"servers": 1} | ({"leftovers": leftovers} if leftovers else {})
    summary = f"boot a server {where}, try it, and delete it"
    return asked.plan(KIND, step_made.subject, summary, [step_made], totals=totals)


def _touched(chosen: Chosen, policy: SmokePolicy) -> list[str]:
    """Say what is made."""
    touched = [f"a server of {chosen.flavor.name} with the image {chosen.image.name}"]
    network = chosen.network
    touched.append(
        f"a port on the network {network.name or network.id}"
        if network
        else f"a network of its own ({policy.network_cidr}) with a port"
    )
    if policy.volume_gib:
        touched.append(f"a volume of {policy.volume_gib} GiB")
    if chosen.external:
        touched.append(f"a floating IP of {chosen.external.name or chosen.external.id}")
    return touched


def _radius(chosen: Chosen, policy: SmokePolicy, leftovers: Sequence[Leftover]) -> list[str]:
    touched = _touched(chosen, policy)
    service = chosen.service
    if service and service.status == "disabled":
        touched.append(
            f"{service.host} is disabled, and stays so: for the moments of the boot the trait "
            "COMPUTE_STATUS_DISABLED is taken from its provider"
        )
    touched += [f"deletes {left.kind} {left.name}, left behind" for left in leftovers]
    return touched
