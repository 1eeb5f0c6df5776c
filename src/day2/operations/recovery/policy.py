# SPDX-License-Identifier: Apache-2.0
"""The knobs of recoveries: how long one may take, phase by phase, and how much may be lost."""

from typing import Annotated

import msgspec
from msgspec import Meta

Minutes = Annotated[float, Meta(gt=0)]


class RecoveryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `recovery_plan`, for all clouds or one (`clouds.NAME.recovery_plan`)."""

    rto_hours: Annotated[
        float, Meta(gt=0, description="Hours that the recovery of the whole cloud may take.")
    ] = 4.0
    rpo_hours: Annotated[
        float, Meta(gt=0, description="Hours of work that may be lost: the age of the databases.")
    ] = 24.0
    slack_ratio_min: Annotated[
        float,
        Meta(ge=0, lt=1, description="Share of `rto_hours` that no phase may have in its budget."),
    ] = 0.2
    prepare_minutes: Annotated[
        Minutes, Meta(description="Minutes to declare it, pick the sets and fetch the escrow key.")
    ] = 15.0
    config_minutes: Annotated[
        Minutes, Meta(description="Minutes for deployment host, configuration, keys, registry.")
    ] = 25.0
    storage_minutes: Annotated[
        Minutes, Meta(description="Minutes for the storage, beside other phases, before compute.")
    ] = 40.0
    database_minutes: Annotated[
        Minutes, Meta(description="Minutes to restore the databases on one node and check them.")
    ] = 50.0
    control_minutes: Annotated[
        Minutes, Meta(description="Minutes for the other nodes and the control plane's services.")
    ] = 40.0
    compute_minutes: Annotated[
        Minutes, Meta(description="Minutes to reconcile the stores and open the compute hosts.")
    ] = 30.0
    smoke_minutes: Annotated[Minutes, Meta(description="Minutes to boot a server and try it.")] = (
        20.0
    )
    drill_days_max: Annotated[
        int, Meta(ge=1, description="Days after which the newest drill is too old.")
    ] = 92
    random_days: Annotated[
        int, Meta(ge=1, description="Days back from which `drill --set random` picks a set.")
    ] = 30
    test_cloud: Annotated[
        bool,
        Meta(
            description="This cloud may be taken down for a drill: without it, `recovery drill` "
            "restores into scratch servers and folders only."
        ),
    ] = False
    guests_command: Annotated[
        list[str],
        Meta(
            description="Words that print what the hypervisors have, where they are not reached by "
            "Ansible: lines `HOST ID running` or `HOST ID stopped`, and `HOST -` for a host that "
            "was read and has none. Empty: libvirt of the inventory's hosts is asked."
        ),
    ] = []
    guests_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds that the hypervisors may take to answer.")
    ] = 60.0
    image_data: Annotated[
        bool, Meta(description="`recovery reconcile` reads the first bytes of every image.")
    ] = True
    rbd_backends: Annotated[
        list[str],
        Meta(description="Back ends of Cinder (`HOST@BACKEND`) that keep volumes as RBD images."),
    ] = msgspec.field(default_factory=lambda: ["rbd-1"])
    volumes_pools: Annotated[
        list[str], Meta(description="Ceph's pools with volumes, where RBD is configured.")
    ] = msgspec.field(default_factory=lambda: ["volumes"])
    images_pools: Annotated[
        list[str], Meta(description="Ceph's pools with the data of images; empty: none.")
    ] = msgspec.field(default_factory=lambda: ["images"])

    def budget_seconds(self, phase: str) -> float:
        """Return how long a phase may take."""
        minutes: float = getattr(self, f"{phase}_minutes")
        return minutes * 60
