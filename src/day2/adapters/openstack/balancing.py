# SPDX-License-Identifier: Apache-2.0
"""Load balancing (Octavia), as far as leaving a host needs it: one amphora and its balancer."""

from day2.adapters.clock import Clock
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part
from day2.model.tables.others import Amphora, LoadBalancer


class Balancing:
    """One region's load-balancer service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "load-balancer", clock=clock)

    def amphora(self, amphora: str) -> Amphora | None:
        """Read one amphora; None when it is proven to be gone."""
        path = f"/v2.0/octavia/amphorae/{part(amphora)}"
        return self._api.find(path, f"amphora {amphora}", Amphora, "amphora")

    def balancer(self, balancer: str) -> LoadBalancer | None:
        """Read one load balancer; None when it is proven to be gone."""
        path = f"/v2.0/lbaas/loadbalancers/{part(balancer)}"
        return self._api.find(path, f"load balancer {balancer}", LoadBalancer, "loadbalancer")

    def fail_over(self, amphora: str) -> Said:
        """Replace an amphora by a new one, which is booted elsewhere if its host is disabled."""
        path = f"/v2.0/octavia/amphorae/{part(amphora)}/failover"
        return self._api.change("PUT", path, f"failover of amphora {amphora}")
