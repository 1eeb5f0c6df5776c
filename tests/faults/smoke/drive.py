# SPDX-License-Identifier: Apache-2.0
"""Engine processes over a sandbox; each line of input is `STATE CONFIG KILL`."""

from pathlib import Path

from day2.operations.smoke.actions import server  # noqa: F401 - imported once, for every child
from day2.settings import Settings
from day2.wiring.changes import Changes
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site
from tests.faults.runs.drive import Killer, fork_for_each_line


def serve(state: Path, config: Path, killer: Killer) -> None:
    from day2.engine.process import Engine

    environment = {"DAY2_STATE": str(state), "HOME": str(state)}
    settings = Settings.load(schema=SCHEMA, given=str(config), environment=environment)
    site = Site(settings, environment=environment, config=str(config))
    changes = Changes(site)
    Engine(
        site.memory,
        clock=site.clock,
        place=lambda _cloud: changes.place(),
        heads=changes.heads,
        point=killer,
    ).run()


if __name__ == "__main__":
    fork_for_each_line(serve)
