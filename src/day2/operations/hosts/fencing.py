# SPDX-License-Identifier: Apache-2.0
"""The steps around a dead host: its proof, its fence, and how the fence is opened again."""

import msgspec

from day2.model.plan import Step
from day2.model.tables.compute import ComputeService
from day2.operations.hosts.steps import host_subject

PROVE, DISABLE, FENCE = range(3)
"""The first stages of an evacuation, in order; the servers come after."""


class Witnesses(msgspec.Struct, frozen=True, kw_only=True):
    """Who can prove that a host is off, as the settings say.

    `confirming` when a program can: for its power or its storage client. `address` is where the
    host must not answer; empty when nobody knows it.
    """

    confirming: bool = False
    address: str = ""
    port: int = 22


def prove(host: str, witnesses: Witnesses, *, stated_by: str) -> Step:
    """Prove that a host is dead; `stated_by` is who says that it is off, empty when nobody does."""
    return Step(
        action="host.prove-dead",
        subject=host_subject(host),
        why="Nova has lost it, its address is silent, its power is off or its storage is cut",
        stage=PROVE,
        arguments={
            "address": witnesses.address,
            "port": witnesses.port,
            "stated_by": stated_by,
        },
        readonly=True,
        required=True,
    )


def force_down(service: ComputeService) -> Step:
    """Fence a dead host in Nova."""
    return Step(
        action="compute.force-down",
        subject=host_subject(service.host),
        why="Nova must hold it for dead until its old copies are cleared",
        stage=FENCE,
        arguments={"service_id": str(service.id)},
        # Its disable, just before, changes what else a fingerprint of a service has.
        fingerprint={"forced_down": False},
        undo="let it up again, once nova-compute ran there and deleted what was evacuated",
        required=True,
    )


def unforce_down(service: ComputeService, stage: int) -> Step:
    """Open the fence of a host whose nova-compute runs again."""
    return Step(
        action="compute.unforce-down",
        subject=host_subject(service.host),
        why="nova-compute runs there again and has deleted what was evacuated",
        stage=stage,
        arguments={"service_id": str(service.id)},
        fingerprint={"forced_down": True},
        undo="force it down again",
        required=True,
    )
