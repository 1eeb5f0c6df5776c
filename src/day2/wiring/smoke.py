# SPDX-License-Identifier: Apache-2.0
"""Smoke runs of one cloud: what they are made of, and the plan of one."""

from datetime import timedelta
from typing import TYPE_CHECKING

from day2.operations.smoke.policy import SmokePolicy

if TYPE_CHECKING:
    from day2.adapters.openstack.own import Own
    from day2.adapters.openstack.session import Session
    from day2.model.plan import Plan, Step
    from day2.operations.smoke.actions.cloud import Cloud
    from day2.operations.smoke.plan import Leftover
    from day2.wiring.site import Site


def smoke_cloud(site: "Site") -> "Cloud":
    """Wire the services that a smoke run changes, with the account for writing.

    Raises:
        Refused: unless `clouds.NAME.access` is `act`.
        BadSettings: when `clouds.NAME.writing` names no account.

    """
    from day2.adapters.openstack.compute import Compute
    from day2.adapters.openstack.own import Own
    from day2.adapters.openstack.traits import Traits
    from day2.operations.smoke.actions.cloud import Cloud
    from day2.wiring.actions import require_act

    require_act(site)
    session = _session(site)
    clock = site.clock
    return Cloud(
        own=Own(session, clock),
        compute=Compute(session, clock),
        traits=Traits(session, clock),
        clock=clock,
    )


def plan(site: "Site", *, host: str, ticket: str) -> "Plan":
    """Plan a smoke run; reads what it chooses from, and looks for what earlier ones left.

    Raises:
        Refused: when this cloud is only observed, or nothing fits.
        BadUsage: when there is no such host, image, flavor or network.

    """
    from day2.operations.smoke import plan

    changes = site.changes
    changes.require("propose")
    asked = changes.asked(f"smoke-{host or 'cloud'}", ticket)
    return plan.plan(step(site, host=host, why="asked for"), asked)


def step(site: "Site", *, host: str, why: str) -> "Step":
    """Make the step of a smoke run for another plan; its number, stage and chain are not set.

    Raises:
        Refused: when nothing fits.
        BadUsage: when there is no such host, image, flavor or network.

    """
    from day2.adapters.openstack.own import Own
    from day2.operations.smoke import choose, plan

    policy = site.section("smoke", SmokePolicy)
    own = Own(_session(site), site.clock)
    chosen = choose.choose(site.survey(choose.KINDS), policy, project=own.project, host=host)
    leftovers = _leftovers(site, own, policy)
    return plan.step(chosen, policy, why=why, cloud=site.cloud, leftovers=leftovers)


def _leftovers(site: "Site", own: "Own", policy: SmokePolicy) -> "list[Leftover]":
    """List what earlier smoke runs left: old enough, and of none that may still be resumed."""
    from day2.adapters.openstack.own import KINDS
    from day2.operations.smoke.plan import PREFIX, Leftover

    until = site.clock.now() - timedelta(hours=policy.leftover_hours)
    busy = tuple(f"{PREFIX}{run.id}-" for run in site.changes.every_run() if not run.state.ended)
    found = [thing for kind in KINDS for thing in own.beginning(kind, PREFIX)]
    young = {thing.name for thing in found if thing.created_at and thing.created_at > until}
    return [
        Leftover(kind=thing.kind, id=thing.id, name=thing.name)
        for thing in found
        if thing.name not in young and not thing.name.startswith(busy)
    ]


def _session(site: "Site") -> "Session":
    from day2.adapters.openstack import clouds
    from day2.adapters.openstack.limits import LoadSettings
    from day2.adapters.openstack.session import Session
    from day2.wiring.actions import writing

    credentials = clouds.find(writing(site), site.environment)
    return Session(credentials, limits=site.section("load", LoadSettings), clock=site.clock)
