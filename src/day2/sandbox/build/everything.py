# SPDX-License-Identifier: Apache-2.0
"""Build a world from a scenario: plane by plane, in the order in which they need each other."""

from collections.abc import Mapping

from day2.adapters.clock import Clock
from day2.sandbox.build import compute, identity, load_balancers, network, storage
from day2.sandbox.build.plot import Plot
from day2.sandbox.bulk import build as bulk
from day2.sandbox.scenario import Scenario
from day2.sandbox.services.registry import SERVICES
from day2.sandbox.world import World


def build(scenario: Scenario, *, clock: Clock, root: str, passwords: Mapping[str, str]) -> World:
    """Make a world that answers under a root URL; `passwords` are by user name."""
    world = World(scenario, clock=clock, root=root, passwords=passwords)
    plot = Plot(world)
    for project in scenario.projects:
        for service, limits in project.quotas.items():
            world.quotas[service, plot.project(project.name)] = dict(limits)
    identity.build(plot, SERVICES)
    network.build(plot)
    storage.build(plot)
    compute.build(plot)
    network.floating_ips(plot)
    load_balancers.build(plot)
    if scenario.bulk is not None:
        bulk.build(plot, scenario.bulk)
    return world
