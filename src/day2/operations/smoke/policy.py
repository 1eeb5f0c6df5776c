# SPDX-License-Identifier: Apache-2.0
"""The knobs of smoke runs."""

from typing import Annotated

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0)]


class SmokePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `smoke`, for all clouds or one (`clouds.NAME.smoke`)."""

    image: Annotated[
        str,
        Meta(
            description="Image to boot, by name or id; empty: the smallest active public one. "
            "CirrOS says on its console whether DHCP and metadata work; most others do not."
        ),
    ] = ""
    flavor: Annotated[
        str,
        Meta(
            description="Flavor of the server, by name or id; empty: the smallest public one that "
            "fits the image and asks for nothing special."
        ),
    ] = ""
    network: Annotated[
        str,
        Meta(
            description="Network to boot on, by name or id; empty: one of the project of the "
            "account for writing, the one with a router first. Without any, the run makes a "
            "network, a subnet and a router of its own and deletes them."
        ),
    ] = ""
    network_cidr: Annotated[
        str, Meta(description="Addresses of the network that it makes of its own.")
    ] = "192.168.254.0/28"
    external_network: Annotated[
        str,
        Meta(
            description="Network to take the floating IP of, by name or id; empty: the one that "
            "the router leads to, else the only external one; none: no floating IP is tried."
        ),
    ] = ""
    floating_ip_active: Annotated[
        bool,
        Meta(
            description="Whether the floating IP must become ACTIVE, which an L3 agent says when "
            "it has set it up; false: that it points to the port is enough."
        ),
    ] = True
    volume_gib: Annotated[
        int, Meta(ge=0, description="Size of the volume that is attached, GiB; 0: none.")
    ] = 1
    volume_type: Annotated[
        str, Meta(description="Type of the volume; empty: the cloud's default type.")
    ] = ""
    disabled_hosts: Annotated[
        bool,
        Meta(
            description="Whether a disabled host may be tried. Nova boots nothing there, so the "
            "trait COMPUTE_STATUS_DISABLED is taken from its provider for the moments of the boot; "
            "the host stays disabled, and nobody else's server can come to it."
        ),
    ] = True
    boot_seconds_max: Annotated[
        Seconds, Meta(description="Seconds until the server must be ACTIVE.")
    ] = 300.0
    volume_seconds_max: Annotated[
        Seconds, Meta(description="Seconds until the volume must be there, and attached.")
    ] = 120.0
    network_seconds_max: Annotated[
        Seconds, Meta(description="Seconds until port and floating IP must be ACTIVE.")
    ] = 60.0
    console_seconds_max: Annotated[
        Seconds, Meta(description="Seconds that are waited for the guest's word on the console.")
    ] = 90.0
    clean_seconds_max: Annotated[
        Seconds, Meta(description="Seconds until each thing that was deleted must be gone.")
    ] = 120.0
    leftover_hours: Annotated[
        float,
        Meta(
            gt=0,
            description="Hours after which what another smoke run left behind is deleted by the "
            "next one; younger things may still be in use.",
        ),
    ] = 24.0
