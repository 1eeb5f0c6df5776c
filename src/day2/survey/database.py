# SPDX-License-Identifier: Apache-2.0
"""What is read of the database and of the load balancers in front of it and of the APIs."""

from collections.abc import Callable, Iterable
from typing import Any

from day2.adapters.addresses import DatabaseSettings, ProxySettings
from day2.adapters.secrets import SecretRef
from day2.survey.lanes import Job, Result, Rows

Resolve = Callable[[SecretRef], str]
PROXY_KINDS = ("proxy_endpoints", "proxy_servers")


def database_jobs(settings: DatabaseSettings, kinds: Iterable[str], resolve: Resolve) -> list[Job]:
    """Make one job per node; the password is fetched when the first of them runs."""
    if "database_nodes" not in set(kinds):
        return []
    return [
        Job(
            lane="database",
            kinds=("database_nodes",),
            what=f"database {address}",
            run=_database_node(settings, address, resolve),
        )
        for address in settings.nodes
    ]


def proxy_jobs(settings: ProxySettings, kinds: Iterable[str], resolve: Resolve) -> list[Job]:
    """Make one job per HAProxy."""
    if set(PROXY_KINDS).isdisjoint(kinds):
        return []
    return [
        Job(
            lane="load balancers",
            kinds=PROXY_KINDS,
            what="load balancer statistics",
            run=_proxy(settings, statistics, resolve),
        )
        for statistics in settings.statistics
    ]


def _database_node(
    settings: DatabaseSettings, address: str, resolve: Resolve
) -> Callable[[Rows], Result]:
    def run(_rows: Rows) -> Result:
        from day2.adapters.mariadb import DatabaseServer  # noqa: PLC0415 - a driver, in its thread

        server = DatabaseServer(
            address,
            user=settings.user,
            password=resolve(settings.password),
            ca_file=settings.ca_file,
        )
        return Result(rows={"database_nodes": [server.read()]}, requests=1)

    return run


def _proxy(settings: ProxySettings, statistics: str, resolve: Resolve) -> Callable[[Rows], Result]:
    def run(_rows: Rows) -> Result:
        from day2.adapters.haproxy import LoadBalancer  # noqa: PLC0415 - a client, in its thread

        balancer = LoadBalancer(
            statistics,
            user=settings.user,
            password=resolve(settings.password),
            ca_file=settings.ca_file,
        )
        found = balancer.read()
        rows: dict[str, list[Any]] = {
            "proxy_endpoints": [found.endpoint],
            "proxy_servers": [*found.servers],
        }
        return Result(rows=rows, requests=1)

    return run
