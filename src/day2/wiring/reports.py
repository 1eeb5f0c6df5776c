# SPDX-License-Identifier: Apache-2.0
"""Reports of kept rounds: what the memory adds to one before it is written as a file."""

import os
from datetime import timedelta
from pathlib import Path

from day2 import __version__
from day2.adapters import files
from day2.errors import BadUsage
from day2.memory import logs, rounds, usage
from day2.model.round import Report
from day2.report.html.story import Story
from day2.wiring.site import Site

ROUNDS = 30
OF_THE_ROUND = timedelta(minutes=10)
"""A review of the logs belongs to its round although it may end a moment after the judgement."""


def kept(site: Site, number: int | None) -> Report:
    """Return the report of a round of this cloud; the newest when no number is given.

    Raises:
        BadUsage: when it is not kept, or is another cloud's.

    """
    if number is None:
        newest = rounds.history(site.memory, site.cloud, site.region, count=1)
        if not newest:
            raise BadUsage("no round is kept yet", hint="run one: day2 round daily")
        return newest[0][0]
    found = rounds.load(site.memory, number)
    if found is None or (found.cloud, found.region) != (site.cloud, site.region):
        raise BadUsage(
            f"no round {number} of {site.cloud} is kept", hint="see them with: day2 health history"
        )
    return found


def story(site: Site, report: Report) -> Story:
    """Gather what a report tells: the round, those before it, and the usage of its moment."""
    tallies = [
        tally
        for tally in rounds.tallies(site.memory, site.cloud, site.region, count=ROUNDS * 2)
        if report.id is None or tally.id <= report.id
    ]
    reviews = [
        review
        for review in logs.history(site.memory, site.cloud, site.region, count=ROUNDS * 2)
        if review.until <= report.at + OF_THE_ROUND
    ]
    rows = report.usage
    if not rows:
        point = usage.at(site.memory, site.cloud, site.region, report.at)
        rows = point.rows if point else []
    return Story(
        report=report,
        usage=rows,
        tallies=tallies[:ROUNDS],
        logs=reviews[:ROUNDS],
        version=__version__,
        made_at=site.clock.now(),
    )


def write_html(site: Site, report: Report, file: Path) -> Path:
    """Write a report as one HTML file.

    Raises:
        BadUsage: when it cannot be written; the round itself is kept.

    """
    # matplotlib keeps a list of fonts, and complains where a home cannot be written.
    os.environ.setdefault("MPLCONFIGDIR", str(site.state / "matplotlib"))
    from day2.report.html import page

    try:
        files.write_private(file, page.render(story(site, report)).encode())
    except BadUsage as error:
        again = f"the round is kept; again: day2 report show --round {report.id} --html FILE"
        raise BadUsage(str(error), hint=again) from None
    return file
