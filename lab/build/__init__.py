# SPDX-License-Identifier: Apache-2.0
"""Make the rows of `lab/world.py` real: once, in one process, in parallel where it helps."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lab.build import administration, compute, identity, network, storage
from lab.build.session import Session
from lab.facts import Facts
from lab.world import ADMINISTRATION, EXTRAS, FOUNDATIONS, IDENTITY, SERVERS, Row

BUILDERS: dict[str, Callable[[Session, Row], None]] = {
    **identity.BUILDERS,
    **administration.BUILDERS,
    **network.BUILDERS,
    **compute.BUILDERS,
    **storage.BUILDERS,
}
THREADS = 6


def build_world(facts: Facts) -> None:
    """Build every row; a failure ends it, and the lab is then made anew."""
    session = Session(facts)
    for row in IDENTITY:
        BUILDERS[row.kind](session, row)
    for stage in (ADMINISTRATION, FOUNDATIONS, SERVERS, EXTRAS):
        with ThreadPoolExecutor(THREADS) as pool:
            running = [pool.submit(BUILDERS[row.kind], session, row) for row in stage]
        for each in running:
            each.result()
    network.wait_for_ports(session)
