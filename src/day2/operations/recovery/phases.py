# SPDX-License-Identifier: Apache-2.0
"""The phases of a recovery, in the order that works: what each is, and what it takes of the vault.

Configuration comes first, for nothing starts without it; storage is there before compute, for
nobody must boot from what is not; and compute is opened last, after the stores were compared.
"""

import msgspec

from day2.model.backup import Kind


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One phase. `beside` the others it costs no time of its own; `commands` are what people type.

    In a command, `{KIND}` is the set of that kind.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...] = ()
    beside: bool = False
    commands: tuple[str, ...] = ()


PHASES = (
    Named(
        name="prepare",
        title="declare it, freeze deletions, pick the sets, fetch the escrow key",
        commands=("day2 recovery preflight --identity FILE",),
    ),
    Named(
        name="config",
        title="deployment host: configuration, keys, certificates, registry",
        kinds=(Kind.CONFIG, Kind.DAY2),
        commands=("day2 backup restore {config} --into FOLDER", "kolla-ansible bootstrap-servers"),
    ),
    Named(
        name="storage",
        title="storage answers, before any compute host is opened",
        kinds=(Kind.RBD,),
        beside=True,
        commands=("ceph -s",),
    ),
    Named(
        name="database",
        title="databases on one node, checked",
        kinds=(Kind.DATABASE,),
        commands=("day2 backup restore {database} --whole",),
    ),
    Named(
        name="control",
        title="the other nodes; Keystone, Glance, Cinder, Placement, Neutron, Nova's control plane",
        kinds=(Kind.IDENTITY, Kind.IMAGES),
        commands=("kolla-ansible deploy --skip-tags nova-cell",),
    ),
    Named(
        name="compute",
        title="the stores are compared, then compute hosts open in batches",
        kinds=(Kind.VOLUMES,),
        commands=("day2 recovery reconcile", "kolla-ansible deploy --tags nova-cell --limit HOSTS"),
    ),
    Named(name="smoke", title="a server boots and answers", commands=("day2 smoke run",)),
)
BY_NAME = {phase.name: phase for phase in PHASES}
INDISPENSABLE = (Kind.DATABASE, Kind.CONFIG)
STORES = frozenset({Kind.DATABASE, Kind.VOLUMES, Kind.RBD, Kind.IMAGES})
"""Kinds between which a drift matters: rows of the first point to data of the others."""
