# SPDX-License-Identifier: Apache-2.0
"""The past of a world for its Prometheus: how a value came to be what it is now."""

import hashlib
import math
from collections.abc import Callable

import msgspec

from day2.sandbox.scenario import Host
from day2.sandbox.services.prometheus_evaluate import NAME, Labels, Series
from day2.sandbox.timing import span
from day2.sandbox.world import World

DAY, WEEK = 86400.0, 604800.0
DAYS = 400
GROWTH_PER_DAY = 0.0015
Value = Callable[[float], float]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Something that Prometheus scrapes."""

    job: str
    host: Host
    port: int
    path: str = "/metrics"


class Past:
    """The past of one world, as it is now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.now().timestamp()
        begun = world.started_at.timestamp()
        self.since = begun - DAYS * DAY
        self._dead = {
            host.name: begun - span(host.dead).total_seconds()
            for host in world.scenario.hosts
            if host.dead
        }

    def until(self, host: str) -> float:
        """Return the end of what a host told itself; a host that lives has none."""
        return self._dead.get(host, math.inf)

    def series(self, name: str, value: Value, host: str = "", /, **labels: str) -> Series:
        """Make a series that goes on until now; one of a host ends with it."""
        until = min(self.until(host) if host else math.inf, self.now)
        whole: Labels = {NAME: name, **{k: v for k, v in labels.items() if v}}
        counter = name.endswith("_total")
        return Series(labels=whole, value=value, since=self.since, until=until, counter=counter)

    def grown(self, value: float, *words: str, whole: bool = False) -> Value:
        """Return a past that leads to a value now: growth, and the rhythm of weeks and days."""
        phase = share(*words) * 2 * math.pi
        per_day = GROWTH_PER_DAY * (0.5 + share("growth", *words))
        now = self.now

        def wave(moment: float) -> float:
            week = 0.05 * math.sin(2 * math.pi * moment / WEEK + phase)
            return 1 + week + 0.02 * math.sin(2 * math.pi * moment / DAY)

        scale = value / wave(now)

        def at(moment: float) -> float:
            found = scale * wave(moment) * math.exp(per_day * (moment - now) / DAY)
            return float(round(found)) if whole else found

        return at


def targets(world: World) -> list[Target]:
    """List what is scraped."""
    hosts = world.scenario.hosts
    control = [host for host in hosts if "control" in host.roles]
    found = [Target(job="node", host=host, port=9100) for host in hosts]
    found += [Target(job="prometheus", host=host, port=9091) for host in control]
    found += [Target(job="alertmanager", host=host, port=9093) for host in control]
    alive = [host for host in control if not host.dead]
    found += [Target(job="openstack_exporter", host=host, port=9198) for host in alive[:1]]
    if world.scenario.pools:
        found += [Target(job="ceph_mgr_exporter", host=host, port=9283) for host in alive[:1]]
    return found


def share(*words: str) -> float:
    """Return a number between 0 and 1 that is always the same for the same words."""
    return int(hashlib.sha256("/".join(words).encode()).hexdigest()[:6], 16) / 0xFFFFFF


def accumulated(past: Past, base: float, *words: str) -> Value:
    """Return a counter whose rate is `base` a second, a little more each week, with a daily rhythm.

    It is the integral of that rate since the beginning: `rate()` of it gives the rate back.
    """
    since, growth = past.since, 0.25 / (DAYS * DAY)
    turn = 2 * math.pi / DAY
    phase = share(*words) * 2 * math.pi

    def at(moment: float) -> float:
        age = moment - since
        wave = (math.cos(turn * since + phase) - math.cos(turn * moment + phase)) / turn
        return base * (age + growth * age * age / 2 + 0.3 * wave)

    return at


def constant(value: float) -> Value:
    """Return a value that is always the same."""
    return lambda _moment: float(value)
