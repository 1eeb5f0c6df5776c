# SPDX-License-Identifier: Apache-2.0
"""Addresses of subnets: which is free, how many are taken."""

import ipaddress

from day2.sandbox.http import CONFLICT, Refused
from day2.sandbox.world import World


def taken(world: World, subnet_id: str, network_id: str) -> set[str]:
    """Return the addresses of a subnet that ports have."""
    return {
        fixed["ip_address"]
        for port in world["ports"].find(network_id=network_id)
        for fixed in port["fixed_ips"]
        if fixed["subnet_id"] == subnet_id
    }


def free(world: World, subnet_id: str) -> dict[str, str]:
    """Take the first free address of a subnet's pools.

    Raises:
        Refused: when there is none.

    """
    subnet = world.require("subnets", subnet_id)
    used = taken(world, subnet_id, subnet["network_id"])
    for start, end in subnet["pools"]:
        first, last = int(ipaddress.ip_address(start)), int(ipaddress.ip_address(end))
        for number in range(first, last + 1):
            address = str(ipaddress.ip_address(number))
            if address not in used:
                return {"subnet_id": subnet_id, "ip_address": address}
    network = subnet["network_id"]
    raise Refused(
        CONFLICT,
        f"No more IP addresses available on network {network}.",
        kind="IpAddressGenerationFailure",
    )


def gateway(world: World, subnet_id: str) -> dict[str, str]:
    """Return the gateway's address."""
    subnet = world.require("subnets", subnet_id)
    return {"subnet_id": subnet_id, "ip_address": subnet["gateway_ip"]}


def total(pools: list[tuple[str, str]]) -> int:
    """Return how many addresses the pools hold."""
    return sum(
        int(ipaddress.ip_address(end)) - int(ipaddress.ip_address(start)) + 1
        for start, end in pools
    )
