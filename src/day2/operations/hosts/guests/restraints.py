# SPDX-License-Identifier: Apache-2.0
"""What the hardware of a server forbids: passed-through devices, encrypted memory, and the like.

The rules are Nova's own (the decorators of nova/compute/api.py, the checks of its live migration
task); what only an image's properties or a port's resource request would tell is not in a survey,
and Nova's own pre-check finds it.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from day2.operations.hosts.picture import Guest

_PORTS = {
    "direct": "packet-loss",
    "macvtap": "packet-loss",
    "vdpa": "packet-loss",
    "remote-managed": "packet-loss",
}
_ACCELERATED = frozenset({"accelerator-direct", "accelerator-direct-physical"})
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})


class Restraint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a server has and that limits how it moves.

    `live` and `cold` tell whether Nova does it at all; `allow` is the danger of doing it live,
    empty when there is none. `dead` tells whether it may be evacuated from a dead host.
    """

    kind: str
    why: str
    live: bool = True
    cold: bool = True
    dead: bool = True
    allow: str = ""


def restraints(guest: Guest) -> list[Restraint]:
    """List everything that limits how a server moves."""
    return [*_of_flavor(guest), *_of_ports(guest)]


def notes(guest: Guest) -> list[str]:
    """Say what Placement cannot promise of a destination."""
    specs = guest.server.flavor.extra_specs
    if "hw:numa_nodes" in specs or "hw:mem_page_size" in specs or _dedicated(specs):
        return ["its processors or memory are pinned (NUMA): only Nova's scheduler knows the fit"]
    return []


def _of_flavor(guest: Guest) -> Iterator[Restraint]:
    specs = guest.server.flavor.extra_specs
    if specs.get("hw:mem_encryption", "").lower() in _TRUE:
        yield Restraint(kind="sev", why="its memory is encrypted (SEV)", live=False)
    if specs.get("hw:tpm_version"):
        yield Restraint(kind="vtpm", why="it has a virtual TPM", live=False, dead=False)
    if specs.get("accel:device_profile"):
        yield Restraint(
            kind="accelerator", why="it has an accelerator (Cyborg)", live=False, cold=False
        )
    if specs.get("hw:pmem"):
        yield Restraint(kind="vpmem", why="it has persistent memory of its host", live=False)
    if specs.get("pci_passthrough:alias"):
        yield Restraint(kind="pci", why="its flavor passes a PCI device through", live=False)
    if guest.needs_of("VGPU") or any(
        name.startswith("resources") and name.endswith("VGPU") for name in specs
    ):
        yield Restraint(kind="vgpu", why="it has a virtual GPU", cold=False, allow="vgpu-pause")


def _of_ports(guest: Guest) -> Iterator[Restraint]:
    kinds = {port.vnic_type or "normal" for port in guest.ports}
    for kind in sorted(kinds & _ACCELERATED):
        yield Restraint(
            kind="accelerator",
            why=f"a port of it is accelerated ({kind})",
            live=False,
            cold=False,
            dead=False,
        )
    if "direct-physical" in kinds:
        yield Restraint(
            kind="sriov", why="a port of it is a whole network card (direct-physical)", live=False
        )
    for kind in sorted(kinds & _PORTS.keys()):
        yield Restraint(
            kind="sriov",
            why=f"a port of it is passed through (SR-IOV, {kind}) and taken off while it moves",
            allow=_PORTS[kind],
        )


def _dedicated(specs: Mapping[str, str]) -> bool:
    return specs.get("hw:cpu_policy") in {"dedicated", "mixed"}


def first(found: Iterable[Restraint], *, live: bool) -> Restraint | None:
    """Return the first restraint that forbids a live move (or, if not `live`, a cold one)."""
    return next((r for r in found if not (r.live if live else r.cold)), None)
