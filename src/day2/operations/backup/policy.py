# SPDX-License-Identifier: Apache-2.0
"""The knobs of backups: how old the newest set may be, and how long sets are kept."""

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.model.backup import Kind

Days = Annotated[int, Meta(ge=1)]
Hours = Annotated[float, Meta(gt=0)]


class BackupPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `backup`, for all clouds or one (`clouds.NAME.backup`)."""

    kinds: Annotated[
        list[Kind],
        Meta(description="What `backup run` takes when no kind is named."),
    ] = msgspec.field(default_factory=lambda: [Kind.DATABASE, Kind.CONFIG, Kind.DAY2])
    database_rpo_hours: Annotated[
        Hours, Meta(description="Hours that the newest set of the databases may be old.")
    ] = 24.0
    database_days: Annotated[Days, Meta(description="Days that sets of them are kept.")] = 30
    config_rpo_hours: Annotated[
        Hours, Meta(description="The same of the configuration, keys and certificates.")
    ] = 24.0
    config_days: Annotated[Days, Meta(description="Days that sets of it are kept.")] = 90
    identity_rpo_hours: Annotated[
        Hours, Meta(description="The same of users, roles and projects.")
    ] = 168.0
    identity_days: Annotated[Days, Meta(description="Days that sets of them are kept.")] = 90
    images_rpo_hours: Annotated[Hours, Meta(description="The same of images.")] = 168.0
    images_days: Annotated[Days, Meta(description="Days that sets of them are kept.")] = 60
    volumes_rpo_hours: Annotated[Hours, Meta(description="The same of volumes.")] = 24.0
    volumes_days: Annotated[Days, Meta(description="Days that sets of them are kept.")] = 30
    rbd_rpo_hours: Annotated[Hours, Meta(description="The same of RBD images.")] = 24.0
    rbd_days: Annotated[Days, Meta(description="Days that sets of them are kept.")] = 30
    day2_rpo_hours: Annotated[Hours, Meta(description="The same of day2's own memory.")] = 24.0
    day2_days: Annotated[Days, Meta(description="Days that sets of it are kept.")] = 30
    newest_min: Annotated[
        int, Meta(ge=1, description="Sets of a kind that are kept whatever their age.")
    ] = 3
    key_proven_days_max: Annotated[
        Days,
        Meta(description="Days within which the identity of each key must be proven to be there."),
    ] = 35
    young_days: Annotated[
        float, Meta(ge=0, description="Days before which no set is condemned, whatever else.")
    ] = 6.0
    grace_days: Annotated[
        float, Meta(ge=0, description="Days between the condemnation of a set and its removal.")
    ] = 3.0
    leftover_hours: Annotated[
        float,
        Meta(
            ge=0,
            description="Hours after which what a killed writer left may be pruned; one that is "
            "only stopped could go on.",
        ),
    ] = 24.0
    removed_max: Annotated[
        int, Meta(ge=1, description="Sets of one kind that may go at a time, without --wide.")
    ] = 10
    misdated_sets: Annotated[
        list[str],
        Meta(
            description="Ids of sets that were taken, or proven, under a wrong clock. Retention "
            "stops where something was recorded ahead of the clock, until its date has come; of "
            "these it believes no date: each counts as old as the next set after it."
        ),
    ] = []
    proven_days_max: Annotated[
        Days, Meta(description="Days after which a newest proof by restore is too old.")
    ] = 8
    shrunk_ratio_min: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="A set smaller than this share of the usual one of its kind is a finding.",
        ),
    ] = 0.5
    hours_max: Annotated[
        Hours, Meta(description="Hours after which a worker that takes or proves a set is left.")
    ] = 12.0
    config_paths: Annotated[
        list[str],
        Meta(
            description="Files and folders of this machine that belong to the configuration, "
            "beside Kolla-Ansible's configuration folder and the inventory."
        ),
    ] = []
    volumes: Annotated[
        list[str],
        Meta(
            description="Volumes of containers on the hosts that belong to the configuration, "
            "fetched from every host that has them; OVN's databases, etcd and Keystone's "
            "credential keys are fetched besides."
        ),
    ] = msgspec.field(default_factory=lambda: ["keystone_fernet_tokens", "letsencrypt"])
    host_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that a host has to give what is fetched from it.")
    ] = 120.0
    hosts_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds for all hosts; those not asked by then are missing.")
    ] = 600.0
    host_read_mib_max: Annotated[int, Meta(ge=1, description="MiB that are read on a host.")] = 256
    host_answer_mib_max: Annotated[
        int, Meta(ge=1, le=8, description="MiB, packed, that a host may answer with.")
    ] = 8
    images_increments_max: Annotated[
        int,
        Meta(
            ge=0,
            description="Sets of images that may stand on one that holds all of them; 0: each "
            "holds all.",
        ),
    ] = 8

    volumes_selector: Annotated[
        list[str],
        Meta(
            description="Volumes that `backup run volumes` lets Cinder back up: those that any of "
            "these means (metadata:KEY=VALUE, type:NAME, project:ID). Empty: none; the records of "
            "the backups that there are, are kept all the same."
        ),
    ] = []

    rbd_images: Annotated[
        list[str],
        Meta(
            description="RBD images that `backup run rbd` saves: POOL/NAME, where NAME may hold * "
            "and ?. Empty: none by name."
        ),
    ] = []
    rbd_volumes: Annotated[
        list[str],
        Meta(
            description="Volumes of Cinder whose RBD images it saves besides: those that any of "
            "these means, as in `volumes_selector`. Where a volume is not meant any more, our "
            "snapshots on it are released."
        ),
    ] = []
    rbd_volumes_pool: Annotated[
        str, Meta(min_length=1, description="The pool in which Cinder has these, as volume-ID.")
    ] = "volumes"
    rbd_increments_max: Annotated[
        int, Meta(ge=0, description="Differences that may stand on one full set of an RBD image.")
    ] = 7
    rbd_hash_content: Annotated[
        bool,
        Meta(
            description="Read each image whole at its snapshot to hash it, beside the difference "
            "that is stored: without it, an older link can be proven to level 2 only."
        ),
    ] = True

    def rpo(self, kind: Kind) -> timedelta:
        """Return how old the newest set of a kind may be."""
        return timedelta(hours=getattr(self, f"{kind.value}_rpo_hours"))

    def days(self, kind: Kind) -> int:
        """Return how many days sets of a kind are kept."""
        found: int = getattr(self, f"{kind.value}_days")
        return found
